"""Timers survive whoever runs them: due once, repeated after a failure, moved when set anew."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from shared import timers
from shared.clock import now
from shared.database import brand_session
from shared.ids import uuid7
from shared.tables import TimerRow
from shared.timers import Due, TimerHandler, run_timers
from tests.shared.conftest import Plumbing

KIND = "test.ring"


async def run_until(
    plumbing: Plumbing, handler: TimerHandler, reached: asyncio.Event, workers: int = 1
) -> None:
    stopping = asyncio.Event()
    tasks = [
        asyncio.create_task(run_timers(plumbing.worker, {KIND: handler}, stopping))
        for _ in range(workers)
    ]
    try:
        await asyncio.wait_for(reached.wait(), 10)
        await asyncio.sleep(0.3)
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def set_timer(plumbing: Plumbing, due_at: datetime) -> None:
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await timers.schedule(session, plumbing.brand_id, KIND, uuid7(), due_at)


async def rows(plumbing: Plumbing) -> list[TimerRow]:
    async with plumbing.worker() as session:
        return list(await session.scalars(select(TimerRow)))


async def test_each_due_timer_rings_once_though_several_workers_watch(plumbing: Plumbing) -> None:
    rung: list[Due] = []
    reached = asyncio.Event()
    for _ in range(20):
        await set_timer(plumbing, now())
    await set_timer(plumbing, now() + timedelta(hours=1))

    async def ring(due: Due) -> None:
        rung.append(due)
        if len(rung) == 20:
            reached.set()

    await run_until(plumbing, ring, reached, workers=3)

    assert len(rung) == len({due.subject_id for due in rung}) == 20
    assert len(await rows(plumbing)) == 1


async def test_a_handler_that_fails_is_run_again_later(plumbing: Plumbing) -> None:
    attempts: list[int] = []
    reached = asyncio.Event()
    await set_timer(plumbing, now())

    async def fail_once(due: Due) -> None:
        attempts.append(due.attempt)
        if len(attempts) == 1:
            raise RuntimeError("away")
        reached.set()

    await run_until(plumbing, fail_once, reached)

    assert attempts == [0, 1]
    assert await rows(plumbing) == []


async def test_a_claim_of_a_dead_worker_runs_out(plumbing: Plumbing) -> None:
    reached = asyncio.Event()
    await set_timer(plumbing, now())
    async with plumbing.worker.begin() as session:
        await session.execute(text("update timer set claimed_until = now() - interval '1 s'"))

    async def ring(due: Due) -> None:
        reached.set()

    await run_until(plumbing, ring, reached)

    assert await rows(plumbing) == []


async def test_a_slow_handler_keeps_its_claim_and_holds_up_no_other(
    plumbing: Plumbing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "_CLAIM", timedelta(seconds=0.5))
    monkeypatch.setattr(timers, "_RENEW_SECONDS", 0.1)
    rung: list[UUID] = []
    reached, may_end = asyncio.Event(), asyncio.Event()
    await set_timer(plumbing, now())

    async def ring(due: Due) -> None:
        rung.append(due.subject_id)
        if len(rung) == 1:
            await set_timer(plumbing, now())
            await may_end.wait()
        else:
            # longer than the claim would have lasted
            await asyncio.sleep(1)
            may_end.set()
            reached.set()

    await run_until(plumbing, ring, reached, workers=2)

    assert len(rung) == len(set(rung)) == 2
    assert await rows(plumbing) == []


async def test_a_timer_set_anew_while_it_rings_rings_again(plumbing: Plumbing) -> None:
    count = 0
    reached = asyncio.Event()
    await set_timer(plumbing, now())

    async def ring(due: Due) -> None:
        nonlocal count
        count += 1
        if count == 1:
            async with brand_session(plumbing.worker, due.brand_id) as session:
                await timers.schedule(session, due.brand_id, KIND, due.subject_id, now())
        else:
            reached.set()

    await run_until(plumbing, ring, reached)

    assert count == 2
    assert await rows(plumbing) == []


async def test_a_timer_that_is_just_being_set_anew_holds_up_the_end_of_no_other(
    plumbing: Plumbing,
) -> None:
    subject_id = uuid7()
    rung: list[UUID] = []
    both, may_end = asyncio.Event(), asyncio.Event()
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await timers.schedule_many(
            session, plumbing.brand_id, KIND, {subject_id: now(), uuid7(): now()}
        )

    async def ring(due: Due) -> None:
        rung.append(due.subject_id)
        if len(rung) == 2:
            both.set()
        await may_end.wait()

    running = asyncio.create_task(run_until(plumbing, ring, may_end))
    await both.wait()
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        await timers.schedule(session, plumbing.brand_id, KIND, subject_id, now())
        may_end.set()
        async with asyncio.timeout(3):
            while len(await rows(plumbing)) == 2:
                await asyncio.sleep(0.05)
    await running

    assert rung[2:] == [subject_id]
    assert await rows(plumbing) == []


@pytest.mark.parametrize("later", [True, False])
async def test_of_two_times_the_earlier_stands(plumbing: Plumbing, later: bool) -> None:
    subject_id = uuid7()
    early, late = now() + timedelta(minutes=1), now() + timedelta(minutes=9)
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        for due_at in (early, late) if later else (late, early):
            await timers.schedule(session, plumbing.brand_id, KIND, subject_id, due_at)

    [row] = await rows(plumbing)
    assert row.due_at == early
