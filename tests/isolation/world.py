"""The three services on real PostgreSQL and the gateway in front of them, all in this process.

There is no broker: `settle` takes what a brand's services announced and gives it to every
consumer, as relay and consumers would.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock
from uuid import UUID

import asyncpg
import httpx
import uvicorn
from asgi_lifespan import LifespanManager
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

import account_svc.app
import account_svc.consumers
import content_svc.app
import content_svc.consumers
import gateway.app
import lead_svc.app
import lead_svc.consumers
import lead_svc.webhooks.consumers
from account_svc.use_cases.health import review_accounts
from account_svc.use_cases.race import fold_standings
from content_svc.connectors.http import create_client
from content_svc.use_cases import campaigns
from content_svc.worker import timer_handlers
from deploy.local.databases import SERVICES, Service
from deploy.local.process import find_free_port
from gateway.feed import Feed
from gateway.settings import Settings as GatewaySettings
from shared.access import Principal
from shared.authentication import issue_service_token
from shared.clock import now
from shared.database import Sessions, create_engine, create_sessions
from shared.envelope import Envelope, of_headers
from shared.inbox import Inbox
from shared.sealing import open_vault
from shared.settings import read_key
from shared.timers import Due
from shared.web.serving import KEEP_ALIVE_SECONDS
from tests.isolation.site import AUDIENCE, ISSUER, Site, Tokens, Urls

GATEWAY = "gateway"
APPLICATIONS = (*SERVICES, GATEWAY)


@dataclass(frozen=True)
class Applications:
    asgi: dict[str, ASGIApp]
    states: dict[str, Any]
    """What each holds while it runs: a service's pools among it."""
    feed: Feed
    """Of the gateway."""
    addresses: dict[str, str]
    """Of the services' sockets."""


@dataclass(frozen=True)
class ConsumerGroup:
    service: Service
    topics: frozenset[str]
    inbox: Inbox
    chunk: int
    """Events in one transaction."""


@dataclass
class World:
    """`http` reaches each application in this process, without a socket."""

    site: Site
    admin_url: str
    http: dict[str, httpx.AsyncClient]
    """By application; `gateway` is one of them."""
    apps: Applications
    gateway_url: str
    """Its socket, for streams."""
    streams: httpx.AsyncClient
    """Reaches that socket."""
    pages: dict[str, bytes]
    """What the platform shows, by path."""
    sessions: dict[Service, Sessions]
    """Of the workers' roles."""
    consumers: list[ConsumerGroup]
    timers: dict[str, Any]
    pools: dict[Service, asyncpg.Pool]
    """Of the superuser."""
    person_tokens: Tokens
    service_tokens: Tokens
    announced: dict[UUID, list[Envelope]] = field(default_factory=dict)
    """What the services of a brand have announced."""
    _position: dict[tuple[UUID, Service], int] = field(default_factory=dict)

    def authorization(self, principal: Principal) -> dict[str, str]:
        """As the gateway calls a service for this caller."""
        return {"authorization": f"Bearer {self.service_tokens.of(principal)}"}

    async def send(
        self, application: str, principal: Principal, method: str, path: str, **options: Any
    ) -> httpx.Response:
        headers = {**self.authorization(principal), **options.pop("headers", {})}
        return await self.http[application].request(method, path, headers=headers, **options)

    async def ask(
        self, principal: Principal, document: str, variables: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        return await self.http[GATEWAY].post(
            "/graphql",
            json={"query": document, "variables": variables or {}},
            headers={"authorization": f"Bearer {self.person_tokens.of(principal)}"},
        )

    def database_url(self, service: Service) -> str:
        """The superuser's."""
        return database_url(self.admin_url, service)

    @asynccontextmanager
    async def database(self, service: Service) -> AsyncIterator[asyncpg.Connection]:
        """As the superuser, past row-level security."""
        async with self.pools[service].acquire() as connection:
            yield connection

    async def settle(self, brand_id: UUID) -> None:
        """Deliver what the brand's services announced, until nothing new is announced."""
        while envelopes := await self._announced(brand_id):
            self.announced.setdefault(brand_id, []).extend(envelopes)
            for consumer in self.consumers:
                wanted = [each for each in envelopes if each.topic in consumer.topics]
                for start in range(0, len(wanted), consumer.chunk):
                    await consumer.inbox.take(wanted[start : start + consumer.chunk])
        for catch_up in (fold_standings, review_accounts):
            while await catch_up(self.sessions["account"]):
                pass

    async def _announced(self, brand_id: UUID) -> list[Envelope]:
        found: list[Envelope] = []
        for service in SERVICES:
            async with self.database(service) as connection:
                rows = await connection.fetch(
                    "select id, key, topic, headers, payload from outbox "
                    "where brand_id = $1 and id > $2 order by id",
                    brand_id,
                    self._position.get((brand_id, service), 0),
                )
            for row in rows:
                self._position[brand_id, service] = row["id"]
                found.append(
                    of_headers(
                        json.loads(row["headers"]),
                        key=row["key"],
                        topic=row["topic"],
                        payload=row["payload"],
                    )
                )
        return found

    async def run_timer(self, kind: str, brand_id: UUID, subject_id: UUID) -> None:
        """What content_svc's worker does when the timer rings."""
        await self.timers[kind](Due(brand_id, kind, subject_id, now(), 0))


def database_url(admin_url: str, service: Service) -> str:
    return f"{admin_url.rpartition('/')[0]}/kos_{service}"


class FeedByHand(Feed):
    """Live without a broker."""

    async def run(self) -> None:
        self.is_live.set()
        await asyncio.Event().wait()


@asynccontextmanager
async def open_world(site: Site, admin_url: str, urls: Urls) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        sessions: dict[Service, Sessions] = {}
        pools: dict[Service, asyncpg.Pool] = {}
        for service in SERVICES:
            pool = asyncpg.create_pool(database_url(admin_url, service), min_size=0, max_size=4)
            pools[service] = await stack.enter_async_context(pool)
            engine = create_engine(urls[service].worker)
            stack.push_async_callback(engine.dispose)
            sessions[service] = create_sessions(engine)
        apps = await open_applications(site, stack)
        http = {name: await reach(app, stack, name) for name, app in apps.asgi.items()}
        platforms = await stack.enter_async_context(create_client(1.0))
        pages: dict[str, bytes] = {}
        await stack.enter_async_context(serve_on_socket(_shown(pages), site.pages_port))
        yield World(
            site,
            admin_url,
            http,
            apps,
            await stack.enter_async_context(serve_on_socket(apps.asgi[GATEWAY])),
            await stack.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False)),
            pages,
            sessions=sessions,
            consumers=_consumers(site, sessions),
            timers=timer_handlers(site.content, sessions["content"], platforms),
            pools=pools,
            person_tokens=Tokens(site.token),
            service_tokens=Tokens(partial(issue_service_token, secret=site.secret)),
        )


