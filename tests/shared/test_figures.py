"""The backlog as metrics: what is parked, which timers are past due, which keep failing."""

from datetime import datetime, timedelta

from prometheus_client import REGISTRY
from sqlalchemy import insert, text

from shared.clock import now
from shared.database import brand_session
from shared.figures import observe
from shared.ids import uuid7
from shared.tables import ParkedRow, TimerRow
from tests.shared.conftest import Plumbing

SERVICE = "figures"


def read(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, {"service": SERVICE, **labels})


async def look(plumbing: Plumbing) -> None:
    async with plumbing.worker.begin() as session:
        await observe(session, SERVICE, ["known"], ["offer.expire"])


async def park(plumbing: Plumbing, consumer: str, status: str) -> None:
    async with brand_session(plumbing.worker, plumbing.brand_id) as session:
        await session.execute(
            insert(ParkedRow).values(
                id=uuid7(),
                consumer=consumer,
                key="k",
                version=1,
                event_id=uuid7(),
                brand_id=plumbing.brand_id,
                topic="t",
                headers={},
                payload=b"",
                status=status,
                attempt=1,
                next_at=now(),
                reason="test",
            )
        )


async def add_timer(
    plumbing: Plumbing,
    kind: str,
    due_at: datetime,
    *,
    claimed_until: datetime | None = None,
    attempt: int = 0,
) -> None:
    async with brand_session(plumbing.worker, plumbing.brand_id) as session:
        await session.execute(
            insert(TimerRow).values(
                id=uuid7(),
                brand_id=plumbing.brand_id,
                kind=kind,
                subject_id=uuid7(),
                due_at=due_at,
                claimed_until=claimed_until,
                generation=1,
                attempt=attempt,
            )
        )


async def test_parked_events_are_counted_over_all_brands_and_gone_when_they_are(
    plumbing: Plumbing,
) -> None:
    await look(plumbing)
    assert read("kos_parked", consumer="known", status="dead") == 0

    await park(plumbing, "known", "waiting")
    await park(plumbing, "known", "dead")
    await park(plumbing, "known", "dead")
    await look(plumbing)

    assert read("kos_parked", consumer="known", status="waiting") == 1
    assert read("kos_parked", consumer="known", status="dead") == 2
    async with plumbing.worker.begin() as session:
        await session.execute(text("delete from parked"))
    await look(plumbing)
    assert read("kos_parked", consumer="known", status="dead") == 0


async def test_an_overdue_timer_is_late_unless_somebody_works_on_it(plumbing: Plumbing) -> None:
    at = now()
    await add_timer(plumbing, "offer.expire", at - timedelta(seconds=90))
    await add_timer(plumbing, "offer.expire", at - timedelta(seconds=30))
    await add_timer(plumbing, "offer.expire", at + timedelta(hours=1), attempt=3)
    claimed_until = at + timedelta(seconds=15)
    await add_timer(plumbing, "busy", at - timedelta(hours=1), claimed_until=claimed_until)

    await look(plumbing)

    late = read("kos_timer_late_seconds", kind="offer.expire")
    assert late is not None
    assert 90 <= late < 120
    assert read("kos_timers_overdue", kind="offer.expire") == 2
    assert read("kos_timers_failing", kind="offer.expire") == 1
    assert read("kos_timers_overdue", kind="busy") is None
