"""Everything lost and brought back from a backup that was taken in the middle of the work.

Two databases and the log between them: one side counts and announces each count, the other writes
down what it hears. After the restore they agree again, whatever was on its way at that moment.
"""

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from deploy.local import databases, identity, kafka, postgres
from deploy.local.backup import NotRestored, NotTaken, restore_backup, take_backup
from deploy.local.backup.log import copy_topic, find_ends, reading
from deploy.local.backup.restore import read_backup
from deploy.local.backup.take import cutting
from deploy.local.databases import SERVICES, Service, ServiceUrls
from deploy.local.process import find_free_port, kill_group
from shared import migrations
from shared.consumer import Consumer
from shared.database import create_engine, create_sessions
from shared.events.account import StaffReturned
from shared.ids import uuid7
from shared.kafka import create_topics
from shared.relay import run_relay
from tests.conftest import reachable_folder
from tests.shared.conftest import AUDIT_KEY
from tests.shared.consumer_process import note
from tests.shared.log_reading import insert_event

pytestmark = pytest.mark.timeout(300)

TOPIC = "kos.backup-test"
QUIET = "kos.backup-quiet"
"""Nobody has published to it."""
GROUP = "backup-test"
BRAND = uuid7()
STAFF = [uuid7() for _ in range(6)]
COUNTING = (
    "create table counted (key uuid primary key, version bigint not null)",
    "grant all on counted to kos_account_app",
)
SEEING = (
    "create table seen (position bigint generated always as identity primary key, "
    "brand_id uuid not null, key text not null, version bigint not null)",
    "grant all on seen to kos_content_worker",
)


@dataclass
class Installation:
    """Servers of its own in a folder, which can be lost and set up anew."""

    home: Path
    passwords: dict[str, str]
    admin_url: str
    bootstrap: str
    servers: list[postgres.PostgresServer | kafka.KafkaBroker]

    def urls(self, service: Service) -> ServiceUrls:
        return databases.urls_of(self.admin_url, service, self.passwords)

    async def lose_everything(self) -> None:
        """As a dead disk: nothing stops by itself, nothing is left. Then empty servers again."""
        for server in self.servers:
            kill_group(server.child.process.pid)
            server.stop()
        for name in ("postgres", "kafka"):
            await asyncio.to_thread(shutil.rmtree, self.home / name)
        empty = await set_up(self.home)
        self.admin_url, self.bootstrap = empty.admin_url, empty.bootstrap
        self.servers = empty.servers


async def set_up(home: Path) -> Installation:
    """Servers with provisioned databases and the topic, nothing in them."""
    passwords = identity.ensure_secrets(home / "keys")
    server, broker = await asyncio.gather(
        postgres.start(
            home / "postgres",
            port=find_free_port(),
            password=secrets.token_urlsafe(8),
            log=home / "postgres.log",
            durable=False,
            run_dir=home / "run",
        ),
        kafka.start(
            home / "kafka",
            port=find_free_port(),
            controller_port=find_free_port(),
            log=home / "kafka.log",
            run_dir=home / "run",
        ),
    )
    for service in SERVICES:
        await databases.provision(server.admin_url, service, passwords)
    await create_topics(broker.bootstrap, [TOPIC, QUIET], partitions=3)
    return Installation(home, passwords, server.admin_url, broker.bootstrap, [server, broker])


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
async def installation(home: Path) -> AsyncIterator[Installation]:
    made = await set_up(home)
    try:
        for service in SERVICES:
            await asyncio.to_thread(migrations.upgrade, service, made.urls(service).owner)
        await execute(made.urls("account").owner, *COUNTING)
        await execute(made.urls("content").owner, *SEEING)
        yield made
    finally:
        for server in made.servers:
            server.stop()


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def count(url: str, stopping: asyncio.Event, staff_id: UUID) -> None:
    """Count up, announcing each count in the transaction that makes it."""
    connection = await asyncpg.connect(url)
    try:
        while not stopping.is_set():
            async with connection.transaction():
                version = await connection.fetchval(
                    "insert into counted values ($1, 1) on conflict (key) "
                    "do update set version = counted.version + 1 returning version",
                    staff_id,
                )
                await insert_event(connection, BRAND, TOPIC, staff_id, version)
            await asyncio.sleep(0.02)
    finally:
        await connection.close()