async def open_applications(site: Site, stack: AsyncExitStack) -> Applications:
    """The services, which the gateway calls over loopback, and the gateway."""
    made: dict[str, ASGIApp] = {
        "account": account_svc.app.create_app(site.account),
        "content": content_svc.app.create_app(site.content),
        "lead": lead_svc.app.create_app(site.lead),
    }
    managers = {name: LifespanManager(app, startup_timeout=30) for name, app in made.items()}
    addresses = {}
    for name, manager in managers.items():
        await stack.enter_async_context(manager)
        addresses[name] = await stack.enter_async_context(serve_on_socket(manager.app))
    feeds: list[Feed] = []

    def make_feed(*arguments: Any) -> Feed:
        feeds.append(FeedByHand(*arguments))
        return feeds[-1]

    with mock.patch.object(gateway.app, "Feed", make_feed):
        managers[GATEWAY] = LifespanManager(
            gateway.app.create_app(gateway_settings(site, addresses))
        )
    await stack.enter_async_context(managers[GATEWAY])
    return Applications(
        {name: manager.app for name, manager in managers.items()},
        {name: manager._state for name, manager in managers.items()},
        feeds[0],
        addresses,
    )


def gateway_settings(site: Site, addresses: Mapping[str, str], **overrides: Any) -> GatewaySettings:
    values: dict[str, Any] = {
        "environment": "development",
        "kafka_bootstrap": "127.0.0.1:1",
        "service_secret_file": site.account.service_secret_file,
        "oidc_issuer": ISSUER,
        "oidc_audience": AUDIENCE,
        "oidc_jwks_file": site.account.oidc_jwks_file,
        "account_url": addresses["account"],
        "content_url": addresses["content"],
        "lead_url": addresses["lead"],
        # these tests ask far more than a caller would in a minute
        "cost_per_minute": 1_000_000_000,
    }
    return GatewaySettings(**{**values, **overrides})


async def reach(app: ASGIApp, stack: AsyncExitStack, name: str) -> httpx.AsyncClient:
    return await stack.enter_async_context(
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}", timeout=30)
    )


@asynccontextmanager
async def serve_on_socket(app: ASGIApp, port: int | None = None) -> AsyncIterator[str]:
    """Serve an application whose lifespan is managed elsewhere; gives its address."""
    port = port or find_free_port()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        server.force_exit = True
        await running


def _shown(pages: Mapping[str, bytes]) -> ASGIApp:
    """The public pages of a platform."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = pages.get(scope["path"])
        answer = Response(body or b"", 404 if body is None else 200, media_type="text/html")
        await answer(scope, receive, send)

    return app


def _consumers(site: Site, sessions: Mapping[Service, Sessions]) -> list[ConsumerGroup]:
    """Every consumer group of the services, as its worker has it."""
    lead = lead_svc.consumers
    pipeline = lead.pipeline_handlers(open_vault(site.lead), timedelta(0))
    hooks = lead_svc.webhooks.consumers
    account, content = account_svc.consumers, content_svc.consumers
    groups: list[tuple[str, Service, Any, Any, int]] = [
        ("account_svc", "account", account.TOPICS, account.HANDLERS, 40),
        ("content_svc", "content", content.TOPICS, content.HANDLERS, 40),
        ("lead_svc", "lead", lead.DIRECTORY_TOPICS, lead.DIRECTORY_HANDLERS, 40),
        ("lead_svc.pipeline", "lead", lead.PIPELINE_TOPICS, pipeline, 1),
        ("lead_svc.webhooks", "lead", hooks.TOPICS, hooks.HANDLERS, 1),
    ]
    return [
        ConsumerGroup(
            service,
            frozenset(topics),
            Inbox(name, handlers, sessions[service], read_key(site.of(service).audit_key_file)),
            chunk,
        )
        for name, service, topics, handlers, chunk in groups
    ]


PLAN, DISPATCH = campaigns.PLAN, campaigns.DISPATCH
