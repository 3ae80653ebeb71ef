"""The application over its real database. Every test makes a brand of its own and keeps to it."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from asgi_lifespan import LifespanManager
from sqlalchemy.ext.asyncio import AsyncEngine

from content_svc.app import create_app
from content_svc.settings import Settings
from deploy.local.databases import ServiceUrls
from shared.database import Sessions, create_engine, create_sessions
from shared.settings import read_key
from tests.content_svc.making import Brand, make_brand
from tests.content_svc.sandbox import Sandbox, Worker, run_sandbox, run_worker, sandboxed
from tests.wiring import wire


@pytest.fixture(scope="session")
def settings(content_database: ServiceUrls, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("content")
    return Settings(
        **wire(content_database, folder),
        asset_store_url=(folder / "assets").as_uri(),
        largest_asset_bytes=1_000_000,
    )


@pytest.fixture(scope="session")
async def http(settings: Settings, shared_sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(sandboxed(settings, shared_sandbox))
    async with LifespanManager(app) as manager:
        transport = httpx.ASGITransport(app=manager.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://content") as client:
            yield client


@pytest.fixture(scope="session")
async def worker_engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(settings.worker_database_url, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(worker_engine: AsyncEngine) -> Sessions:
    """Sessions of the worker's role."""
    return create_sessions(worker_engine)


@pytest.fixture
async def brand(http: httpx.AsyncClient, settings: Settings, sessions: Sessions) -> Brand:
    """A brand of this test alone: a region with two stores, and the API as its administrator."""
    return await make_brand(http, read_key(settings.service_secret_file), sessions)


@pytest.fixture
async def other_brand(http: httpx.AsyncClient, settings: Settings, sessions: Sessions) -> Brand:
    return await make_brand(http, read_key(settings.service_secret_file), sessions)


@pytest.fixture(scope="session")
async def shared_sandbox(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> AsyncIterator[Sandbox]:
    async with run_sandbox(tmp_path_factory.mktemp("sandbox"), free_port()) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """The platforms, with nothing on them yet."""
    await shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
async def worker(settings: Settings, sandbox: Sandbox, brand: Brand) -> AsyncIterator[Worker]:
    async with run_worker(sandboxed(settings, sandbox), brand) as worker:
        yield worker
