"""The outbox reaches Kafka whole and in order, whatever dies, and the obvious designs do not."""

import asyncio
import gc
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from prometheus_client import REGISTRY

from deploy.local.process import find_free_port
from shared.ids import uuid7
from shared.kafka import create_topics
from shared.relay import _start_producer, discard, run_relay
from tests.shared.brokers import count_sockets, start_broker
from tests.shared.conftest import Plumbing
from tests.shared.log_reading import (
    count_outbox,
    fill,
    insert_event,
    keys_of,
    read_topic,
    without_repeats,
)

MakeTopic = Callable[..., Awaitable[str]]


@asynccontextmanager
async def relaying(plumbing: Plumbing, bootstrap: str) -> AsyncIterator[asyncio.Task[None]]:
    stopping = asyncio.Event()
    task = asyncio.create_task(run_relay(plumbing.urls.relay, bootstrap, "test", stopping))
    try:
        yield task
    finally:
        stopping.set()
        await asyncio.wait_for(task, 15)


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_every_event_arrives_in_order_with_its_envelope(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic(partitions=3)
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=5, versions=20)

    before = _published()
    async with relaying(plumbing, kafka_bootstrap):
        log = await read_topic(kafka_bootstrap, topic, until=100)

        await wait_until(lambda: _is_empty(plumbing, topic))
        assert REGISTRY.get_sample_value("kos_relay_is_owner", {"service": "test"}) == 1
    assert REGISTRY.get_sample_value("kos_relay_is_owner", {"service": "test"}) == 0
    assert _published() - before == 100
    assert log == {key: list(range(1, 21)) for key in keys_of(staff_ids)}


def _published() -> float:
    labels = {"service": "test", "type": "kos.staff.returned.v1"}
    return REGISTRY.get_sample_value("kos_outbox_published_total", labels) or 0


async def test_a_row_that_commits_late_is_not_skipped(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    # Following `id > last_seen` would pass the slow writer's lower id and never come back.
    topic = await make_topic()
    slow_staff, fast_staff = uuid7(), uuid7()
    slow = await asyncpg.connect(plumbing.urls.app)
    fast = await asyncpg.connect(plumbing.urls.app)
    try:
        async with relaying(plumbing, kafka_bootstrap):
            transaction = slow.transaction()
            await transaction.start()
            await insert_event(slow, plumbing.brand_id, topic, slow_staff, 1)
            async with fast.transaction():
                await insert_event(fast, plumbing.brand_id, topic, fast_staff, 1)
            first = await read_topic(kafka_bootstrap, topic, until=1)
            await transaction.commit()

            both = await read_topic(kafka_bootstrap, topic, until=2)
    finally:
        await slow.close()
        await fast.close()
    assert list(first) == keys_of([fast_staff])
    assert list(both) == keys_of([fast_staff, slow_staff])


async def test_rows_that_wait_are_counted_past_one_batch_and_without_a_broker(
    plumbing: Plumbing, free_port: Callable[[], int]
) -> None:
    await fill(plumbing.urls.app, plumbing.brand_id, "test.nowhere", keys=15, versions=100)

    async def is_counted() -> bool:
        return REGISTRY.get_sample_value("kos_outbox_waiting", {"service": "test"}) == 1500

    async with relaying(plumbing, f"127.0.0.1:{free_port()}"):
        await wait_until(is_counted)
        oldest = REGISTRY.get_sample_value("kos_outbox_oldest_seconds", {"service": "test"})
        dead = REGISTRY.get_sample_value("kos_outbox_dead_tuples", {"service": "test"})
    assert oldest is not None
    assert oldest > 0
    assert dead is not None


async def test_a_cursor_over_ids_loses_what_a_delete_does_not(plumbing: Plumbing) -> None:
    slow_staff, fast_staff = uuid7(), uuid7()
    slow = await asyncpg.connect(plumbing.urls.app)
    fast = await asyncpg.connect(plumbing.urls.app)
    reader = await asyncpg.connect(plumbing.urls.relay)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await insert_event(slow, plumbing.brand_id, "kos.staff", slow_staff, 1)
        async with fast.transaction():
            await insert_event(fast, plumbing.brand_id, "kos.staff", fast_staff, 1)
        cursor = await reader.fetchval("select max(id) from outbox")
        await transaction.commit()

        by_cursor = await reader.fetch("select key from outbox where id > $1", cursor)
        by_presence = await reader.fetch("select key from outbox order by id")
    finally:
        for connection in (slow, fast, reader):
            await connection.close()
    assert by_cursor == []
    assert [row["key"] for row in by_presence] == keys_of([slow_staff, fast_staff])


async def test_of_two_relays_one_sends_and_the_other_takes_over(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic(partitions=3)
    admin = await asyncpg.connect(plumbing.urls.owner)
    try:
        async with relaying(plumbing, kafka_bootstrap), relaying(plumbing, kafka_bootstrap):
            staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=4, versions=10)
            await read_topic(kafka_bootstrap, topic, until=40)
            assert await _lock_holders(admin) == 1

            # The owner role may not signal another role's backend: the relay does it to itself.
            killer = await asyncpg.connect(plumbing.urls.relay)
            await killer.fetchval("select pg_terminate_backend($1)", await _lock_holder(admin))
            await killer.close()
            more = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=4, versions=10)

            log = await read_topic(kafka_bootstrap, topic, until=80)
    finally:
        await admin.close()
    assert {key: without_repeats(versions) for key, versions in log.items()} == {
        key: list(range(1, 11)) for key in keys_of([*staff_ids, *more])
    }


