"""Announce a fact in the transaction that makes it true.

The row lock on the aggregate puts its versions in commit order; the relay (`shared.relay`)
publishes the rows afterwards.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.database import Aggregate
from shared.events import Event
from shared.ids import typed, uuid7
from shared.tables import OutboxRow
from shared.tracing import current_traceparent


@lru_cache(maxsize=10_000)
def _typed_brand(brand_id: UUID) -> str:
    return typed("brand", brand_id)


def add(session: AsyncSession, aggregate: Aggregate, event: Event) -> None:
    """Queue `event` about `aggregate` and raise the aggregate's version by one.

    The aggregate is new, or was loaded `FOR UPDATE` in this transaction.
    """
    if aggregate.id != event.key:
        raise ValueError(f"{event.type} is about {event.subject}, not about this aggregate")
    aggregate.version = (aggregate.version or 0) + 1
    session.add(OutboxRow(**row(aggregate.brand_id, event, aggregate.version)))


async def add_many(
    session: AsyncSession, brand_id: UUID, events: Iterable[tuple[Event, int]]
) -> None:
    """Queue many events with the versions their aggregates were set to, in one statement.

    For set-based work: the caller bumped every aggregate in the same transaction.
    """
    rows = [row(brand_id, event, version) for event, version in events]
    if rows:
        await session.execute(insert(OutboxRow), rows)


def row(brand_id: UUID, event: Event, version: int) -> dict[str, Any]:
    """The columns of the outbox row for `event`, with its CloudEvents headers.

    Headers hold every CloudEvents attribute that is not a column (docs/architecture.md, events).
    """
    created_at = now()
    event_id = uuid7()
    subject = event.subject
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id),
        "ce_source": event.publisher(),
        "ce_type": event.type,
        "ce_subject": subject,
        # aware UTC always, so the offset is the last six characters
        "ce_time": f"{created_at.isoformat(timespec='milliseconds')[:-6]}Z",
        "ce_brandid": _typed_brand(brand_id),
        "ce_aggregateversion": str(version),
        "content-type": "application/json",
    }
    traceparent = current_traceparent()
    if traceparent is not None:
        headers["ce_traceparent"] = traceparent
    return {
        "event_id": event_id,
        "brand_id": brand_id,
        "topic": event.topic,
        "key": subject,
        "version": version,
        "payload": event.data(),
        "headers": headers,
        "created_at": created_at,
    }
