"""Serve an application in this process until it is told to stop."""

from collections.abc import Callable
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from shared.logs import configure_logs
from shared.settings import ProcessSettings
from shared.tracing import start_tracing

S = TypeVar("S", bound=ProcessSettings)


def serve(process: str, settings: S, create_app: Callable[[S], ASGIApp], **options: Any) -> None:
    """Run `create_app(settings)` on uvloop and httptools; `options` are uvicorn's."""
    configure_logs(process)
    tracing = start_tracing(process, settings.otlp_endpoint)
    try:
        uvicorn.run(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            lifespan="on",
            access_log=False,
            log_config=None,
            **options,
        )
    finally:
        if tracing is not None:
            tracing.shutdown()