async def test_a_relay_killed_at_any_moment_repeats_but_never_loses_or_reorders(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    # SIGKILL falls between send and delete now and then: repeats are allowed, gaps are not.
    topic = await make_topic(partitions=3)
    filling = asyncio.create_task(
        fill(plumbing.urls.app, plumbing.brand_id, topic, keys=10, versions=60)
    )
    for pause in (1.2, 1.5, 1.8, 1.3, 1.6):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.shared.relay_process", plumbing.urls.relay, kafka_bootstrap
        )
        await asyncio.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    staff_ids = await filling

    async with relaying(plumbing, kafka_bootstrap):
        log = await read_topic(kafka_bootstrap, topic, until=600, seconds=40)

    assert {key: without_repeats(versions) for key, versions in log.items()} == {
        key: list(range(1, 61)) for key in keys_of(staff_ids)
    }


async def test_a_missing_topic_does_not_block_its_neighbours(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic()
    missing = f"test.missing.{uuid7().hex}"
    await fill(plumbing.urls.app, plumbing.brand_id, missing, keys=1, versions=3)
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=2, versions=5)

    async with relaying(plumbing, kafka_bootstrap):
        log = await read_topic(kafka_bootstrap, topic, until=10)
        await wait_until(lambda: _is_empty(plumbing, topic))

    assert log == {key: [1, 2, 3, 4, 5] for key in keys_of(staff_ids)}
    assert await count_outbox(plumbing.urls.relay, missing) == 3


async def test_an_outbox_of_somebody_else_in_the_database_does_not_disturb(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> None:
    topic = await make_topic()
    owner = await asyncpg.connect(plumbing.urls.owner)
    await owner.execute("create schema elsewhere")
    await owner.execute("create table elsewhere.outbox (id bigint)")
    await owner.close()
    await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=1, versions=3)

    async with relaying(plumbing, kafka_bootstrap):
        log = await read_topic(kafka_bootstrap, topic, until=3)

    assert list(log.values()) == [[1, 2, 3]]


@pytest.mark.asyncio(loop_scope="function")
async def test_a_discarded_producer_leaves_no_task_and_no_socket(kafka_bootstrap: str) -> None:
    """In a loop of its own, where nothing else begins or ends meanwhile."""
    port = int(kafka_bootstrap.rpartition(":")[2])
    tasks, sockets = len(asyncio.all_tasks()), count_sockets(port)

    producer = await _start_producer(kafka_bootstrap)
    assert len(asyncio.all_tasks()) > tasks
    assert count_sockets(port) > sockets
    await discard(producer)

    await asyncio.sleep(0)
    assert (len(asyncio.all_tasks()), count_sockets(port)) == (tasks, sockets)


@pytest.mark.timeout(180)
async def test_a_minute_without_a_broker_loses_nothing_and_leaks_nothing(
    plumbing: Plumbing,
) -> None:
    with tempfile.TemporaryDirectory(prefix="kos-broker-", ignore_cleanup_errors=True) as folder:
        ports = (find_free_port(), find_free_port())
        broker = await start_broker(Path(folder), ports)
        topic = f"test.{uuid7().hex}"
        try:
            await create_topics(broker.bootstrap, [topic], partitions=3)
            async with relaying(plumbing, broker.bootstrap):
                before = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=3, versions=5)
                await read_topic(broker.bootstrap, topic, until=15)
                await asyncio.sleep(0.5)
                tasks, sockets = len(asyncio.all_tasks()), count_sockets(ports[0])
                broker.stop()
                during = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=3, versions=5)
                highest = await _highest_during(60, ports[0])
                broker = await start_broker(Path(folder), ports)

                log = await read_topic(broker.bootstrap, topic, until=30, seconds=40)
                await asyncio.sleep(1)
                gc.collect()
                after = (len(asyncio.all_tasks()), count_sockets(ports[0]))
        finally:
            broker.stop()
    assert {key: without_repeats(versions) for key, versions in log.items()} == {
        key: [1, 2, 3, 4, 5] for key in keys_of([*before, *during])
    }
    assert after[0] <= tasks + 2
    assert after[1] <= sockets + 2
    assert highest[0] <= tasks + 6
    assert highest[1] <= sockets + 6


async def _highest_during(seconds: int, port: int) -> tuple[int, int]:
    """The most tasks, and sockets to the port, seen in this process over that time."""
    tasks = sockets = 0
    for _ in range(seconds * 2):
        await asyncio.sleep(0.5)
        tasks, sockets = max(tasks, len(asyncio.all_tasks())), max(sockets, count_sockets(port))
    return tasks, sockets


async def _is_empty(plumbing: Plumbing, topic: str) -> bool:
    return await count_outbox(plumbing.urls.relay, topic) == 0


async def _lock_holders(connection: asyncpg.Connection) -> int:
    count: int = await connection.fetchval(
        "select count(*) from pg_locks where locktype = 'advisory' and objid = 7001 and granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    return count


async def _lock_holder(connection: asyncpg.Connection) -> int:
    pid: int = await connection.fetchval(
        "select pid from pg_locks where locktype = 'advisory' and objid = 7001 and granted "
        "and database = (select oid from pg_database where datname = current_database())"
    )
    return pid
