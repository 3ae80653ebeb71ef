"""Work due at a time that survives restarts: a row per piece of work, claimed by one worker.

Repeating a handler must be harmless: a worker that dies after its effect and before finishing the
timer leaves it to be run again when the claim runs out.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.database import Sessions
from shared.ids import uuid7
from shared.tables import TimerRow

_CLAIM = timedelta(seconds=15)
"""How long the timers of a worker that died wait; a living one renews its claims in time."""
_RENEW_SECONDS = 4.0
_LONGEST_SECONDS = 60
"""A handler that takes longer has failed."""
_AT_ONCE = 50
_IDLE_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 300

_NEW = insert(TimerRow)
_SCHEDULE = _NEW.on_conflict_do_update(
    index_elements=["brand_id", "kind", "subject_id"],
    set_={
        "due_at": func.least(TimerRow.due_at, _NEW.excluded.due_at),
        "generation": TimerRow.generation + 1,
    },
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A timer that has come due. `attempt` counts failures of its handler so far."""

    brand_id: UUID
    kind: str
    subject_id: UUID
    due_at: datetime
    attempt: int


TimerHandler = Callable[[Due], Awaitable[datetime | None]]
"""Runs the work in its own transactions; returns when it is due again, or None when it is over."""


async def schedule(
    session: AsyncSession, brand_id: UUID, kind: str, subject_id: UUID, due_at: datetime
) -> None:
    """Set the timer of this kind and subject; an earlier time that is already set is kept."""
    await session.execute(
        _SCHEDULE,
        {
            "id": uuid7(),
            "brand_id": brand_id,
            "kind": kind,
            "subject_id": subject_id,
            "due_at": due_at,
            "generation": 1,
            "attempt": 0,
        },
    )


async def cancel(session: AsyncSession, brand_id: UUID, kind: str, subject_id: UUID) -> None:
    """Take the timer back, if it is set. One that rings already runs to its end."""
    await session.execute(
        delete(TimerRow).where(
            TimerRow.brand_id == brand_id, TimerRow.kind == kind, TimerRow.subject_id == subject_id
        )
    )


async def run_timers(
    sessions: Sessions, handlers: Mapping[str, TimerHandler], stopping: asyncio.Event
) -> None:
    """Claim due timers and run their handlers until `stopping` is set; several workers may run.

    A slow handler holds up nothing but its own timer. At the end what runs is finished.
    """
    running: dict[UUID, asyncio.Task[None]] = {}
    renewed_at = time.monotonic()
    while not stopping.is_set():
        try:
            if time.monotonic() > renewed_at + _RENEW_SECONDS:
                renewed_at = time.monotonic()
                await _renew(sessions, list(running))
            claimed = await _claim(sessions, list(handlers), list(running))
        except Exception:
            log.exception("timers_unavailable")
            await asyncio.sleep(random.uniform(0.5, 1.0))
            continue
        for row in claimed:
            task = asyncio.create_task(_run(sessions, handlers[row.kind], row), name=row.kind)
            running[row.id] = task
            task.add_done_callback(partial(_forget, running, row.id))
        await asyncio.sleep(0 if claimed else _IDLE_SECONDS)
    await asyncio.gather(*running.values())


def _forget(
    running: dict[UUID, "asyncio.Task[None]"], row_id: UUID, _: "asyncio.Task[None]"
) -> None:
    del running[row_id]


async def _claim(sessions: Sessions, kinds: list[str], running: list[UUID]) -> Sequence[TimerRow]:
    if len(running) >= _AT_ONCE:
        return []
    async with sessions.begin() as session:
        at = now()
        due = (
            select(TimerRow.id)
            .where(
                TimerRow.kind.in_(kinds),
                TimerRow.due_at <= at,
                or_(TimerRow.claimed_until.is_(None), TimerRow.claimed_until < at),
                TimerRow.id.not_in(running),
            )
            .order_by(TimerRow.due_at)
            .limit(_AT_ONCE - len(running))
            .with_for_update(skip_locked=True)
        )
        claimed = await session.scalars(
            update(TimerRow)
            .where(TimerRow.id.in_(due))
            .values(claimed_until=at + _CLAIM)
            .returning(TimerRow)
        )
        return claimed.all()


async def _renew(sessions: Sessions, running: list[UUID]) -> None:
    """Renew the claims, but of those that are just being finished or set anew."""
    if not running:
        return
    async with sessions.begin() as session:
        claimed = (
            select(TimerRow.id)
            .where(TimerRow.id.in_(running), TimerRow.claimed_until.is_not(None))
            .with_for_update(skip_locked=True)
        )
        await session.execute(
            update(TimerRow).where(TimerRow.id.in_(claimed)).values(claimed_until=now() + _CLAIM)
        )


async def _run(sessions: Sessions, handler: TimerHandler, row: TimerRow) -> None:
    """Never raises: what could not be noted is run again when the claim has run out."""
    next_at, attempt = await _ring(handler, row)
    try:
        await _finish(sessions, row, next_at, attempt)
    except Exception:
        log.exception("timer_not_finished", kind=row.kind, subject_id=str(row.subject_id))


async def _ring(handler: TimerHandler, row: TimerRow) -> tuple[datetime | None, int]:
    """Run the handler; when it is due again, and how often it has failed."""
    due = Due(row.brand_id, row.kind, row.subject_id, row.due_at, row.attempt)
    try:
        return await asyncio.wait_for(handler(due), _LONGEST_SECONDS), 0
    except Exception:
        log.exception("timer_failed", kind=row.kind, subject_id=str(row.subject_id))
        attempt = row.attempt + 1
        backoff = min(2**attempt, _LONGEST_BACKOFF_SECONDS) * random.uniform(0.5, 1.0)
        return now() + timedelta(seconds=backoff), attempt


async def _finish(
    sessions: Sessions, row: TimerRow, next_at: datetime | None, attempt: int
) -> None:
    async with sessions.begin() as session:
        mine = (TimerRow.id == row.id, TimerRow.generation == row.generation)
        if next_at is None:
            finished = await session.execute(delete(TimerRow).where(*mine))
        else:
            finished = await session.execute(
                update(TimerRow)
                .where(*mine)
                .values(due_at=next_at, claimed_until=None, attempt=attempt)
            )
        if finished.rowcount == 0:  # type: ignore[attr-defined]
            # Scheduled anew while the handler ran: leave it due, give up the claim.
            await session.execute(
                update(TimerRow).where(TimerRow.id == row.id).values(claimed_until=None)
            )
