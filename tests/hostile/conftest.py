"""The three services behind a gateway, as tests/isolation has them, with one brand in them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from shared.access import Principal, Role
from shared.ids import typed, uuid7
from tests.gateway.conftest import key_files, make_token, signing_key
from tests.gateway.services import Services
from tests.isolation import report
from tests.isolation.site import Urls, make_site
from tests.isolation.world import World, open_world

__all__ = ["key_files", "make_token", "signing_key"]

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
async def world(
    account_database: ServiceUrls,
    content_database: ServiceUrls,
    lead_database: ServiceUrls,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    urls: Urls = {"account": account_database, "content": content_database, "lead": lead_database}
    site = make_site(urls, tmp_path_factory.mktemp("hostile"))
    async with open_world(site, postgres_server.admin_url, urls) as world:
        yield world


@pytest.fixture(scope="package")
async def admin(world: World) -> Principal:
    """The administrator of a brand."""
    brand_id = uuid7()
    platform = Principal(brand_id, "platform", frozenset({Role.PLATFORM_ADMIN}))
    facts = {"id": typed("brand", brand_id), "name": "brand", "industry": "general"}
    answer = await world.send("account", platform, "POST", "/brands", json=facts)
    assert answer.status_code == 201, answer.text
    await world.settle(brand_id)
    return Principal(brand_id, "admin", frozenset({Role.BRAND_ADMIN}))


@pytest.fixture
async def services(key_files: Path) -> AsyncIterator[Services]:
    """The services' REST; like the real ones it takes addresses of any length."""
    served = Services((key_files / "service_secret").read_text())
    server = TestServer(served.app())
    await server.start_server(max_line_size=1_000_000, max_field_size=1_000_000)
    served.url = str(server.make_url("/")).rstrip("/")
    try:
        yield served
    finally:
        await server.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.path.name in ("test_schemas.py", "test_documents.py"):
            item.add_marker(pytest.mark.timeout(3600 if report.IS_LONG else 300))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if report.IS_LONG:
        terminalreporter.section("hostile input")
        for line in report.lines:
            terminalreporter.line(line)
