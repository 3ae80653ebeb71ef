"""The application skeleton of a process: request ids, access log, metrics."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from fastapi import FastAPI
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Invalid
from shared.health import Check, health_routes
from shared.ids import uuid7
from shared.logs import log_request
from shared.tracing import request_id, span
from shared.web.bodies import NUL_REFUSED, unfit_parameter
from shared.web.problems import PROBLEM_RESPONSES, install, render, render_bug

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]

REQUESTS = Counter("kos_http_requests_total", "HTTP requests", ["method", "route", "status"])
SECONDS = Histogram("kos_http_request_seconds", "HTTP request duration", ["method", "route"])


def create_app(title: str, *, lifespan: Lifespan, checks: Mapping[str, Check]) -> FastAPI:
    """A FastAPI application with the platform's edge; the service adds its routers.

    `checks` maps a dependency's name to what `/readyz` calls to reach it.
    """
    app = FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        responses=PROBLEM_RESPONSES,
        docs_url=None,
        redoc_url=None,
        # RequestEdge does it, without query strings and the messages of exceptions
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    install(app)
    app.router.routes.extend(health_routes(checks))
    app.add_middleware(RequestEdge)
    return app


class RequestEdge:
    """Gives every request an id and a span, counts and logs it without its content.

    A bug is answered in here, where the request still has its id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        current = given if 8 <= len(given) <= 64 and given.isascii() and given.isprintable() else ""
        current = current or str(uuid7())
        token = request_id.set(current)
        started = time.perf_counter()
        status = 500
        is_answered = False

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_answered
            if message["type"] == "http.response.start":
                status, is_answered = message["status"], True
                message["headers"] = [*message["headers"], (b"x-request-id", current.encode())]
            await send(message)

        parent = headers.get(b"traceparent")
        try:
            with span(
                f"{scope['method']} {scope['path']}",
                kind=SpanKind.SERVER,
                traceparent=parent.decode("latin-1") if parent else None,
            ):
                unfit = unfit_parameter(scope["query_string"])
                if unfit is None:
                    await self.app(scope, receive, send_with_id)
                else:
                    refusal = Invalid(NUL_REFUSED, field=f"/{unfit}")
                    await render(refusal)(scope, receive, send_with_id)
        except Exception as error:
            if is_answered:
                raise
            await render_bug(error)(scope, receive, send_with_id)
        finally:
            self._observe(scope, status, time.perf_counter() - started)
            request_id.reset(token)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"]
        route = getattr(scope.get("route"), "path", "unmatched")
        requests, duration = _figures(method, route, status)
        requests.inc()
        duration.observe(seconds)
        if route not in ("/healthz", "/readyz", "/metrics"):
            log_request(
                method=method, route=route, status=status, duration_ms=round(seconds * 1000, 1)
            )


@cache
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The series of such requests; methods and routes are few, the HTTP parser knows no others."""
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)
