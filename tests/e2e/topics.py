"""What was announced: every record of some topics, read from the broker from their beginning."""

from collections import defaultdict
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import envelope
from shared.envelope import Envelope
from shared.ids import parse_id
from shared.kafka import PARTITIONS


async def read_topics(
    bootstrap: str, topics: Iterable[str], *, brand_id: str | None = None
) -> list[Envelope]:
    """Records in the order of their partitions, repeats included; of one brand or of all."""
    wanted = None if brand_id is None else parse_id("brand", brand_id)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Envelope] = []
        left = {partition for partition in partitions if ends[partition] > 0}
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                found += [envelope.read(record) for record in records]
                if records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    finally:
        await consumer.stop()
    return [each for each in found if wanted is None or each.brand_id == wanted]


def versions_by_subject(records: Iterable[Envelope]) -> dict[str, list[int]]:
    """Versions in the order in which they were announced first; a repeat counts once."""
    versions: dict[str, list[int]] = defaultdict(list)
    seen = set()
    for record in records:
        if record.event_id not in seen:
            seen.add(record.event_id)
            versions[record.headers["ce_subject"]].append(record.version)
    return dict(versions)


def assert_gapless(records: Iterable[Envelope]) -> None:
    """Every aggregate tells its whole story, in order: 1, 2, 3 …"""
    for subject, versions in versions_by_subject(records).items():
        assert versions == list(range(1, len(versions) + 1)), (subject, versions)
