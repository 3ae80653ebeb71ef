"""A process that serves: `PORT DRAIN_SECONDS`. Its `/slow` takes longer than it drains."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.settings import ProcessSettings
from shared.web.serving import serve


def create_app(settings: ProcessSettings) -> Starlette:
    async def quick(_: Request) -> Response:
        return PlainTextResponse("quick")

    async def slow(_: Request) -> Response:
        await asyncio.sleep(settings.drain_seconds + 1)
        return PlainTextResponse("finished")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        print("closed", flush=True)

    routes = [Route("/", quick), Route("/readyz", quick), Route("/slow", slow)]
    return Starlette(routes=routes, lifespan=lifespan)


serve(
    "test",
    ProcessSettings(
        port=int(sys.argv[1]),
        drain_seconds=float(sys.argv[2]),
        kafka_bootstrap="127.0.0.1:1",
        service_secret_file=Path("none"),
        oidc_issuer="none",
        oidc_audience="none",
        oidc_jwks_url="none",
    ),
    create_app,
)
