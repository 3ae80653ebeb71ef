"""Parked events of the inbox: when they are tried again, and what wakes the next of their key."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.envelope import Envelope
from shared.tables import ParkedRow

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""`next_at` of a parked event that waits for another one, not for a time."""

_BACKOFF_SECONDS = (1, 5, 30, 120, 600, 3600, 3600)
ATTEMPTS = len(_BACKOFF_SECONDS) + 1
"""After so many an event is dead until somebody replays or discards it."""


async def first_parked(session: AsyncSession, consumer: str, key: str) -> ParkedRow | None:
    """The parked event of the key that comes first, locked."""
    found: ParkedRow | None = await session.scalar(
        select(ParkedRow)
        .where(ParkedRow.consumer == consumer, ParkedRow.key == key)
        .order_by(ParkedRow.version)
        .limit(1)
        .with_for_update()
    )
    return found


async def wake_next(session: AsyncSession, consumer: str, key: str, head: int) -> None:
    """The event after `head`, if it is parked waiting, is due now."""
    await session.execute(
        update(ParkedRow)
        .where(
            ParkedRow.consumer == consumer,
            ParkedRow.key == key,
            ParkedRow.status == "waiting",
            ParkedRow.version <= head + 1,
        )
        .values(next_at=now())
    )


async def forget(session: AsyncSession, row: ParkedRow, head: int) -> None:
    """Remove a parked event that took effect or was discarded; the next of its key may run."""
    consumer, key = row.consumer, row.key
    await session.execute(delete(ParkedRow).where(ParkedRow.id == row.id))
    await wake_next(session, consumer, key, head)


async def reschedule(
    session: AsyncSession,
    row: ParkedRow,
    next_at: datetime,
    reason: str,
    *,
    status: str = "waiting",
) -> None:
    """Set when a parked event is tried again; to wait behind another (NEVER) is no attempt."""
    attempt = row.attempt if next_at is NEVER and status == "waiting" else row.attempt + 1
    await session.execute(
        update(ParkedRow)
        .where(ParkedRow.id == row.id)
        .values(next_at=next_at, reason=reason, status=status, attempt=attempt)
    )


def envelope_of(row: ParkedRow) -> Envelope:
    return Envelope(
        event_id=row.event_id,
        key=row.key,
        topic=row.topic,
        version=row.version,
        brand_id=row.brand_id,
        type=row.headers.get("ce_type", ""),
        occurred_at=datetime.fromisoformat(row.headers["ce_time"]),
        traceparent=row.headers.get("ce_traceparent"),
        headers=row.headers,
        payload=row.payload,
    )


def backoff(attempt: int) -> datetime:
    """When a failed event is due again: full jitter over 1 s, 5 s, 30 s, 2 min, 10 min, 1 h."""
    seconds = _BACKOFF_SECONDS[min(attempt, len(_BACKOFF_SECONDS)) - 1]
    return now() + timedelta(seconds=random.uniform(0, seconds))
