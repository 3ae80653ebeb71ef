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
from sqlalchemy import ARRAY, DateTime, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.database import Sessions
from shared.gathering import Gathering
from shared.ids import uuid7
from shared.tables import TimerRow

_CLAIM = timedelta(seconds=15)
"""How long the timers of a worker that died wait; a living one renews its claims in time."""
_RENEW_SECONDS = 4.0
_LONGEST_SECONDS = 60
"""A handler that takes longer has failed."""
_AT_ONCE = 50
_IDLE_SECONDS = 0.1
_BUSY_SECONDS = 0.02
"""Between two claims that found something: few large ones are cheaper than many small ones."""
_LONGEST_BACKOFF_SECONDS = 300

_NEW = insert(TimerRow)
_SCHEDULE = _NEW.on_conflict_do_update(
    index_elements=["brand_id", "kind", "subject_id"],
    set_={
        "due_at": func.least(TimerRow.due_at, _NEW.excluded.due_at),
        "generation": TimerRow.generation + 1,
    },
)

_CLAIM_DUE = text(
    """
    update timer set claimed_until = :claimed_until
    where id in (
        select id from timer
        where kind = any(:kinds) and due_at <= :at
          and (claimed_until is null or claimed_until < :at) and id <> all(:running)
        order by due_at limit :size for update skip locked)
    returning id, brand_id, kind, subject_id, due_at, generation, attempt
    """
)
# Waits for no row that somebody is setting anew: whoever holds it may wait for another of these.
_FINISH = text(
    """
    with mine as (
        select t.id, f.next_at, f.attempt
        from timer t
        join unnest(cast(:ids as uuid[]), cast(:generations as bigint[]), :next_at,
                    cast(:attempts as smallint[])) f (id, generation, next_at, attempt)
            on t.id = f.id and t.generation = f.generation
        for update of t skip locked
    ), over as (
        delete from timer using mine
        where timer.id = mine.id and mine.next_at is null
        returning timer.id
    ), moved as (
        update timer set due_at = mine.next_at, claimed_until = null, attempt = mine.attempt
        from mine
        where timer.id = mine.id and mine.next_at is not null
        returning timer.id
    )
    select id from over union all select id from moved
    """
).bindparams(bindparam("next_at", type_=ARRAY(DateTime(timezone=True))))

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
    await schedule_many(session, brand_id, kind, {subject_id: due_at})


async def schedule_many(
    session: AsyncSession, brand_id: UUID, kind: str, due_at: Mapping[UUID, datetime]
) -> None:
    """Set the timers of this kind by subject, as `schedule` does each."""
    if not due_at:
        return
    await session.execute(
        _SCHEDULE,
        [
            {
                "id": uuid7(),
                "brand_id": brand_id,
                "kind": kind,
                "subject_id": subject_id,
                "due_at": at,
                "generation": 1,
                "attempt": 0,
            }
            for subject_id, at in sorted(due_at.items())
        ],
    )


