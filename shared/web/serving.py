"""Serve an application in this process until it is told to stop."""

import gc
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.logs import configure_logs
from shared.settings import ProcessSettings
from shared.tracing import end_tracing, start_tracing

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept. Longer than the gateway keeps its own: a command sent on a
connection that is being closed is lost, and a command is not sent twice."""

S = TypeVar("S", bound=ProcessSettings)

_FINISH_SECONDS = 10
"""What a request in flight has at the end; with the longest drain below the 20 s of a stop."""


def serve(process: str, settings: S, create_app: Callable[[S], ASGIApp], **options: Any) -> None:
    """Run `create_app(settings)` on uvloop and httptools; `options` are uvicorn's.

    On SIGTERM the process is not ready for `drain_seconds` while it serves on, then takes no more
    connections, finishes what it has and returns. SIGINT leaves the first part out.
    """
    configure_logs(process)
    tracing = start_tracing(process, settings.otlp_endpoint)
    draining = Draining(create_app(settings))
    config = uvicorn.Config(
        draining,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # nobody reads the caller's address, and finding it costs every request
        proxy_headers=False,
        **{"timeout_graceful_shutdown": _FINISH_SECONDS, **options},
    )
    try:
        _Server(config, draining, settings.drain_seconds).run()
    finally:
        end_tracing(tracing)


class Draining:
    """In front of everything: once `is_on`, `/readyz` says so and every answer is a connection's
    last, so that clients which keep connections move to another copy before this one closes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.is_on = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_on or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/readyz":
            body = {"ready": False, "checks": {"process": "draining"}}
            await JSONResponse(body, 503)(scope, receive, _closing(send))
        else:
            await self.app(scope, receive, _closing(send))


def _closing(send: Send) -> Send:
    async def send_last(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return send_last


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, draining: Draining, drain_seconds: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain_seconds = drain_seconds
        self._closes_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What has been made by now stays: the collector need not look at it ever again."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 100)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM is not handed on as uvicorn would: a process that ended well ends with 0."""
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
        elif self._closes_at is None:
            self._draining.is_on = True
            self._closes_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._closes_at is not None and time.monotonic() >= self._closes_at:
            self.should_exit = True
        return await super().on_tick(counter)
