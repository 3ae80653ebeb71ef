"""Take events in: each once, in order per aggregate, with its effects in one transaction.

A failing event is parked and its key goes on waiting behind it; other keys go on. Rules and the
failures of simpler versions: docs/adr/0004-consumers.md.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit
from shared.clock import now
from shared.database import Sessions, enter_brand, is_outage
from shared.envelope import Envelope
from shared.events import Event, Received, decode
from shared.ids import uuid7
from shared.tables import HeadRow, InboxRow, ParkedRow
from shared.tracing import span

Handler = Callable[[AsyncSession, Received[Any]], Awaitable[None]]
"""Applies one event; runs in a transaction that has entered the event's brand."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""`next_at` of a parked event that waits for another one, not for a time."""

_BACKOFF_SECONDS = (1, 5, 30, 120, 600, 3600, 3600)
_ATTEMPTS = len(_BACKOFF_SECONDS) + 1

# Statements of every event are put together once: for a short one that costs as much as to run it.
_NOTE = insert(InboxRow).on_conflict_do_nothing().returning(InboxRow.event_id)
_LOCK = text(
    "select pg_advisory_xact_lock(h) from (select distinct hashtextextended("
    "cast(:consumer as text) || '/' || k, 0) h "
    "from unnest(cast(:keys as text[])) k order by h) locks"
)
_NEW_HEAD = insert(HeadRow)
_SAVE_HEADS = _NEW_HEAD.on_conflict_do_update(
    index_elements=["consumer", "key"],
    set_={"version": func.greatest(HeadRow.version, _NEW_HEAD.excluded.version)},
)

EVENTS = Counter("kos_events_total", "Events taken in", ["consumer", "outcome"])

log = structlog.get_logger(__name__)


class Transient(Exception):
    """The handler cannot apply the event now; later it may. The event is parked and retried."""


class Poison(Exception):
    """No retry can help; a person must look. The event blocks its key until then."""


