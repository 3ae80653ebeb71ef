"""The end of tracing: the last spans are sent, but nobody waits long for a collector."""

import socket
import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.tracing import end_tracing


def test_a_collector_that_never_answers_delays_no_stop() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        provider = TracerProvider(shutdown_on_exit=False)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        with provider.get_tracer("test").start_as_current_span("last"):
            pass
        started = time.monotonic()

        end_tracing(provider)

        # the exporter alone gives a request ten seconds
        assert time.monotonic() - started < 9


def test_without_tracing_there_is_nothing_to_end() -> None:
    end_tracing(None)
