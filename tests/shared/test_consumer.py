"""Kafka to effects: nothing skipped, nothing twice, over failures, moves and deaths of workers."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.local.process import find_free_port
from shared import parked
from shared.consumer import Consumer, Part, Unavailable, _stop, pack, split
from shared.database import brand_session
from shared.envelope import Envelope
from shared.events import Received
from shared.events.account import StaffReturned
from shared.ids import uuid7
from shared.kafka import create_topics
from shared.relay import run_relay
from tests.shared.brokers import count_sockets, start_broker
from tests.shared.conftest import AUDIT_KEY, Plumbing
from tests.shared.consumer_process import note
from tests.shared.log_reading import fill, keys_of

partition_of = DefaultPartitioner()
MakeTopic = Callable[..., Awaitable[str]]


@asynccontextmanager
async def running(work: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.ensure_future(work(stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def topic(
    plumbing: Plumbing, kafka_bootstrap: str, make_topic: MakeTopic
) -> AsyncIterator[str]:
    """A topic that the plumbing database's outbox is relayed to."""
    name = await make_topic(partitions=4)
    async with running(
        lambda stopping: run_relay(plumbing.urls.relay, kafka_bootstrap, "test", stopping)
    ):
        yield name


def make_consumer(
    plumbing: Plumbing, bootstrap: str, topic: str, group: str, handler: object = note
) -> Consumer:
    return Consumer(
        name=group,
        topics=[topic],
        handlers={StaffReturned: handler},  # type: ignore[dict-item]
        sessions=plumbing.worker,
        bootstrap=bootstrap,
        audit_key=AUDIT_KEY,
    )


async def seen(plumbing: Plumbing) -> dict[str, list[int]]:
    async with brand_session(plumbing.worker, plumbing.brand_id) as session:
        rows = await session.execute(text("select key, version from seen order by position"))
        found: dict[str, list[int]] = {}
        for key, version in rows:
            found.setdefault(key, []).append(version)
        return found


