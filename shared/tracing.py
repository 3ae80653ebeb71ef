"""Where a piece of work came from: request id, actor and W3C trace context, carried along.

Tracing is off until `OTLP_ENDPOINT` is set; the trace context is passed on either way, so that
one lead can be followed from its hook to its webhook across HTTP and Kafka.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_LAST_SPANS_SECONDS = 2

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("kos")
_is_recording = False


def start_tracing(process: str, otlp_endpoint: str) -> "TracerProvider | None":
    """Send spans to an OTLP/HTTP collector; None (and nothing sent) when the endpoint is empty.

    The caller ends it with `end_tracing` at its own end.
    """
    if not otlp_endpoint:
        return None
    # heavy, and of no use where tracing is off
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": process}))
    exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    global _is_recording  # noqa: PLW0603 - as the library's provider: of the process, set once
    _is_recording = True
    return provider


def end_tracing(provider: "TracerProvider | None") -> None:
    """Send what is left, for two seconds at most: a collector that is away delays no stop.

    The provider alone would wait for half a minute.
    """
    if provider is not None:
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(_LAST_SPANS_SECONDS)


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the work in progress, or None outside any trace."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return None
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    traceparent: str | None = None,
    attributes: dict[str, str] | None = None,
) -> Iterator[None]:
    """A span around the block; `traceparent` continues a trace that came from outside.

    An exception marks it by type alone: its message may quote a person's data.
    """
    if traceparent is None and not _is_recording:
        yield  # nothing to carry on and nobody to tell
        return
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    token = otel_context.attach(parent) if parent is not None else None
    try:
        with _tracer.start_as_current_span(
            name,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as current:
            try:
                yield
            except Exception as error:
                current.set_status(StatusCode.ERROR, type(error).__name__)
                raise
    finally:
        if token is not None:
            otel_context.detach(token)
