"""A brand with a webhook endpoint at a real HTTP server of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from deploy.local.databases import ServiceUrls
from lead_svc.webhooks import use_cases
from lead_svc.webhooks.sender import Sender
from lead_svc.webhooks.targets import TargetPolicy, create_client
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.ids import uuid7
from shared.sealing import LocalKeyEncryption, Vault

LOCAL = TargetPolicy(allow_private=True)


@dataclass
class Sink:
    """A subscriber: notes every request and answers what the test wants."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[dict[str, str], bytes], web.Response] = lambda headers, body: web.Response()

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.requests.append((headers, body))
        await asyncio.sleep(0)
        return self.answer(headers, body)


@pytest.fixture
async def sink(free_port: Callable[[], int]) -> AsyncIterator[Sink]:
    found = Sink()
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    found.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()


@pytest.fixture
def vault() -> Vault:
    return Vault(LocalKeyEncryption({1: bytes(32)}), bytes(range(32)))


@pytest.fixture
async def sessions(lead_database: ServiceUrls) -> AsyncIterator[Sessions]:
    engine = create_engine(lead_database.worker)
    yield create_sessions(engine)
    await engine.dispose()


@pytest.fixture
async def sender(sessions: Sessions, vault: Vault) -> AsyncIterator[Sender]:
    client: httpx.AsyncClient
    async with create_client(LOCAL) as client:
        yield Sender(sessions, vault, client)


@pytest.fixture
def brand_id() -> UUID:
    return uuid7()


Subscribe = Callable[..., Awaitable[tuple[UUID, str]]]


@pytest.fixture
def subscribe(sessions: Sessions, vault: Vault, brand_id: UUID, sink: Sink) -> Subscribe:
    """Add an endpoint at the sink; its id and secret."""

    async def add(*patterns: str, includes_personal_data: bool = False) -> tuple[UUID, str]:
        async with brand_session(sessions, brand_id) as session:
            endpoint, secret = await use_cases.add_endpoint(
                session,
                brand_id,
                vault=vault,
                policy=LOCAL,
                actor="staff_test",
                url=sink.url,
                name="SCRM",
                patterns=list(patterns) or ["kos.lead.*"],
                includes_personal_data=includes_personal_data,
            )
        return endpoint.id, secret

    return add