async def wait_for_count(plumbing: Plumbing, count: int, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while sum(map(len, (await seen(plumbing)).values())) < count:
            await asyncio.sleep(0.1)


def in_order(staff_ids: list[UUID], versions: int) -> dict[str, list[int]]:
    return {key: list(range(1, versions + 1)) for key in keys_of(staff_ids)}


async def test_events_take_effect_once_and_in_order(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=8, versions=10)
    consumer = make_consumer(plumbing, kafka_bootstrap, topic, f"g-{uuid7().hex}")

    async with running(consumer.run):
        await wait_for_count(plumbing, 80)

    assert await seen(plumbing) == in_order(staff_ids, 10)


async def test_a_record_that_cannot_be_read_stops_nothing(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    for partition in range(4):
        await producer.send_and_wait(topic, b"\xff not json", key=b"x", partition=partition)
        await producer.send_and_wait(topic, None, key=b"\xff", partition=partition)
    await producer.stop()
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=4, versions=3)
    consumer = make_consumer(plumbing, kafka_bootstrap, topic, f"g-{uuid7().hex}")

    async with running(consumer.run):
        await wait_for_count(plumbing, 12)

    assert await seen(plumbing) == in_order(staff_ids, 3)
    async with plumbing.worker() as session:
        rows = await parked.list_parked(session, first=20, after=None)
    assert [row.status for row in rows] == ["dead"] * 8


async def test_an_outage_holds_the_partition_and_skips_nothing(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    away = True

    async def note_unless_away(session: AsyncSession, received: Received[StaffReturned]) -> None:
        await note(session, received)
        if away:
            raise Unavailable("the dependency is away")

    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=6, versions=5)
    group = f"g-{uuid7().hex}"
    consumer = make_consumer(plumbing, kafka_bootstrap, topic, group, note_unless_away)

    async with running(consumer.run):
        await asyncio.sleep(4)
        assert await seen(plumbing) == {}
        away = False
        await wait_for_count(plumbing, 30)

    assert await seen(plumbing) == in_order(staff_ids, 5)


async def test_what_one_partition_waits_for_holds_up_no_other(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=8, versions=2)
    places = {key: partition_of(key.encode(), list(range(4)), []) for key in keys_of(staff_ids)}
    held = keys_of(staff_ids)[0]
    others = [key for key in places if places[key] != places[held]]
    expected = {key: [1, 2] for key in others}
    away = True

    async def note_unless_held(session: AsyncSession, received: Received[StaffReturned]) -> None:
        await note(session, received)
        if away and received.event.subject == held:
            raise Unavailable("what this one needs is away")

    group = f"g-{uuid7().hex}"
    consumer = make_consumer(plumbing, kafka_bootstrap, topic, group, note_unless_held)

    async with running(consumer.run):
        async with asyncio.timeout(20):
            while {key: (await seen(plumbing)).get(key) for key in others} != expected:
                await asyncio.sleep(0.1)
        assert held not in await seen(plumbing)
        away = False
        await wait_for_count(plumbing, 16)

    assert await seen(plumbing) == in_order(staff_ids, 2)


async def test_a_rebalance_with_a_held_partition_loses_and_doubles_nothing(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    away = True

    async def note_unless_away(session: AsyncSession, received: Received[StaffReturned]) -> None:
        await note(session, received)
        if away:
            raise Unavailable("the dependency is away")

    group = f"g-{uuid7().hex}"
    first = make_consumer(plumbing, kafka_bootstrap, topic, group, note_unless_away)
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=8, versions=5)

    async with running(first.run):
        await asyncio.sleep(3)
        other = await _spawn(plumbing, kafka_bootstrap, topic, group, ordinal=1)
        try:
            await asyncio.sleep(4)
            away = False
            await wait_for_count(plumbing, 40)
        finally:
            os.kill(other.pid, signal.SIGKILL)
            await other.wait()

    assert await seen(plumbing) == in_order(staff_ids, 5)


async def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    group = f"g-{uuid7().hex}"
    filling = asyncio.create_task(
        fill(plumbing.urls.app, plumbing.brand_id, topic, keys=10, versions=40)
    )
    for pause in (2.5, 3.0, 2.7):
        process = await _spawn(plumbing, kafka_bootstrap, topic, group, ordinal=0)
        await asyncio.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    staff_ids = await filling
    consumer = make_consumer(plumbing, kafka_bootstrap, topic, group)

    async with running(consumer.run):
        await wait_for_count(plumbing, 400, seconds=60)

    assert await seen(plumbing) == in_order(staff_ids, 40)


async def test_a_rewound_consumer_sees_everything_since_the_time_again(
    plumbing: Plumbing, kafka_bootstrap: str, topic: str
) -> None:
    before = datetime.now(UTC)
    staff_ids = await fill(plumbing.urls.app, plumbing.brand_id, topic, keys=3, versions=4)
    group = f"g-{uuid7().hex}"
    async with running(make_consumer(plumbing, kafka_bootstrap, topic, group).run):
        await wait_for_count(plumbing, 12)

    count = await parked.rewind(
        plumbing.worker, kafka_bootstrap, consumer=group, topics=[topic], since=before
    )
    async with running(make_consumer(plumbing, kafka_bootstrap, topic, group).run):
        await wait_for_count(plumbing, 24)

    assert count == 12
    assert await seen(plumbing) == {key: [1, 2, 3, 4] * 2 for key in keys_of(staff_ids)}


async def _spawn(
    plumbing: Plumbing, bootstrap: str, topic: str, group: str, *, ordinal: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.shared.consumer_process",
        plumbing.urls.worker,
        bootstrap,
        topic,
        group,
        str(ordinal),
    )


@pytest.mark.asyncio(loop_scope="function")
async def test_a_consumer_that_cannot_stop_leaves_no_task_and_no_socket(plumbing: Plumbing) -> None:
    """In a loop of its own, where nothing else begins or ends meanwhile."""
    with tempfile.TemporaryDirectory(prefix="kos-broker-", ignore_cleanup_errors=True) as folder:
        broker = await start_broker(Path(folder), (find_free_port(), find_free_port()))
        pid = broker.child.process.pid
        try:
            topic, other = f"test.{uuid7().hex}", f"test.{uuid7().hex}"
            await create_topics(broker.bootstrap, [topic, other], partitions=3)
            tasks, sockets = len(asyncio.all_tasks()), count_sockets(broker.port)
            member = make_consumer(plumbing, broker.bootstrap, topic, f"g-{uuid7().hex}")
            client = member._new_consumer()
            await client.start()
            client.subscribe([topic])
            await client.getmany(timeout_ms=5_000)
            assert len(client.assignment()) == 3

            os.kill(pid, signal.SIGSTOP)
            client.subscribe([topic, other])
            # it is in the middle of joining anew, which a stop waits for
            await asyncio.sleep(0.5)
            await _stop(client)

            await asyncio.sleep(0)
            assert (len(asyncio.all_tasks()), count_sockets(broker.port)) == (tasks, sockets)
        finally:
            os.kill(pid, signal.SIGCONT)
            broker.stop()


async def test_a_partition_that_moved_away_is_told_about_no_more(plumbing: Plumbing) -> None:
    group = f"g-{uuid7().hex}"
    consumer = make_consumer(plumbing, "127.0.0.1:1", "topic", group)
    client = Mock()
    client.highwater.return_value = 17
    client._subscription.subscription.assignment.state_value.return_value.position = 5
    labels = [{"consumer": group, "topic": "topic", "partition": str(n)} for n in (0, 1)]

    client.assignment.return_value = {TopicPartition("topic", 0), TopicPartition("topic", 1)}
    consumer._observe(client)
    assert [REGISTRY.get_sample_value("kos_consumer_lag", each) for each in labels] == [12, 12]

    client.assignment.return_value = {TopicPartition("topic", 1)}
    consumer._observe(client)
    assert [REGISTRY.get_sample_value("kos_consumer_lag", each) for each in labels] == [None, 12]


def part(first: int, types: str) -> Part:
    return Part([Mock(offset=first + place) for place in range(len(types))], envelopes(types))


@pytest.mark.parametrize(("done", "expected"), [(-2, 7), (0, 7), (2, 9), (3, 10), (9, 10)])
def test_a_partition_ends_before_the_first_record_that_was_not_processed(
    done: int, expected: int
) -> None:
    assert part(7, "hhh").end(done) == expected


@pytest.mark.parametrize(
    ("parts", "most", "expected"),
    [
        (["h", "hx", "h"], 40, ["h hx h"]),
        (["h", "h", "xx", "h"], 1, ["h", "h xx", "h"]),
        (["xx", "h", "x"], 1, ["xx h x"]),
        (["h" * 30, "h" * 10, "h"], 40, [f"{'h' * 30} {'h' * 10}", "h"]),
        (["h" * 50, "h"], 40, ["h" * 50, "h"]),
    ],
)
def test_partitions_of_which_little_came_share_a_transaction(
    parts: list[str], most: int, expected: list[str]
) -> None:
    given = [part(0, types) for types in parts]

    loads = list(pack(given, {"h"}, most))

    letters = [["".join(each.type for each in one.envelopes) for one in load] for load in loads]
    assert [" ".join(load) for load in letters] == expected
    assert [one for load in loads for one in load] == given


def envelopes(types: str) -> list[Envelope]:
    """One envelope per letter, which is its type; its place is its version."""
    return [
        Envelope(
            event_id=uuid7(),
            key="k",
            topic="t",
            version=place,
            brand_id=None,
            type=letter,
            occurred_at=None,
            traceparent=None,
            headers={},
            payload=b"",
        )
        for place, letter in enumerate(types)
    ]


@pytest.mark.parametrize(
    ("types", "most", "expected"),
    [
        ("", 1, []),
        ("hhh", 1, ["h", "h", "h"]),
        ("hxxhxh", 1, ["hxx", "hx", "h"]),
        ("xxhxx", 1, ["xxhxx"]),
        ("hxhxh", 2, ["hxhx", "h"]),
        ("x" * 41, 1, ["x" * 40, "x"]),
        ("h" * 41, 40, ["h" * 40, "h"]),
    ],
)
def test_events_without_a_handler_share_a_transaction(
    types: str, most: int, expected: list[str]
) -> None:
    given = envelopes(types)

    chunks = list(split(given, {"h"}, most))

    assert ["".join(each.type for each in chunk) for chunk in chunks] == expected
    assert [each for chunk in chunks for each in chunk] == given