@asynccontextmanager
async def working(installation: Installation, *, counting: bool) -> AsyncIterator[None]:
    """Relay and consumer run, and whoever counts if somebody does."""
    account, content = installation.urls("account"), installation.urls("content")
    engine = create_engine(content.worker)
    consumer = Consumer(
        name=GROUP,
        topics=[TOPIC],
        handlers={StaffReturned: note},
        sessions=create_sessions(engine),
        bootstrap=installation.bootstrap,
        audit_key=AUDIT_KEY,
    )
    counters, others = asyncio.Event(), asyncio.Event()
    work = [
        asyncio.create_task(run_relay(account.relay, installation.bootstrap, "backup", others)),
        asyncio.create_task(consumer.run(others)),
    ]
    work += [
        asyncio.create_task(count(account.app, counters, staff_id))
        for staff_id in STAFF
        if counting
    ]
    try:
        yield
    finally:
        counters.set()
        others.set()
        await asyncio.gather(*work)
        await engine.dispose()


async def counted(installation: Installation) -> dict[str, int]:
    rows = await _fetch(installation, "account", "select key, version from counted")
    return {str(StaffReturned(staff_id=key).subject): version for key, version in rows}


async def seen(installation: Installation) -> dict[str, list[int]]:
    rows = await _fetch(installation, "content", "select key, version from seen order by position")
    found: dict[str, list[int]] = {}
    for key, version in rows:
        found.setdefault(key, []).append(version)
    return found


async def _fetch(
    installation: Installation, service: Service, statement: str
) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(
        databases.url_of_database(installation.admin_url, f"kos_{service}")
    )
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.05)


async def back_up(installation: Installation, folder: Path | None = None) -> Path:
    folder = folder or installation.home / f"backup-{uuid7().hex}"
    await take_backup(
        installation.admin_url,
        installation.bootstrap,
        folder,
        topics=[TOPIC],
        key_dir=installation.home / "keys",
    )
    return folder


async def bring_back(installation: Installation, folder: Path) -> None:
    manifest = read_backup(folder, installation.home / "keys")
    await restore_backup(installation.admin_url, installation.bootstrap, folder, manifest)


async def test_a_backup_taken_in_the_middle_comes_back_and_converges(
    installation: Installation,
) -> None:
    async def many_seen() -> bool:
        return sum(map(len, (await seen(installation)).values())) > 200

    async with working(installation, counting=True):
        await wait_until(many_seen)
        folder = await back_up(installation)
        later = await counted(installation)
    rights, records = await all_rights(installation), await all_records(installation)

    await installation.lose_everything()
    await bring_back(installation, folder)

    assert await all_rights(installation) == rights
    ends = read_backup(folder, installation.home / "keys").ends[TOPIC]
    kept = [each for each in records if each.offset < ends[each.partition]]
    assert 0 < len(kept) < len(records)
    assert await all_records(installation) == kept
    # the owner migrates on; row-level security holds
    await asyncio.to_thread(migrations.check, "lead", installation.urls("lead").owner)
    app = await asyncpg.connect(installation.urls("account").app)
    assert await app.fetchval("select count(*) from outbox") == 0
    await app.close()
    at_the_moment, heard = await counted(installation), await seen(installation)
    on_its_way = sum(at_the_moment.values()) - sum(map(len, heard.values()))

    async def all_heard() -> bool:
        return {
            key: len(found) for key, found in (await seen(installation)).items()
        } == at_the_moment

    async with working(installation, counting=False):
        await wait_until(all_heard)
        await asyncio.sleep(0.5)
    assert await seen(installation) == {key: [*range(1, n + 1)] for key, n in at_the_moment.items()}
    assert all(at_the_moment[key] <= version for key, version in later.items())
    assert on_its_way > 0, "nothing was on its way when the backup was taken"

    # and it goes on: counts are announced and heard from where they are
    async def more_heard() -> bool:
        now_heard = {key: len(found) for key, found in (await seen(installation)).items()}
        return all(now_heard[key] > version for key, version in at_the_moment.items())

    async with working(installation, counting=True):
        await wait_until(more_heard)
    for versions in (await seen(installation)).values():
        assert versions == [*range(1, len(versions) + 1)]


async def everything(installation: Installation) -> dict[str, list[str]]:
    """Every row of every table as text, by table."""
    found = {}
    for service in SERVICES:
        tables = await _fetch(
            installation,
            service,
            "select relname from pg_class where relkind = 'r' "
            "and relnamespace = 'public'::regnamespace",
        )
        for (table,) in tables:
            rows = await _fetch(installation, service, f'select t::text from "{table}" t')
            found[f"{service}.{table}"] = sorted(row for (row,) in rows)
    return found


