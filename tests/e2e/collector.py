"""A collector of spans that speaks OTLP/HTTP, as far as an exporter needs it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan


@dataclass(frozen=True, slots=True)
class Span:
    """A finished piece of work; ids in hexadecimal, the parent's empty for the first of a trace."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    started_ns: int


class Collector:
    """Keeps every span that it is sent."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._spans: list[Span] = []
        self._received: list[bytes] = []
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def listening(cls, port: int) -> Iterator[Self]:
        collector = cls(port)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    collector.take(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the test's own output is what counts."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="collector", daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def take(self, body: bytes) -> None:
        found = [
            _read(process, span)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for process in [_service_name(resource.resource.attributes)]
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += found
            self._received.append(body)

    def received(self) -> bytes:
        """All that was sent, attributes and events of the spans included."""
        with self._lock:
            return b"".join(self._received)

    def trace(self, trace_id: str) -> list[Span]:
        """The spans of one trace that have arrived by now, in the order of their start."""
        with self._lock:
            found = [span for span in self._spans if span.trace_id == trace_id]
        return sorted(found, key=lambda span: span.started_ns)


def _service_name(attributes: object) -> str:
    names = [
        each.value.string_value
        for each in attributes  # type: ignore[attr-defined]
        if each.key == "service.name"
    ]
    return str(names[0])


def _read(process: str, span: WireSpan) -> Span:
    return Span(
        process=process,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        started_ns=span.start_time_unix_nano,
    )
