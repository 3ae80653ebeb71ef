"""Taking events in: once, in order, with parking that blocks one key and no other."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from prometheus_client import REGISTRY
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared import parked
from shared.database import brand_session
from shared.envelope import Envelope
from shared.events import Event, Received
from shared.events.account import StaffDeparted, StaffReturned
from shared.ids import typed, uuid7
from shared.inbox import Handler, Inbox, Poison, Transient, Unavailable
from shared.outbox import row as outbox_row
from shared.tables import HeadRow, ParkedRow
from tests.shared.conftest import AUDIT_KEY, Plumbing

CONSUMER = "test"


class Recorder:
    """A handler that writes what it saw, and fails on demand for chosen versions."""

    def __init__(self) -> None:
        self.failures: dict[int, Exception] = {}

    async def on_event(self, session: AsyncSession, received: Received[Event]) -> None:
        await session.execute(
            text("insert into seen (brand_id, key, version) values (:brand, :key, :version)"),
            {
                "brand": received.brand_id,
                "key": received.event.subject,
                "version": received.version,
            },
        )
        failure = self.failures.get(received.version)
        if failure is not None:
            raise failure


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def inbox(plumbing: Plumbing, recorder: Recorder) -> Inbox:
    handlers: dict[type[Event], Handler] = {
        StaffReturned: recorder.on_event,
        StaffDeparted: recorder.on_event,
    }
    return Inbox(CONSUMER, handlers, plumbing.worker, AUDIT_KEY)


def make_envelope(
    plumbing: Plumbing, staff_id: UUID, version: int, **overrides: object
) -> Envelope:
    row = outbox_row(plumbing.brand_id, StaffReturned(staff_id=staff_id), version)
    values: dict[str, object] = {
        "event_id": row["event_id"],
        "key": row["key"],
        "topic": row["topic"],
        "version": version,
        "brand_id": plumbing.brand_id,
        "type": StaffReturned.type,
        "occurred_at": row["created_at"],
        "traceparent": None,
        "headers": row["headers"],
        "payload": row["payload"],
    }
    return Envelope(**{**values, **overrides})  # type: ignore[arg-type]


async def seen(plumbing: Plumbing, staff_id: UUID) -> list[int]:
    async with brand_session(plumbing.worker, plumbing.brand_id) as session:
        rows = await session.scalars(
            text("select version from seen where key = :key order by position"),
            {"key": typed("staff", staff_id)},
        )
        return list(rows)


async def parked_rows(plumbing: Plumbing) -> list[tuple[int, str, int]]:
    async with plumbing.worker() as session:
        rows = await session.scalars(select(ParkedRow).order_by(ParkedRow.key, ParkedRow.version))
        return [(row.version, row.status, row.attempt) for row in rows]


async def head(plumbing: Plumbing, staff_id: UUID) -> int | None:
    async with plumbing.worker() as session:
        found = await session.get(HeadRow, (CONSUMER, typed("staff", staff_id)))
        return None if found is None else found.version


async def test_each_event_takes_effect_once_however_often_it_comes(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_id = uuid7()
    events = [make_envelope(plumbing, staff_id, version) for version in (1, 2)]

    await inbox.take([events[0], events[0], events[1]])
    await inbox.take(events)

    assert await seen(plumbing, staff_id) == [1, 2]
    assert await head(plumbing, staff_id) == 2


async def test_a_stale_version_under_a_new_id_has_no_effect(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_id = uuid7()
    await inbox.take([make_envelope(plumbing, staff_id, 1), make_envelope(plumbing, staff_id, 2)])

    await inbox.take([make_envelope(plumbing, staff_id, 1)])

    assert await seen(plumbing, staff_id) == [1, 2]


async def test_a_poison_event_blocks_its_key_and_no_other(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    poisoned, healthy = uuid7(), uuid7()
    recorder.failures[2] = Poison("no such thing")

    await inbox.take([make_envelope(plumbing, poisoned, version) for version in (1, 2, 3)])
    del recorder.failures[2]
    await inbox.take([make_envelope(plumbing, healthy, version) for version in (1, 2)])

    assert await seen(plumbing, poisoned) == [1]
    assert await seen(plumbing, healthy) == [1, 2]
    assert await parked_rows(plumbing) == [(2, "dead", 1), (3, "waiting", 1)]


async def test_events_that_are_run_again_beside_a_failing_one_are_counted_once(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id, other_id = uuid7(), uuid7()
    recorder.failures[2] = Poison("no such thing")
    before = counted()

    await inbox.take(
        [
            make_envelope(plumbing, staff_id, 1),
            make_envelope(plumbing, staff_id, 2),
            make_envelope(plumbing, other_id, 1),
        ]
    )

    assert [after - then for after, then in zip(counted(), before, strict=True)] == [2, 1]
    assert await seen(plumbing, staff_id) == [1]
    assert await seen(plumbing, other_id) == [1]


def counted() -> list[float]:
    """How many events were applied, and parked."""
    return [
        REGISTRY.get_sample_value("kos_events_total", {"consumer": CONSUMER, "outcome": outcome})
        or 0.0
        for outcome in ("applied", "parked")
    ]


async def test_data_that_does_not_fit_its_type_is_dead_at_once(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_id = uuid7()

    await inbox.take([make_envelope(plumbing, staff_id, 1, payload=b'{"staff_id": 7}')])

    assert await seen(plumbing, staff_id) == []
    assert await parked_rows(plumbing) == [(1, "dead", 1)]


async def test_an_unreadable_record_is_parked_and_stops_nothing(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_id = uuid7()
    broken = make_envelope(
        plumbing, staff_id, 0, key="unreadable/t/0/7", brand_id=None, problem="unreadable envelope"
    )

    await inbox.take([broken, make_envelope(plumbing, staff_id, 1)])

    assert await seen(plumbing, staff_id) == [1]
    assert await parked_rows(plumbing) == [(0, "dead", 1)]


async def test_a_transient_failure_is_retried_and_order_is_kept(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[2] = Transient("not yet")
    await inbox.take([make_envelope(plumbing, staff_id, version) for version in (1, 2, 3, 4)])
    assert await seen(plumbing, staff_id) == [1]

    recorder.failures.clear()
    await _retry_until_empty(plumbing, inbox)

    assert await seen(plumbing, staff_id) == [1, 2, 3, 4]
    assert await head(plumbing, staff_id) == 4


async def test_a_bug_in_a_handler_is_retried_and_given_up_after_eight_attempts(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[1] = KeyError("bug")
    await inbox.take([make_envelope(plumbing, staff_id, 1)])

    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for _ in range(7):
            clock.shift(timedelta(hours=2))
            await inbox.retry_due()

    assert await parked_rows(plumbing) == [(1, "dead", 8)]
    assert await seen(plumbing, staff_id) == []


async def test_a_gap_is_closed_by_the_event_that_was_missing(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_id = uuid7()
    first, missing, later = (make_envelope(plumbing, staff_id, version) for version in (1, 2, 3))

    await inbox.take([first, later])
    assert await seen(plumbing, staff_id) == [1]
    await inbox.take([missing])
    await _retry_until_empty(plumbing, inbox)

    assert await seen(plumbing, staff_id) == [1, 2, 3]


async def test_a_discarded_event_moves_the_head_so_that_the_next_is_no_gap(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[1] = Poison("never")
    events = [make_envelope(plumbing, staff_id, version) for version in (1, 2, 3)]
    await inbox.take(events)

    async with brand_session(plumbing.worker, plumbing.brand_id) as session:
        await parked.discard(session, CONSUMER, events[0].event_id, actor="staff_test")
    await _retry_until_empty(plumbing, inbox)

    assert await seen(plumbing, staff_id) == [2, 3]
    assert await head(plumbing, staff_id) == 3


async def test_a_dead_event_runs_after_its_replay(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[1] = Poison("bug in this release")
    events = [make_envelope(plumbing, staff_id, version) for version in (1, 2)]
    await inbox.take(events)

    recorder.failures.clear()
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await parked.replay(session, CONSUMER, events[0].event_id, actor="staff_test")
    await _retry_until_empty(plumbing, inbox)

    assert await seen(plumbing, staff_id) == [1, 2]


async def test_only_the_first_parked_event_of_a_key_can_be_discarded(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[1] = Poison("never")
    events = [make_envelope(plumbing, staff_id, version) for version in (1, 2)]
    await inbox.take(events)

    with pytest.raises(parked.NotFirstParked):
        async with brand_session(plumbing.worker, plumbing.brand_id) as session:
            await parked.discard(session, CONSUMER, events[1].event_id, actor="staff_test")

    assert await parked_rows(plumbing) == [(1, "dead", 1), (2, "waiting", 1)]


async def test_another_brand_cannot_replay_a_parked_event(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[1] = Poison("never")
    event = make_envelope(plumbing, staff_id, 1)
    await inbox.take([event])

    with pytest.raises(parked.ParkedNotFound):
        async with brand_session(plumbing.app, uuid7()) as session:
            await parked.replay(session, CONSUMER, event.event_id, actor="staff_test")


async def test_an_outage_parks_nothing_and_commits_nothing(
    plumbing: Plumbing, inbox: Inbox, recorder: Recorder
) -> None:
    staff_id = uuid7()
    recorder.failures[2] = Unavailable("platform away")
    events = [make_envelope(plumbing, staff_id, version) for version in (1, 2)]

    with pytest.raises(Unavailable):
        await inbox.take(events)
    recorder.failures.clear()
    await inbox.take(events)

    assert await seen(plumbing, staff_id) == [1, 2]
    assert await parked_rows(plumbing) == []


async def test_two_workers_with_the_same_events_apply_each_once(
    plumbing: Plumbing, inbox: Inbox
) -> None:
    staff_ids = [uuid7() for _ in range(10)]
    events = [make_envelope(plumbing, staff_id, v) for staff_id in staff_ids for v in (1, 2)]

    await asyncio.gather(*(inbox.take(events) for _ in range(4)))

    for staff_id in staff_ids:
        assert await seen(plumbing, staff_id) == [1, 2]


async def _retry_until_empty(plumbing: Plumbing, inbox: Inbox) -> None:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2), tick=True):
        for _ in range(20):
            if not await parked_rows(plumbing):
                return
            await inbox.retry_due()
    raise AssertionError("events stay parked")