async def cancel(session: AsyncSession, brand_id: UUID, kind: str, subject_id: UUID) -> None:
    """Take the timer back, if it is set. One that rings already runs to its end."""
    await session.execute(
        delete(TimerRow).where(
            TimerRow.brand_id == brand_id, TimerRow.kind == kind, TimerRow.subject_id == subject_id
        )
    )


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A timer that this worker has claimed, as it was then."""

    id: UUID
    due: Due
    generation: int


@dataclass(frozen=True, slots=True)
class _Finished:
    """What a handler said: when the timer is due again, if at all, and how often it failed."""

    timer: _Claimed
    next_at: datetime | None
    attempt: int


async def run_timers(
    sessions: Sessions, handlers: Mapping[str, TimerHandler], stopping: asyncio.Event
) -> None:
    """Claim due timers and run their handlers until `stopping` is set; several workers may run.

    A slow handler holds up nothing but its own timer. At the end what runs is finished.
    """
    finishing: Gathering[None, _Finished, None] = Gathering(partial(_finish, sessions))
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
        for timer in claimed:
            work = _run(finishing, handlers[timer.due.kind], timer)
            task = asyncio.create_task(work, name=timer.due.kind)
            running[timer.id] = task
            task.add_done_callback(partial(_forget, running, timer.id))
        await asyncio.sleep(_BUSY_SECONDS if claimed else _IDLE_SECONDS)
    await asyncio.gather(*running.values())


def _forget(
    running: dict[UUID, "asyncio.Task[None]"], row_id: UUID, _: "asyncio.Task[None]"
) -> None:
    del running[row_id]


async def _claim(sessions: Sessions, kinds: list[str], running: list[UUID]) -> list[_Claimed]:
    if len(running) >= _AT_ONCE:
        return []
    async with sessions.begin() as session:
        at = now()
        rows = await session.execute(
            _CLAIM_DUE,
            {
                "kinds": kinds,
                "at": at,
                "running": running,
                "size": _AT_ONCE - len(running),
                "claimed_until": at + _CLAIM,
            },
        )
        return [
            _Claimed(
                row.id,
                Due(row.brand_id, row.kind, row.subject_id, row.due_at, row.attempt),
                row.generation,
            )
            for row in rows
        ]


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


async def _run(
    finishing: Gathering[None, _Finished, None], handler: TimerHandler, timer: _Claimed
) -> None:
    """Never raises: what could not be noted is run again when the claim has run out."""
    finished = await _ring(handler, timer)
    try:
        await finishing.add(None, finished)
    except Exception:
        due = timer.due
        log.exception("timer_not_finished", kind=due.kind, subject_id=str(due.subject_id))


async def _ring(handler: TimerHandler, timer: _Claimed) -> _Finished:
    """Run the handler; when it is due again, and how often it has failed."""
    due = timer.due
    try:
        return _Finished(timer, await asyncio.wait_for(handler(due), _LONGEST_SECONDS), 0)
    except Exception:
        log.exception("timer_failed", kind=due.kind, subject_id=str(due.subject_id))
        attempt = due.attempt + 1
        backoff = min(2**attempt, _LONGEST_BACKOFF_SECONDS) * random.uniform(0.5, 1.0)
        return _Finished(timer, now() + timedelta(seconds=backoff), attempt)


async def _finish(
    sessions: Sessions, _key: None, finished: Sequence[_Finished]
) -> list[Exception | None]:
    async with sessions.begin() as session:
        noted = await session.scalars(
            _FINISH,
            {
                "ids": [each.timer.id for each in finished],
                "generations": [each.timer.generation for each in finished],
                "next_at": [each.next_at for each in finished],
                "attempts": [each.attempt for each in finished],
            },
        )
        done = set(noted)
    return [
        None if each.timer.id in done else await _finish_late(sessions, each) for each in finished
    ]


async def _finish_late(sessions: Sessions, finished: _Finished) -> Exception | None:
    """Finish a timer that was set anew while its handler ran, or is just being set."""
    try:
        await _finish_alone(sessions, finished)
    except Exception as error:
        return error
    return None


async def _finish_alone(sessions: Sessions, finished: _Finished) -> None:
    timer = finished.timer
    async with sessions.begin() as session:
        mine = (TimerRow.id == timer.id, TimerRow.generation == timer.generation)
        if finished.next_at is None:
            ended = await session.execute(delete(TimerRow).where(*mine))
        else:
            ended = await session.execute(
                update(TimerRow)
                .where(*mine)
                .values(due_at=finished.next_at, claimed_until=None, attempt=finished.attempt)
            )
        if ended.rowcount == 0:  # type: ignore[attr-defined]
            # Scheduled anew while the handler ran: leave it due, give up the claim.
            await session.execute(
                update(TimerRow).where(TimerRow.id == timer.id).values(claimed_until=None)
            )
