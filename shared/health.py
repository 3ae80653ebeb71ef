"""What a process says of itself: alive, ready, its figures; workers say it without a web app."""

from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Check = Callable[[], Awaitable[None]]
"""Raises when the dependency cannot be reached."""


def health_routes(checks: Mapping[str, Check]) -> list[BaseRoute]:
    """`/healthz` (alive), `/readyz` (dependencies, with a JSON reason), `/metrics` (Prometheus)."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        reasons: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await check()
                reasons[name] = "ok"
            except Exception as error:
                reasons[name] = f"unreachable: {type(error).__name__}"
        ready = all(reason == "ok" for reason in reasons.values())
        return JSONResponse({"ready": ready, "checks": reasons}, 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]
