"""Two brands that have everything, in three services behind a gateway."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from tests.isolation import report
from tests.isolation.brand import Brand
from tests.isolation.keeping import Kept, keep
from tests.isolation.planting import plant
from tests.isolation.site import Site, Urls, make_site
from tests.isolation.world import World, open_world

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def urls(
    account_database: ServiceUrls, content_database: ServiceUrls, lead_database: ServiceUrls
) -> Urls:
    return {"account": account_database, "content": content_database, "lead": lead_database}


@pytest.fixture(scope="package")
def site(urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(urls, tmp_path_factory.mktemp("isolation"))


@pytest.fixture(scope="package")
async def world(site: Site, urls: Urls, postgres_server: PostgresServer) -> AsyncIterator[World]:
    async with open_world(site, postgres_server.admin_url, urls) as world:
        yield world


@pytest.fixture(scope="package")
async def kept(world: World) -> AsyncIterator[Kept]:
    made = await keep(world, (await plant(world, "first"), await plant(world, "second")))
    yield made
    await made.forget()


@pytest.fixture
async def brands(kept: Kept) -> AsyncIterator[tuple[Brand, Brand]]:
    yield kept.brands
    await kept.put_back()


@pytest.fixture(params=["first asks", "second asks"] if report.IS_LONG else ["first asks"])
def sides(request: pytest.FixtureRequest, brands: tuple[Brand, Brand]) -> tuple[Brand, Brand]:
    """Who asks, and whose things it asks with."""
    return brands if request.param == "first asks" else (brands[1], brands[0])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One of these tests sends thousands of requests."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(3600 if report.IS_LONG else 300))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of a run in parallel gives what it counted to the one that prints."""
    given = getattr(session.config, "workeroutput", None)
    if given is not None:
        given["isolation"] = report.lines


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    report.lines += getattr(node, "workeroutput", {}).get("isolation", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if report.IS_LONG:
        terminalreporter.section("isolation")
        for line in sorted(report.lines):
            terminalreporter.line(line)
