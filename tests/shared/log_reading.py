"""Reading and filling the two ends of a relay in tests: outbox rows in, Kafka records out."""

import time
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.account import StaffReturned
from shared.ids import typed, uuid7
from shared.outbox import row as outbox_row

_INSERT = (
    "insert into outbox (event_id, brand_id, topic, key, version, payload, headers) "
    "values ($1, $2, $3, $4, $5, $6, $7)"
)


async def insert_event(
    connection: asyncpg.Connection, brand_id: UUID, topic: str, staff_id: UUID, version: int
) -> None:
    """One outbox row about the staff member, on any topic, in the connection's transaction."""
    row = outbox_row(brand_id, StaffReturned(staff_id=staff_id), version)
    await connection.execute("select set_config('app.brand', $1, true)", str(brand_id))
    await connection.execute(
        _INSERT,
        row["event_id"],
        brand_id,
        topic,
        row["key"],
        version,
        row["payload"],
        orjson.dumps(row["headers"]).decode(),
    )


async def fill(url: str, brand_id: UUID, topic: str, *, keys: int, versions: int) -> list[UUID]:
    """`versions` events for each of `keys` aggregates, one transaction each; the aggregates."""
    staff_ids = [uuid7() for _ in range(keys)]
    connection = await asyncpg.connect(url)
    try:
        for version in range(1, versions + 1):
            for staff_id in staff_ids:
                async with connection.transaction():
                    await insert_event(connection, brand_id, topic, staff_id, version)
    finally:
        await connection.close()
    return staff_ids


async def count_outbox(url: str, topic: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(
            "select count(*) from outbox where topic = $1", topic
        )
        return count
    finally:
        await connection.close()


async def read_topic(
    bootstrap: str, topic: str, *, until: int, seconds: float = 20
) -> dict[str, list[int]]:
    """Versions per key in log order, once `until` distinct events are there or time is up."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[str, list[int]] = {}
    distinct: set[tuple[str, int]] = set()
    try:
        partitions = await consumer._client._wait_on_metadata(topic)
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        await consumer.seek_to_beginning()
        end = time.monotonic() + seconds
        while len(distinct) < until and time.monotonic() < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    key = record.key.decode()
                    version = int(dict(record.headers)["ce_aggregateversion"])
                    found.setdefault(key, []).append(version)
                    distinct.add((key, version))
    finally:
        await consumer.stop()
    return found


def without_repeats(versions: Sequence[int]) -> list[int]:
    """First appearances in order: what a reader with an inbox sees."""
    return list(dict.fromkeys(versions))


def keys_of(staff_ids: Sequence[UUID]) -> list[str]:
    return [typed("staff", staff_id) for staff_id in staff_ids]
