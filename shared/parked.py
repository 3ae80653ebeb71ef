"""Parked events as people handle them: look, replay, discard; and rewind a whole consumer."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit, envelope
from shared.clock import now
from shared.database import Sessions
from shared.errors import Conflict, NotFound
from shared.inbox import lock_keys, save_heads
from shared.parking import forget
from shared.tables import HeadRow, InboxRow, ParkedRow

_SESSION_SECONDS = 15


class ParkedNotFound(NotFound):
    code = "parked_event_not_found"


class NotFirstParked(Conflict):
    """Another event of the same key is parked before this one; handle that one first."""

    code = "not_first_parked"


class ConsumerInUse(Conflict):
    code = "consumer_in_use"


async def list_parked(
    session: AsyncSession, *, first: int, after: UUID | None, brand_id: UUID | None = None
) -> list[ParkedRow]:
    """Parked events, oldest first: the brand's, or without one all that the session may see."""
    statement = select(ParkedRow).order_by(ParkedRow.id).limit(first)
    if brand_id is not None:
        statement = statement.where(ParkedRow.brand_id == brand_id)
    if after is not None:
        statement = statement.where(ParkedRow.id > after)
    return list(await session.scalars(statement))


async def replay(
    session: AsyncSession,
    consumer: str,
    event_id: UUID,
    *,
    actor: str,
    brand_id: UUID | None = None,
) -> ParkedRow:
    """Try the first parked event of a key again, now; also one that was given up as dead.

    With `brand_id` an event of another brand is as if it were not parked.
    """
    row = await _first_of_key(session, consumer, event_id, brand_id)
    await session.execute(
        update(ParkedRow)
        .where(ParkedRow.id == row.id)
        .values(status="waiting", attempt=0, next_at=now())
    )
    _note(session, row, actor, "parked.replay")
    return row


async def discard(
    session: AsyncSession,
    consumer: str,
    event_id: UUID,
    *,
    actor: str,
    brand_id: UUID | None = None,
) -> ParkedRow:
    """Give the first parked event of a key up; the head moves on, so that the next may run.

    With `brand_id` an event of another brand is as if it were not parked.
    """
    row = await _first_of_key(session, consumer, event_id, brand_id)
    await save_heads(session, consumer, {row.key: row.version})
    await forget(session, row, row.version)
    _note(session, row, actor, "parked.discard")
    return row


async def _first_of_key(
    session: AsyncSession, consumer: str, event_id: UUID, brand_id: UUID | None
) -> ParkedRow:
    wanted = select(ParkedRow.key).where(
        ParkedRow.consumer == consumer, ParkedRow.event_id == event_id
    )
    if brand_id is not None:
        wanted = wanted.where(ParkedRow.brand_id == brand_id)
    key = await session.scalar(wanted)
    if key is None:
        raise ParkedNotFound(f"no parked event {event_id}")
    await lock_keys(session, consumer, [key])
    rows = await session.scalars(
        select(ParkedRow)
        .where(ParkedRow.consumer == consumer, ParkedRow.key == key)
        .order_by(ParkedRow.version)
        .limit(1)
        .with_for_update()
    )
    row = rows.first()
    if row is None:
        raise ParkedNotFound(f"no parked event {event_id}")
    if row.event_id != event_id:
        raise NotFirstParked(f"event {row.event_id} of the same key is parked before it")
    return row


def _note(session: AsyncSession, row: ParkedRow, actor: str, action: str) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=row.key,
        event_id=str(row.event_id),
        consumer=row.consumer,
        version=row.version,
    )


async def rewind(
    sessions: Sessions, bootstrap: str, *, consumer: str, topics: list[str], since: datetime
) -> int:
    """Make a consumer take in again everything since a time; the number of events.

    The consumer's workers must be stopped (ConsumerInUse otherwise). The inbox forgets what the log
    holds since then, heads go back to the version before, offsets go back; handlers see the events
    anew.
    """
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=consumer, enable_auto_commit=False
    )
    await reader.start()
    try:
        partitions = [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(await reader._client._wait_on_metadata(topic))
        ]
        reader.assign(partitions)
        at = int(since.timestamp() * 1000)
        found = await reader.offsets_for_times(dict.fromkeys(partitions, at))
        ends = await reader.end_offsets(partitions)
        starts = {
            partition: place.offset if (place := found[partition]) is not None else ends[partition]
            for partition in partitions
        }
        first_versions, event_ids = await _read_span(reader, starts, ends)
        await _commit(reader, consumer, starts)
        async with sessions.begin() as session:
            await _forget_taken(session, consumer, first_versions, event_ids)
    finally:
        await reader.stop()
    return len(event_ids)


async def _commit(
    reader: AIOKafkaConsumer, consumer: str, offsets: dict[TopicPartition, int]
) -> None:
    """Set the group's offsets; a static member that stopped keeps its seat for its session."""
    for _ in range(_SESSION_SECONDS):
        try:
            await reader.commit(offsets)
            return
        except CommitFailedError:
            await asyncio.sleep(1)
    raise ConsumerInUse(f"workers of {consumer} still run; stop them first")


async def _read_span(
    reader: AIOKafkaConsumer,
    starts: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
) -> tuple[dict[str, int], list[UUID]]:
    """First version per key and all event ids between the offsets."""
    first_versions: dict[str, int] = {}
    event_ids: list[UUID] = []
    left = {partition for partition in starts if starts[partition] < ends[partition]}
    for partition, offset in starts.items():
        reader.seek(partition, offset)
    while left:
        batch: dict[TopicPartition, list[Any]] = await reader.getmany(timeout_ms=1000)
        for partition, records in batch.items():
            for record in records:
                if record.offset >= ends[partition]:
                    break
                read = envelope.read(record)
                event_ids.append(read.event_id)
                first_versions[read.key] = min(
                    first_versions.get(read.key, read.version), read.version
                )
            if await reader.position(partition) >= ends[partition]:
                left.discard(partition)
    return first_versions, event_ids


async def _forget_taken(
    session: AsyncSession,
    consumer: str,
    first_versions: dict[str, int],
    event_ids: list[UUID],
) -> None:
    await session.execute(
        delete(InboxRow).where(InboxRow.consumer == consumer, InboxRow.event_id.in_(event_ids))
    )
    await session.execute(
        delete(ParkedRow).where(ParkedRow.consumer == consumer, ParkedRow.event_id.in_(event_ids))
    )
    for key, version in first_versions.items():
        await session.execute(
            update(HeadRow)
            .where(HeadRow.consumer == consumer, HeadRow.key == key)
            .values(version=version - 1)
        )
