"""The application over its real database. Every test makes a brand of its own and keeps to it."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from asgi_lifespan import LifespanManager
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp

from account_svc.app import create_app
from account_svc.consumers import HANDLERS
from account_svc.settings import Settings
from deploy.local.databases import ServiceUrls
from shared.database import Sessions, create_engine, create_sessions
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.settings import read_key
from tests.account_svc.graph import Graph, open_graph
from tests.account_svc.making import Api, make_brand, make_staff
from tests.caller import Json
from tests.wiring import wire


@pytest.fixture(scope="session")
def signing_key() -> RSAKey:
    """Of the issuer of people's tokens."""
    return RSAKey.generate_key(2048, {"kid": "test"})


@pytest.fixture(scope="session")
def settings(
    account_database: ServiceUrls, tmp_path_factory: pytest.TempPathFactory, signing_key: RSAKey
) -> Settings:
    wired = wire(account_database, tmp_path_factory.mktemp("account-keys"))
    wired["oidc_jwks_file"].write_text(json.dumps(KeySet([signing_key]).as_dict(private=False)))
    return Settings(**wired)


@pytest.fixture(scope="session")
def service_secret(settings: Settings) -> bytes:
    return read_key(settings.service_secret_file)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[ASGIApp]:
    async with LifespanManager(create_app(settings)) as manager:
        yield manager.app


@pytest.fixture(scope="session")
async def http(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://account") as client:
        yield client


@pytest.fixture(scope="session")
async def graph(app: ASGIApp, settings: Settings, signing_key: RSAKey) -> AsyncIterator[Graph]:
    async with open_graph(app, settings, signing_key) as graph:
        yield graph


@pytest.fixture(scope="session")
async def app_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.database_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def worker_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.worker_database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(app_engine: AsyncEngine) -> Sessions:
    """Sessions of the api's role."""
    return create_sessions(app_engine)


@pytest.fixture
def worker_sessions(worker_engine: AsyncEngine) -> Sessions:
    return create_sessions(worker_engine)


@pytest.fixture
async def api(http: httpx.AsyncClient, service_secret: bytes, sessions: Sessions) -> Api:
    """The service as a brand administrator of a brand that only this test has."""
    return await make_brand(http, service_secret, sessions)


@pytest.fixture
async def other_api(http: httpx.AsyncClient, service_secret: bytes, sessions: Sessions) -> Api:
    """Another brand."""
    return await make_brand(http, service_secret, sessions)


@pytest.fixture
def inbox(worker_sessions: Sessions) -> Inbox:
    """A consumer of this test alone, with the service's handlers."""
    return Inbox(f"test-{uuid7()}", HANDLERS, worker_sessions, bytes(32))


@pytest.fixture
async def seller(api: Api) -> Json:
    return await make_staff(api)
