"""One PostgreSQL and one Kafka for each process of the run, on free ports, gone afterwards.

Kafka starts when a test first asks for it. Tests share the databases: they keep apart by making
their own brand. Topics are kept apart by `make_topic`.
"""

import asyncio
import secrets
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from deploy.local import databases, kafka, postgres
from deploy.local.databases import Service, ServiceUrls
from deploy.local.postgres import PostgresServer
from deploy.local.process import find_free_port
from shared import migrations
from tests.isolation import report

WHOLE_STACKS = (
    "tests/chaos/",
    "tests/deploy/test_readme.py",
    "tests/deploy/test_stack.py",
    "tests/e2e/",
)
"""Tests that start all processes: one after the other, so that no two stacks share the machine's
cores, and begun first, for together they take longest.
"""
SHARED_WORLDS = ("tests/isolation/", "tests/hostile/")
"""Folders whose files share something that takes long to make."""

Result = TypeVar("Result")
MakeTopic = Callable[..., Awaitable[str]]

# How fast a machine makes up examples is no fault of what they are made for.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Drawing a traceback with the values of every frame takes longer than what most tests are about.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end on a loop of its own, without touching the loop of the tests."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return ByStack(config, log)


class ByStack(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process of the run a file at a time, or what shares a stack as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(WHOLE_STACKS):
            return "whole stacks"
        if report.IS_LONG and nodeid.startswith("tests/isolation/"):
            return nodeid  # a test takes longer than a world of its own
        for world in SHARED_WORLDS:
            if nodeid.startswith(world):
                return world
        return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(WHOLE_STACKS))


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Call it for a loopback port that nobody uses."""
    return find_free_port


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A short-lived folder outside of pytest's own, which the PostgreSQL user could not enter."""
    with tempfile.TemporaryDirectory(prefix="kos-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """Where the servers of the run keep data and logs."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_server(server_dir: Path) -> Iterator[PostgresServer]:
    server = run(
        postgres.start(
            server_dir / "postgres",
            port=find_free_port(),
            password=secrets.token_urlsafe(16),
            run_dir=server_dir / "run",
            log=server_dir / "postgres.log",
            durable=False,
        )
    )
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kafka_bootstrap(server_dir: Path) -> Iterator[str]:
    """The address of a broker without topics; it does not create any by itself."""
    broker = run(
        kafka.start(
            server_dir / "kafka",
            port=find_free_port(),
            controller_port=find_free_port(),
            run_dir=server_dir / "run",
            log=server_dir / "kafka.log",
        )
    )
    try:
        yield broker.bootstrap
    finally:
        broker.stop()


@pytest.fixture(scope="session")
def account_database(postgres_server: PostgresServer) -> ServiceUrls:
    return make_database(postgres_server, "account")


@pytest.fixture(scope="session")
def content_database(postgres_server: PostgresServer) -> ServiceUrls:
    return make_database(postgres_server, "content")


@pytest.fixture(scope="session")
def lead_database(postgres_server: PostgresServer) -> ServiceUrls:
    return make_database(postgres_server, "lead")


def make_database(server: PostgresServer, service: Service) -> ServiceUrls:
    """The service's database and roles, migrated."""
    urls = run(databases.provision(server.admin_url, service, databases.make_passwords()))
    # in a thread, for it runs an event loop of its own
    run(asyncio.to_thread(migrations.upgrade, service, urls.owner))
    return urls


@pytest.fixture
async def make_topic(kafka_bootstrap: str) -> AsyncIterator[MakeTopic]:
    """Call it for a topic of this test alone: `await make_topic(partitions=3)` gives its name."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    names: list[str] = []

    async def make(partitions: int = 1) -> str:
        name = f"test.{uuid.uuid4().hex}"
        await admin.create_topics(
            [NewTopic(name=name, num_partitions=partitions, replication_factor=1)]
        )
        names.append(name)
        return name

    try:
        yield make
    finally:
        if names:
            await admin.delete_topics(names)
        await admin.close()
