"""The worker role of a service: relay, consumers, timers in one process, ended together."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog
import uvicorn
from starlette.applications import Starlette

from shared.health import Check, health_routes
from shared.logs import configure_logs
from shared.settings import ServiceSettings
from shared.tracing import end_tracing, start_tracing

Task = tuple[str, Callable[[asyncio.Event], Coroutine[Any, Any, None]]]
"""A name and a coroutine function that works until the event is set."""

S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[S, AsyncExitStack], Awaitable[tuple[list[Task], Mapping[str, Check]]]]
"""Opens what the tasks need on the stack; returns the tasks and the readiness checks."""

# with the five of a consumer that has no broker, and the last spans, below the 20 s of a stop
_DRAIN_SECONDS = 12

log = structlog.get_logger(__name__)


async def run_worker(name: str, settings: S, build: Build[S]) -> None:
    """Run until SIGTERM or SIGINT; finish work in flight, then return.

    When a task dies, the others are stopped and its exception is raised: the supervisor restarts
    the process, nothing is kept in memory that a restart would lose.
    """
    configure_logs(name)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    tracing = start_tracing(name, settings.otlp_endpoint)
    try:
        async with AsyncExitStack() as stack:
            tasks, checks = await build(settings, stack)
            await _run_tasks(tasks, stopping, health_server(settings, checks))
    finally:
        end_tracing(tracing)


def health_server(settings: ServiceSettings, checks: Mapping[str, Check]) -> uvicorn.Server:
    """`/healthz /readyz /metrics` of a process that serves nothing else."""
    config = uvicorn.Config(
        Starlette(routes=health_routes(checks)),
        host=settings.host,
        port=settings.worker_port,
        log_config=None,
        access_log=False,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    return server


async def _run_tasks(tasks: list[Task], stopping: asyncio.Event, server: uvicorn.Server) -> None:
    running = {asyncio.create_task(run(stopping), name=name) for name, run in tasks}
    health = asyncio.create_task(server.serve(), name="health")
    stop = asyncio.create_task(stopping.wait(), name="stop")
    try:
        await asyncio.wait({*running, health, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.set()
        server.should_exit = True
        _, late = await asyncio.wait({*running, health}, timeout=_DRAIN_SECONDS)
        for task in late:
            log.warning("task_cut_off", name=task.get_name())
            task.cancel()
        await asyncio.wait({stop})
    outcomes = await asyncio.gather(*running, health, return_exceptions=True)
    failures = [error for error in outcomes if isinstance(error, Exception)]
    if failures:
        raise ExceptionGroup("worker", failures)


class _NoSignals:
    """uvicorn would take SIGTERM for itself; the worker's own handler stops the server."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _no_signals() -> Any:
    return _NoSignals()
