"""The gateway's application: the only place that builds its clients."""

import asyncio
import gc
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.credentials import Caller, Credentials
from gateway.edge.budget import Budget
from gateway.edge.documents import Documents, read_trusted
from gateway.edge.http import GraphQLEndpoint
from gateway.edge.operations import Operations
from gateway.edge.websocket import WebSocketEndpoint
from gateway.feed import Feed
from gateway.schema import KINDS, schema
from gateway.schema.live import TOPICS
from gateway.settings import Settings
from gateway.upstream import Refused, Service, Unavailable, Upstream
from shared.authentication import open_authenticator
from shared.errors import Overloaded, Unauthenticated
from shared.health import Check, health_routes
from shared.settings import Environment, read_key
from shared.web.app import RequestEdge

CONSOLE = Path(__file__).parent / "console"


class Gateway:
    """`/graphql` in front of the ordinary routes: the hot path passes no router."""

    def __init__(self, pages: ASGIApp) -> None:
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] != "/graphql":
            await self._pages(scope, receive, send)
        elif scope["type"] == "http":
            scope["route"] = _GRAPHQL
            await scope["state"]["graphql"](scope, receive, send)
        else:
            await scope["state"]["graphql_websocket"](scope, receive, send)


def create_app(settings: Settings) -> ASGIApp:
    is_production = settings.environment is Environment.PRODUCTION
    secret = (
        secrets.token_bytes(32)
        if settings.service_secret_file is None
        else read_key(settings.service_secret_file)
    )
    feed = Feed(settings.kafka_bootstrap, TOPICS)
    urls = {
        Service.ACCOUNT: settings.account_url,
        Service.CONTENT: settings.content_url,
        Service.LEAD: settings.lead_url,
    }
    documents = Documents(
        schema._schema,
        most_cost=settings.query_cost,
        introspection=not is_production,
        trusted=read_trusted(settings.trusted_documents_file),
    )
    upstreams: list[Upstream] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            upstream = Upstream(
                urls,
                connections=settings.upstream_connections,
                waiting=settings.upstream_waiting,
                seconds=settings.upstream_seconds,
            )
            stack.push_async_callback(upstream.close)
            upstreams.append(upstream)
            authenticator = await stack.enter_async_context(
                open_authenticator(settings, is_inside=False)
            )
            credentials = Credentials(authenticator, secret)
            operations = Operations(
                schema,
                documents,
                Budget(settings.cost_per_minute),
                upstream,
                feed,
                KINDS,
                seconds=settings.query_seconds,
                trusted_only=settings.trusted_documents_only,
                hide_suggestions=is_production,
            )
            verify_key = partial(verify_api_key, upstream)
            if settings.kafka_bootstrap:
                following = asyncio.create_task(feed.run(), name="feed")
                stack.push_async_callback(_cancel, following)
            gc.collect()
            gc.freeze()
            gc.set_threshold(10_000, 50, 100)
            yield {
                "graphql": GraphQLEndpoint(
                    operations,
                    credentials,
                    verify_key,
                    most_bytes=settings.query_bytes,
                    draft_statuses=settings.draft_statuses,
                ),
                "graphql_websocket": WebSocketEndpoint(operations, credentials, verify_key),
            }

    def reach(service: Service) -> Any:
        async def check() -> None:
            await upstreams[-1].check(service)

        return check

    checks: dict[str, Check] = {service: reach(service) for service in urls}
    if settings.kafka_bootstrap:
        checks["feed"] = feed.check
    routes = health_routes(checks)
    if not is_production:
        # As introspection: what the schema offers is told to developers only.
        routes += [
            Route("/", _console),
            Route("/schema.graphql", _schema),
            Mount("/console", StaticFiles(directory=CONSOLE)),
        ]
    return RequestEdge(Gateway(Starlette(routes=routes, lifespan=lifespan)))


async def verify_api_key(upstream: Upstream, key: str, gateway: Caller) -> bytes:
    """The claims of an API key, from account_svc, which owns them."""
    body = msgspec.json.encode({"key": key})
    try:
        return await upstream.fetch(
            Service.ACCOUNT, "POST", "/api-keys/verify", gateway, body, is_read=True
        )
    except Refused as error:
        raise Unauthenticated("the key is not valid") from error
    except Unavailable as error:
        if error.status == 401:
            raise Unauthenticated("the key is not valid") from error
        raise Overloaded("keys cannot be verified at the moment") from error


async def _console(_: Request) -> Response:
    return FileResponse(
        CONSOLE / "index.html",
        headers={"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"},
    )


async def _schema(_: Request) -> Response:
    return Response(schema.as_str() + "\n", media_type="text/plain; charset=utf-8")


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class _Named:
    """What the request log calls the route."""

    path = "/graphql"


_GRAPHQL = _Named()
