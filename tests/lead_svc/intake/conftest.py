"""The intake against a real database, with the roles it runs as."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from joserfc.jwk import KeySet
from sqlalchemy import text

from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from lead_svc.intake import HookEdge, Intake, open_intake
from lead_svc.intake.routes import ROUTERS
from lead_svc.models import Connection, ConnectionStatus
from shared.access import Principal, Role
from shared.authentication import Authenticator, issue_service_token
from shared.clock import now
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.ids import typed, uuid7
from shared.sealing import LocalKeyEncryption, Vault
from shared.web import create_app
from tests.lead_svc.hooks.platforms import SECRETS, SETTINGS

SERVICE_SECRET = bytes(range(64, 96))

MakeConnection = Callable[..., Awaitable[Connection]]


@dataclass(frozen=True)
class Database:
    """Sessions as the api and as the worker, and what a brand's tables hold."""

    app: Sessions
    worker: Sessions
    intake_url: str
    brand_id: UUID

    async def rows(self, query: str, brand_id: UUID | None = None) -> list[dict[str, Any]]:
        async with brand_session(self.app, brand_id or self.brand_id) as session:
            return [dict(row) for row in (await session.execute(text(query))).mappings()]

    async def execute(self, statement: str) -> None:
        async with brand_session(self.app, self.brand_id) as session:
            await session.execute(text(statement))

    async def count(self, table: str) -> int:
        [row] = await self.rows(f"select count(*) as n from {table}")
        count: int = row["n"]
        return count

    async def counts(self) -> dict[str, int]:
        tables = ("receipt", "data_key", "lead", "outbox", "timer")
        return {table: await self.count(table) for table in tables}


NOTHING = {"receipt": 0, "data_key": 0, "lead": 0, "outbox": 0, "timer": 0}


@pytest.fixture
async def database(lead_database: ServiceUrls) -> AsyncIterator[Database]:
    """Every test has a brand of its own, so what a table shows is of that test alone."""
    app, worker = create_engine(lead_database.app), create_engine(lead_database.worker)
    assert lead_database.intake is not None
    yield Database(create_sessions(app), create_sessions(worker), lead_database.intake, uuid7())
    await app.dispose()
    await worker.dispose()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault(LocalKeyEncryption({1: bytes(range(32))}), bytes(range(32, 64)))


@pytest.fixture
def make_connection(database: Database, vault: Vault) -> MakeConnection:
    async def make(
        platform: str = "generic",
        settings: dict[str, Any] | None = None,
        brand_id: UUID | None = None,
        status: ConnectionStatus = ConnectionStatus.ACTIVE,
    ) -> Connection:
        connection = Connection(
            id=uuid7(),
            brand_id=brand_id or database.brand_id,
            platform=platform,
            name="test",
            settings=dict(SETTINGS.get(platform, {})) if settings is None else settings,
            status=status,
            created_at=now(),
        )
        connection.seal_secrets(vault, dict(SECRETS[platform]))
        async with brand_session(database.app, connection.brand_id) as session:
            session.add(connection)
        return connection

    return make


@pytest.fixture
async def intake(database: Database, vault: Vault) -> AsyncIterator[Intake]:
    async with open_intake(database.intake_url, vault) as opened:
        yield opened


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy test machine is no reason to answer 503."""
    monkeypatch.setattr("lead_svc.intake.writer.DEADLINE_SECONDS", 60.0)


@pytest.fixture
async def client(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    async with hook_client(intake) as opened:
        yield opened


def hook_client(intake: Intake) -> httpx.AsyncClient:
    """Requests reach the edge as the server hands them over: with the state of the lifespan."""
    edge = HookEdge(not_a_hook)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await edge({**scope, "state": {"intake": intake}}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lead")


async def not_a_hook(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def path_of(connection: Connection) -> str:
    return f"/hooks/{connection.platform}/{typed('conn', connection.id)}"


@pytest.fixture
async def lead_admin(postgres_server: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_server.admin_url)
    yield connection
    await connection.close()


class NoKeys:
    """No OIDC issuer: callers come through the gateway, with service tokens."""

    async def keys(self, kid: str | None) -> KeySet:
        return KeySet([])


@pytest.fixture
async def api(database: Database, vault: Vault) -> AsyncIterator[httpx.AsyncClient]:
    """The connection and receipt endpoints, called by the brand's admin."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        yield {
            "sessions": database.app,
            "authenticator": Authenticator(
                issuer="https://id.example",
                audience="kos",
                key_source=NoKeys(),
                service_secret=SERVICE_SECRET,
            ),
            "audit_key": bytes(range(32)),
            "vault": vault,
        }

    app = create_app("lead_svc", lifespan=lifespan, checks={})
    for router in ROUTERS:
        app.include_router(router)
    async with (
        LifespanManager(app) as manager,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(manager.app),
            base_url="http://lead",
            headers=authorization(database.brand_id),
        ) as opened,
    ):
        yield opened


def authorization(brand_id: UUID, role: Role = Role.BRAND_ADMIN) -> dict[str, str]:
    principal = Principal(brand_id=brand_id, actor="staff_test", roles=frozenset({role}))
    return {"authorization": f"Bearer {issue_service_token(principal, SERVICE_SECRET)}"}
