"""One stack for all these tests: PostgreSQL, Kafka, sandbox, the services in both roles, gateway.

It is started by the embedded stack's own code on free ports, in a folder of its own.
"""

from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from deploy.local.process import find_free_port
from deploy.local.report import Report
from deploy.local.settings import Ports, StackSettings
from deploy.local.stack import Stack, own
from tests.conftest import reachable_folder, run
from tests.e2e.collector import Collector
from tests.e2e.stack import Running

# shorter than in an installation, so that a test does not wait for what time alone brings
_IN_A_HURRY = {
    # a worker that died leaves posts in flight; after this they are looked up
    "CONTENT_DISPATCH_LEASE_SECONDS": "3",
    "CONTENT_REVIEW_POLL_SECONDS": "0.5",
    "CONTENT_MEASURE_FIRST_SECONDS": "1",
    "SANDBOX_REVIEW_SECONDS": "0.2",
    "SANDBOX_GROWTH_SECONDS": "2",
    "SANDBOX_HOOK_RETRY_SECONDS": "0.5",
    "OTEL_BSP_SCHEDULE_DELAY": "300",
    # the rolling update has somebody who balances over copies
    **{f"{name}_DRAIN_SECONDS": "1" for name in ("ACCOUNT", "CONTENT", "LEAD", "GATEWAY")},
}


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Where every process of the stack sends its spans."""
    with Collector.listening(find_free_port()) as collector:
        yield collector


@pytest.fixture(scope="package")
def running(collector: Collector) -> Iterator[Running]:
    settings = {
        **_IN_A_HURRY,
        **{
            f"{name}_OTLP_ENDPOINT": collector.url
            for name in ("ACCOUNT", "CONTENT", "LEAD", "GATEWAY")
        },
    }
    # for as long as the stack lives: a process that is started again reads them again
    with pytest.MonkeyPatch.context() as environment, reachable_folder() as home:
        for name, value in settings.items():
            environment.setenv(name, value)
        ports = Ports.model_validate({name: find_free_port() for name in Ports.model_fields})
        stack = Stack(
            StackSettings(home=home, ports=ports, ready_seconds=90),
            Report(Console(file=StringIO())),
        )
        with own(stack.settings):
            try:
                run(stack.start(infrastructure_only=False))
                yield Running(stack)
            finally:
                stack.stop()


@pytest.fixture(autouse=True)
def _nothing_dies_by_itself(running: Running) -> Iterator[None]:
    """A process that ends unasked fails the test in which it did."""
    yield
    running.stack.check()
