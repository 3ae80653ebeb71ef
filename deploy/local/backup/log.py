"""The event log in files: one per topic, a JSON line per record, in the order of each partition."""

import asyncio
import base64
import gzip
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.backup.manifest import Offsets

_BATCH_BYTES = 1_000_000


@asynccontextmanager
async def reading(bootstrap: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def find_ends(consumer: AIOKafkaConsumer, topics: list[str]) -> Offsets:
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(await consumer._client._wait_on_metadata(topic))
    ]
    return _by_topic(await consumer.end_offsets(partitions))


async def find_places(bootstrap: str, topics: list[str]) -> dict[str, Offsets]:
    """What each consumer group has committed for these topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        places: dict[str, Offsets] = {}
        for group, _ in await admin.list_consumer_groups():
            found = {
                partition: place.offset
                for partition, place in (await admin.list_consumer_group_offsets(group)).items()
                if partition.topic in topics and place.offset >= 0
            }
            if found:
                places[group] = _by_topic(found)
        return places
    finally:
        await admin.close()


def _by_topic(offsets: dict[TopicPartition, int]) -> Offsets:
    found: Offsets = defaultdict(dict)
    for partition, offset in offsets.items():
        found[partition.topic][partition.partition] = offset
    return dict(found)


async def copy_topic(
    consumer: AIOKafkaConsumer, topic: str, ends: dict[int, int], file: Path
) -> int:
    """Every record of the topic before its end; the number of records."""
    partitions = [TopicPartition(topic, number) for number in ends]
    starts = await consumer.beginning_offsets(partitions)
    left = {each for each in partitions if starts[each] < ends[each.partition]}
    if left:  # after an assignment of nothing a consumer never stops (aiokafka 0.14)
        consumer.assign(list(left))
    for partition in left:
        consumer.seek(partition, starts[partition])
    count = 0
    with gzip.open(file, "wb", compresslevel=3) as output:
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                end = ends[partition.partition]
                for record in records:
                    if record.offset < end:
                        output.write(_line(record))
                        count += 1
                if await consumer.position(partition) >= end:
                    left.discard(partition)
    return count


def _line(record: Any) -> bytes:
    return orjson.dumps(
        {
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": _text(record.key),
            "value": _text(record.value),
            "headers": [[name, _text(value)] for name, value in record.headers],
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rb") as lines:
        for line in lines:
            yield orjson.loads(line)


async def write_topic(producer: AIOKafkaProducer, topic: str, file: Path) -> dict[int, list[int]]:
    """Publish the records to an empty topic; by partition the offsets that they had before.

    A record's new offset is its place in that list.
    """
    offsets: dict[int, list[int]] = defaultdict(list)
    batches: dict[int, Any] = {}
    for line in read_lines(file):
        partition = line["partition"]
        batch = batches.get(partition) or batches.setdefault(partition, producer.create_batch())
        if not _append(batch, line):
            await _send(producer, topic, partition, batch)
            batches[partition] = producer.create_batch()
            _append(batches[partition], line)
        offsets[partition].append(line["offset"])
    await asyncio.gather(*(_send(producer, topic, *each) for each in batches.items()))
    return offsets


def _append(batch: Any, line: dict[str, Any]) -> bool:
    appended = batch.append(
        key=_bytes(line["key"]),
        value=_bytes(line["value"]),
        timestamp=line["timestamp"],
        headers=[(name, _bytes(value)) for name, value in line["headers"]],
    )
    return appended is not None


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, batch: Any) -> None:
    await (await producer.send_batch(batch, topic, partition=partition))


@asynccontextmanager
async def writing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        max_batch_size=_BATCH_BYTES,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
