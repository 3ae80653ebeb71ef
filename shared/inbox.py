"""Take events in: each once, in order per aggregate, with its effects in one transaction.

A failing event is parked and its key goes on waiting behind it; other keys go on. Rules and the
failures of simpler versions: docs/adr/0004-consumers.md.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared import audit
from shared.clock import now
from shared.database import Sessions, enter_brand, is_outage
from shared.envelope import Envelope
from shared.events import Event, Received, decode
from shared.ids import uuid7
from shared.parking import (
    ATTEMPTS,
    NEVER,
    backoff,
    envelope_of,
    first_parked,
    forget,
    reschedule,
    wake_next,
)
from shared.tables import HeadRow, ParkedRow
from shared.tracing import span

Handler = Callable[[AsyncSession, Received[Any]], Awaitable[None]]
"""Applies one event; runs in a transaction that has entered the event's brand."""

# Statements of every event are put together once: for a short one that costs as much as to run it.
_LOCK = text(
    "select pg_advisory_xact_lock(h) from (select distinct hashtextextended("
    "cast(:consumer as text) || '/' || k, 0) h "
    "from unnest(cast(:keys as text[])) k order by h) locks"
)
# A row has the id of an event that is new here, or a key with its head, or a key that has parked
# events.
_LOOK = text(
    """
    with noted as (
        insert into inbox (consumer, event_id, received_at)
        select :consumer, event_id, :at from unnest(cast(:event_ids as uuid[])) event_id
        on conflict do nothing returning event_id
    )
    select event_id, null as key, null as version from noted
    union all
    select null, key, version from head where consumer = :consumer and key = any(:keys)
    union all
    select distinct cast(null as uuid), key, cast(null as bigint)
    from parked where consumer = :consumer and key = any(:keys)
    """
)
_DUE = text(
    "select key from parked where consumer = :consumer and status = 'waiting' and next_at <= :at "
    "order by next_at limit 50"
)
_SAVE_HEADS = text(
    """
    insert into head (consumer, key, version)
    select :consumer, key, version
    from unnest(cast(:keys as text[]), cast(:versions as bigint[])) moved (key, version)
    on conflict (consumer, key) do update set version = greatest(head.version, excluded.version)
    """
)
_BRAND = "inbox_brand"

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
        """Process events in one transaction (at most 40 of them), those of a key in order.

        Raises Unavailable or a database error when nothing of it was committed.
        """
        try:
            # Nearly always all goes well, and savepoints would cost as much as the effects.
            outcomes = await self._take(envelopes, apart=False)
        except Exception as error:
            if is_unavailable(error):
                raise
            outcomes = await self._take(envelopes, apart=True)
        for outcome in outcomes:
            EVENTS.labels(self.consumer, outcome).inc()

    async def _take(self, envelopes: Sequence[Envelope], *, apart: bool) -> list[str]:
        """What became of each event. `apart`: what fails takes back its own effects alone."""
        keys = sorted({envelope.key for envelope in envelopes})
        outcomes = []
        async with self.sessions.begin() as session:
            await lock_keys(session, self.consumer, keys)
            fresh, heads, parked = await self._look(session, envelopes, keys)
            before = dict(heads)
            for envelope in envelopes:
                if envelope.event_id not in fresh:
                    outcomes.append("repeat")
                    continue
                fresh.discard(envelope.event_id)
                outcomes.append(await self._take_one(session, envelope, heads, apart=apart))
            changed = {key: version for key, version in heads.items() if version != before.get(key)}
            await save_heads(session, self.consumer, changed)
            for key in parked & changed.keys():
                await wake_next(session, self.consumer, key, changed[key])
        return outcomes

    async def _take_one(
        self,
        session: AsyncSession,
        envelope: Envelope,
        heads: dict[str, int],
        *,
        apart: bool,
    ) -> str:
        if envelope.problem is not None:
            return await self._park(session, envelope, "dead", NEVER, envelope.problem)
        head = heads.get(envelope.key, 0)
        if envelope.version <= head:
            return "stale"
        if envelope.version > head + 1:
            reason = f"waits for version {head + 1}"
            return await self._park(session, envelope, "waiting", NEVER, reason)
        failure = await self.apply(session, envelope, apart=apart)
        if failure is None:
            heads[envelope.key] = envelope.version
            return "applied"
        if isinstance(failure, Poison):
            return await self._park(session, envelope, "dead", NEVER, _reason(failure))
        return await self._park(session, envelope, "waiting", backoff(1), _reason(failure))

    async def apply(
        self, session: AsyncSession, envelope: Envelope, *, apart: bool
    ) -> Exception | None:
        """Run the handler, `apart` in a savepoint; the failure it ended in there, or None.

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
        if session.info.get(_BRAND) != envelope.brand_id:
            await enter_brand(session, envelope.brand_id)
            session.info[_BRAND] = envelope.brand_id
        try:
            with span(
                f"consume {envelope.type}",
                kind=SpanKind.CONSUMER,
                traceparent=envelope.traceparent,
                attributes={"messaging.consumer": self.consumer},
            ):
                async with session.begin_nested() if apart else nullcontext():
                    await handler(session, received)
                    await audit.flush(session, envelope.brand_id, self.audit_key)
                    await session.flush()
        except Exception as error:
            audit.discard(session)
            if not apart or is_unavailable(error):
                raise
            if not isinstance(error, Transient | Poison):
                log.exception("handler_failed", consumer=self.consumer, type=envelope.type)
            return error
        session.expunge_all()
        return None

    async def _look(
        self, session: AsyncSession, envelopes: Sequence[Envelope], keys: list[str]
    ) -> tuple[set[UUID], dict[str, int], set[str]]:
        """Note the events as taken in: those that are new, the heads and the keys with parked ones.

        The keys are locked before, in a statement of its own: this one's snapshot must be younger.
        """
        rows = await session.execute(
            _LOOK,
            {
                "consumer": self.consumer,
                "event_ids": list({envelope.event_id for envelope in envelopes}),
                "keys": keys,
                "at": now(),
            },
        )
        fresh: set[UUID] = set()
        heads: dict[str, int] = {}
        parked: set[str] = set()
        for event_id, key, version in rows:
            if event_id is not None:
                fresh.add(event_id)
            elif version is not None:
                heads[key] = version
            else:
                parked.add(key)
        return fresh, heads, parked

    async def _head(self, session: AsyncSession, key: str) -> int:
        found = await session.get(HeadRow, (self.consumer, key))
        return 0 if found is None else found.version

    async def _park(
        self, session: AsyncSession, envelope: Envelope, status: str, next_at: datetime, reason: str
    ) -> str:
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
        return "parked"

    async def retry_due(self) -> bool:
        """Try the keys whose first parked event is due; whether there was one."""
        async with self.sessions.begin() as session:
            due = await session.scalars(_DUE, {"consumer": self.consumer, "at": now()})
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
            head = await self._head(session, key)
            if row.version <= head:
                await forget(session, row, head)
                return
            if row.version > head + 1:
                await reschedule(session, row, NEVER, f"waits for version {head + 1}")
                return
            envelope = envelope_of(row)
            failure = await self.apply(session, envelope, apart=True)
            if failure is None:
                await save_heads(session, self.consumer, {key: envelope.version})
                await forget(session, row, envelope.version)
                EVENTS.labels(self.consumer, "applied").inc()
            elif isinstance(failure, Poison) or row.attempt + 1 >= ATTEMPTS:
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
        {
            "consumer": consumer,
            "keys": list(versions),
            "versions": list(versions.values()),
        },
    )


def is_unavailable(error: BaseException) -> bool:
    """Whether what the event needs is away; then the event itself is not at fault."""
    return isinstance(error, Unavailable) or is_outage(error)


def _reason(failure: Exception) -> str:
    """Type and, for what our own code raised on purpose, its message; never a driver's text."""
    if isinstance(failure, Transient | Poison):
        return f"{type(failure).__name__}: {failure}"[:500]
    return type(failure).__name__