class Unavailable(Exception):
    """Something the handler needs is away. Nothing is parked: the partition is held."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """One consumer's way of taking events in."""

    consumer: str
    handlers: Mapping[type[Event], Handler]
    sessions: Sessions
    audit_key: bytes

    async def take(self, envelopes: Sequence[Envelope]) -> None:
        """Process events of one partition, in order, in one transaction (at most 40 of them).

        Raises Unavailable or a database error when nothing of it was committed.
        """
        keys = sorted({envelope.key for envelope in envelopes})
        async with self.sessions.begin() as session:
            await lock_keys(session, self.consumer, keys)
            fresh = await self._note(session, envelopes)
            heads = await self._heads(session, keys)
            before = dict(heads)
            parked = await self._parked_keys(session, keys)
            for envelope in envelopes:
                if envelope.event_id not in fresh:
                    EVENTS.labels(self.consumer, "repeat").inc()
                    continue
                fresh.discard(envelope.event_id)
                await self._take_one(session, envelope, heads)
            changed = {key: version for key, version in heads.items() if version != before.get(key)}
            await save_heads(session, self.consumer, changed)
            for key in parked & changed.keys():
                await wake_next(session, self.consumer, key, changed[key])

    async def _take_one(
        self, session: AsyncSession, envelope: Envelope, heads: dict[str, int]
    ) -> None:
        if envelope.problem is not None:
            await self._park(session, envelope, "dead", NEVER, envelope.problem)
            return
        head = heads.get(envelope.key, 0)
        if envelope.version <= head:
            EVENTS.labels(self.consumer, "stale").inc()
        elif envelope.version > head + 1:
            await self._park(session, envelope, "waiting", NEVER, f"waits for version {head + 1}")
        else:
            failure = await self.apply(session, envelope)
            if failure is None:
                heads[envelope.key] = envelope.version
                EVENTS.labels(self.consumer, "applied").inc()
            elif isinstance(failure, Poison):
                await self._park(session, envelope, "dead", NEVER, _reason(failure))
            else:
                await self._park(session, envelope, "waiting", backoff(1), _reason(failure))

    async def apply(self, session: AsyncSession, envelope: Envelope) -> Exception | None:
        """Run the handler in a savepoint; the failure it ended in, or None.

        Outages are raised: they are no fault of the event.
        """
        assert envelope.brand_id is not None
        assert envelope.occurred_at is not None
        try:
            event = decode(envelope.type, envelope.payload or b"")
        except ValidationError as error:
            return Poison(f"{error.error_count()} fields do not fit {envelope.type}")
        handler = None if event is None else self.handlers.get(type(event))
        if event is None or handler is None:
            return None
        received = Received(
            event=event,
            event_id=envelope.event_id,
            brand_id=envelope.brand_id,
            version=envelope.version,
            occurred_at=envelope.occurred_at,
            traceparent=envelope.traceparent,
        )
        await enter_brand(session, envelope.brand_id)
        try:
            with span(
                f"consume {envelope.type}",
                kind=SpanKind.CONSUMER,
                traceparent=envelope.traceparent,
                attributes={"messaging.consumer": self.consumer},
            ):
                async with session.begin_nested():
                    await handler(session, received)
                    await audit.flush(session, envelope.brand_id, self.audit_key)
        except Exception as error:
            audit.discard(session)
            if is_unavailable(error):
                raise
            if not isinstance(error, Transient | Poison):
                log.exception("handler_failed", consumer=self.consumer, type=envelope.type)
            return error
        session.expunge_all()
        return None

    async def _note(self, session: AsyncSession, envelopes: Sequence[Envelope]) -> set[UUID]:
        rows = [
            {"consumer": self.consumer, "event_id": event_id, "received_at": now()}
            for event_id in {envelope.event_id for envelope in envelopes}
        ]
        return set(await session.scalars(_NOTE, rows))

    async def _heads(self, session: AsyncSession, keys: list[str]) -> dict[str, int]:
        rows = await session.execute(
            select(HeadRow.key, HeadRow.version).where(
                HeadRow.consumer == self.consumer, HeadRow.key.in_(keys)
            )
        )
        return {row.key: row.version for row in rows}

    async def _parked_keys(self, session: AsyncSession, keys: list[str]) -> set[str]:
        return set(
            await session.scalars(
                select(ParkedRow.key)
                .where(ParkedRow.consumer == self.consumer, ParkedRow.key.in_(keys))
                .distinct()
            )
        )

    async def _park(
        self, session: AsyncSession, envelope: Envelope, status: str, next_at: datetime, reason: str
    ) -> None:
        EVENTS.labels(self.consumer, "parked").inc()
        log.error(
            "event_parked",
            consumer=self.consumer,
            type=envelope.type,
            event_id=str(envelope.event_id),
            version=envelope.version,
            status=status,
            reason=reason,
        )
        await session.execute(
            insert(ParkedRow)
            .values(
                id=uuid7(),
                consumer=self.consumer,
                key=envelope.key,
                version=envelope.version,
                event_id=envelope.event_id,
                brand_id=envelope.brand_id,
                topic=envelope.topic,
                headers=envelope.headers,
                payload=envelope.payload,
                status=status,
                attempt=1,
                next_at=next_at,
                reason=reason,
                parked_at=now(),
            )
            .on_conflict_do_nothing()
        )

    async def retry_due(self) -> bool:
        """Try the keys whose first parked event is due; whether there was one."""
        async with self.sessions.begin() as session:
            due = await session.scalars(
                select(ParkedRow.key)
                .where(
                    ParkedRow.consumer == self.consumer,
                    ParkedRow.status == "waiting",
                    ParkedRow.next_at <= now(),
                )
                .order_by(ParkedRow.next_at)
                .limit(50)
            )
            keys = list(dict.fromkeys(due))
        for key in keys:
            await self._retry_key(key)
        return bool(keys)

    async def _retry_key(self, key: str) -> None:
        """Apply the key's first parked event if it is due, then let the next one follow."""
        async with self.sessions.begin() as session:
            await lock_keys(session, self.consumer, [key])
            row = await first_parked(session, self.consumer, key)
            if row is None or row.status != "waiting" or row.next_at > now():
                return
            head = (await self._heads(session, [key])).get(key, 0)
            if row.version <= head:
                await forget(session, row, head)
                return
            if row.version > head + 1:
                await reschedule(session, row, NEVER, f"waits for version {head + 1}")
                return
            envelope = envelope_of(row)
            failure = await self.apply(session, envelope)
            if failure is None:
                await save_heads(session, self.consumer, {key: envelope.version})
                await forget(session, row, envelope.version)
                EVENTS.labels(self.consumer, "applied").inc()
            elif isinstance(failure, Poison) or row.attempt + 1 >= _ATTEMPTS:
                await reschedule(session, row, NEVER, _reason(failure), status="dead")
            else:
                await reschedule(session, row, backoff(row.attempt + 1), _reason(failure))


async def lock_keys(session: AsyncSession, consumer: str, keys: Sequence[str]) -> None:
    """Hold the aggregates for this transaction, in one order, so that two workers never cross."""
    await session.execute(_LOCK, {"consumer": consumer, "keys": list(keys)})


async def save_heads(session: AsyncSession, consumer: str, versions: Mapping[str, int]) -> None:
    """Move heads to these versions by key; a head never goes back."""
    if not versions:
        return
    await session.execute(
        _SAVE_HEADS,
        [
            {"consumer": consumer, "key": key, "version": version}
            for key, version in sorted(versions.items())
        ],
    )


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


def is_unavailable(error: BaseException) -> bool:
    """Whether what the event needs is away; then the event itself is not at fault."""
    return isinstance(error, Unavailable) or is_outage(error)


def _reason(failure: Exception) -> str:
    """Type and, for what our own code raised on purpose, its message; never a driver's text."""
    if isinstance(failure, Transient | Poison):
        return f"{type(failure).__name__}: {failure}"[:500]
    return type(failure).__name__
