"""What a service's database says of its backlog, as metrics: parked events and timers past due.

Every copy of the worker reads the same tables and tells the same; take the maximum over them.
"""

import asyncio
from collections.abc import Sequence

import structlog
from prometheus_client import Gauge
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.database import Sessions
from shared.tables import ParkedRow, TimerRow

_EVERY_SECONDS = 5
_STATUSES = ("waiting", "dead")

PARKED = Gauge("kos_parked", "Events set aside", ["service", "consumer", "status"])
LATE = Gauge("kos_timer_late_seconds", "Age of the oldest timer past due", ["service", "kind"])
OVERDUE = Gauge("kos_timers_overdue", "Timers past due that nobody works on", ["service", "kind"])
FAILING = Gauge("kos_timers_failing", "Timers whose last run failed", ["service", "kind"])

log = structlog.get_logger(__name__)


async def run_figures(
    sessions: Sessions,
    service: str,
    stopping: asyncio.Event,
    *,
    consumers: Sequence[str],
    kinds: Sequence[str] = (),
) -> None:
    """Read every few seconds until `stopping` is set, with the worker's role.

    `consumers` and `kinds` of timers are told as zero when they have nothing.
    """
    while not stopping.is_set():
        try:
            async with sessions.begin() as session:
                await observe(session, service, consumers, kinds)
        except Exception:
            log.exception("figures")
        try:
            await asyncio.wait_for(stopping.wait(), _EVERY_SECONDS)
        except TimeoutError:
            continue


async def observe(
    session: AsyncSession, service: str, consumers: Sequence[str], kinds: Sequence[str]
) -> None:
    parked = dict.fromkeys(((name, status) for name in consumers for status in _STATUSES), 0)
    rows = await session.execute(
        select(ParkedRow.consumer, ParkedRow.status, func.count()).group_by(
            ParkedRow.consumer, ParkedRow.status
        )
    )
    parked |= {(consumer, status): count for consumer, status, count in rows}
    for (consumer, status), count in parked.items():
        PARKED.labels(service, consumer, status).set(count)

    at = now()
    due = await session.execute(
        select(TimerRow.kind, func.count(), func.min(TimerRow.due_at))
        .where(
            TimerRow.due_at <= at,
            or_(TimerRow.claimed_until.is_(None), TimerRow.claimed_until < at),
        )
        .group_by(TimerRow.kind)
    )
    late = {kind: (count, (at - oldest).total_seconds()) for kind, count, oldest in due}
    failed = await session.execute(
        select(TimerRow.kind, func.count()).where(TimerRow.attempt > 0).group_by(TimerRow.kind)
    )
    failing = {kind: int(count) for kind, count in failed}
    for kind in {*kinds, *late, *failing}:
        count, seconds = late.get(kind, (0, 0.0))
        OVERDUE.labels(service, kind).set(count)
        LATE.labels(service, kind).set(seconds)
        FAILING.labels(service, kind).set(failing.get(kind, 0))