async def all_rights(installation: Installation) -> list[tuple[str, ...]]:
    """Owners, rights and policies of every table."""
    found: list[tuple[str, ...]] = []
    for service in SERVICES:
        rows = await _fetch(
            installation,
            service,
            "select relname::text, relowner::regrole::text, coalesce(relacl::text, ''), "
            "relrowsecurity::text, relforcerowsecurity::text, coalesce((select "
            "string_agg(p::text, ' ' order by policyname) from pg_policies p "
            "where p.tablename = relname), '') from pg_class "
            "where relnamespace = 'public'::regnamespace and relkind = 'r'",
        )
        found += [(service, *row) for row in rows]
    return sorted(found)


class Kept(NamedTuple):
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def all_records(installation: Installation) -> list[Kept]:
    async with reading(installation.bootstrap) as consumer:
        partitions = [TopicPartition(TOPIC, number) for number in range(3)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        found: list[Kept] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [
                    Kept(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                    for r in records
                ]
        return sorted(found)


async def test_a_topic_without_records_keeps_nobody_waiting(installation: Installation) -> None:
    async with AIOKafkaProducer(bootstrap_servers=installation.bootstrap) as producer:
        for number in range(30):
            await producer.send_and_wait(TOPIC, b"{}", key=str(number).encode())

    async with asyncio.timeout(30), reading(installation.bootstrap) as consumer:
        ends = await find_ends(consumer, [TOPIC, QUIET])
        counts = [
            await copy_topic(consumer, topic, ends[topic], installation.home / f"{turn}.gz")
            for turn, topic in enumerate((TOPIC, QUIET, TOPIC))
        ]

    assert counts[0] == counts[2] >= 30
    assert counts[1] == 0


async def test_a_busy_outbox_is_waited_for_not_broken(installation: Installation) -> None:
    holder = await asyncpg.connect(installation.urls("account").app)
    transaction = holder.transaction()
    await transaction.start()
    await insert_event(holder, BRAND, TOPIC, STAFF[0], 1)

    async def let_go() -> None:
        await asyncio.sleep(2.5)
        await transaction.commit()

    letting_go = asyncio.create_task(let_go())
    async with cutting(installation.admin_url, installation.bootstrap, [TOPIC]) as cut:
        assert letting_go.done()
        assert set(cut.snapshots) == set(SERVICES)
        # nothing is held any more
        async with asyncio.timeout(2), holder.transaction():
            await insert_event(holder, BRAND, TOPIC, STAFF[0], 2)
    await holder.close()


async def test_what_is_not_whole_or_not_ours_is_refused(installation: Installation) -> None:
    keys = installation.home / "keys"
    folder = await back_up(installation)

    with pytest.raises(NotTaken, match="is not empty"):
        await back_up(installation, folder)
    other_keys = installation.home / "other"
    identity.ensure_secrets(other_keys)
    with pytest.raises(NotRestored, match="are not the keys that the backup was made with"):
        read_backup(folder, other_keys)
    with pytest.raises(NotRestored, match="the keys of the installation must be in"):
        read_backup(folder, installation.home / "nowhere")
    kept = " ".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*.json"))
    assert (keys / "lead-kek").read_text() not in kept
    (folder / "kos_lead.dump").write_bytes(b"other")
    with pytest.raises(NotRestored, match=r"kos_lead\.dump is missing or was changed"):
        read_backup(folder, keys)
    (folder / "manifest.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(NotRestored, match="is no whole backup"):
        read_backup(folder, keys)


async def test_older_databases_are_not_put_beside_a_newer_log(installation: Installation) -> None:
    async def some_seen() -> bool:
        return sum(map(len, (await seen(installation)).values())) > 10

    async with working(installation, counting=True):
        await wait_until(some_seen)
    folder = await back_up(installation)
    for service in SERVICES:
        await execute(installation.admin_url, f"drop database kos_{service} with (force)")
        await databases.provision(installation.admin_url, service, installation.passwords)
    manifest = read_backup(folder, installation.home / "keys")

    with pytest.raises(NotRestored, match=f"the topic {TOPIC} is not empty"):
        await restore_backup(installation.admin_url, installation.bootstrap, folder, manifest)

    assert await everything(installation) == {}
