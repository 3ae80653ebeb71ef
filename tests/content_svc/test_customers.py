"""Customers of a member who leaves, against the sandbox's WeCom: listed, moved once, looked up."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from shared.clock import now
from shared.events.account import HandoverFinished
from tests.content_svc.leaving import A_DAY, TRANSFER, Leaving, follows, make_leaving
from tests.content_svc.making import Brand
from tests.content_svc.sandbox import CORP_ID, Sandbox, Worker


@pytest.fixture
async def leaving(brand: Brand, sandbox: Sandbox, worker: Worker) -> Leaving:
    return await make_leaving(brand, sandbox, worker)


async def test_a6_customers_are_listed_moved_in_calls_of_a_hundred_and_seen_with_the_taker(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    before = await follows(sandbox, leaving.leaver)
    first, second = leaving.takers
    await leaving.assign(first, customers[:100])
    await leaving.assign(second, customers[100:])

    look_at = await leaving.work()
    accepted = await leaving.outcomes()
    await leaving.a_day_later()
    await leaving.work()

    assert len(customers) == len(before) == 120
    assert [event.is_last for event in await leaving.listed()] == [True]
    assert Counter(outcome for _, outcome in accepted) == {"accepted": 120}
    assert look_at is not None
    assert (look_at - now()).total_seconds() == pytest.approx(A_DAY, abs=60)
    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {
        "accepted": 120,
        "moved": 120,
    }
    assert await follows(sandbox, leaving.leaver) == set()
    with_takers = await follows(sandbox, first) | await follows(sandbox, second)
    assert before <= with_takers


async def test_a6_a_lost_answer_is_looked_up_and_nobody_is_asked_for_twice(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:100])
    await sandbox.fault("timeout_after_success", TRANSFER, count=1, hold_seconds=1.2)
    await sandbox.fault("delay", TRANSFER, delay_seconds=0)

    retry_at = await leaving.work()
    silent = await leaving.outcomes()
    await leaving.work()

    faults = (await sandbox.get("/sandbox/faults"))["faults"]
    assert retry_at is not None
    assert silent == []
    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {"accepted": 100}
    assert [each["seen"] for each in faults if each["kind"] == "timeout_after_success"] == [1]


async def test_a6_a_call_that_never_arrived_is_made_again(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:10])
    await sandbox.fault("connection_reset", TRANSFER, count=1)

    await leaving.work()
    await leaving.work()

    assert Counter(outcome for _, outcome in await leaving.outcomes()) == {"accepted": 10}


async def test_a6_refusals_full_takers_and_repeats_are_told_as_the_platform_says_them(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    refusing = min(await follows(sandbox, leaving.leaver))
    full, taker = leaving.takers
    await sandbox.client.put(
        f"/sandbox/apps/wecom/{CORP_ID}",
        json={
            "secret": "wecom",
            "customers_per_member": 120,
            "refusing_customers": [refusing],
            "full_members": [full.handle],
        },
    )
    customers = await leaving.open()
    await leaving.assign(full, customers[:5])
    await leaving.work()
    to_full = await leaving.outcomes()
    await leaving.assign(taker, customers[:100])
    await leaving.assign(taker, customers[100:])
    await leaving.work()
    again = Leaving(leaving.brand, sandbox, leaving.worker, [leaving.leaver, full, taker])
    known = await again.open()
    await again.assign(taker, known[:3])
    await again.work()
    busy = (await again.outcomes())[-3:]
    await leaving.a_day_later()
    await leaving.work()

    told = Counter(outcome for _, outcome in await leaving.outcomes())
    moves = [each.moved_at for event in await again.listed() for each in event.customers]
    assert Counter(outcome for _, outcome in to_full) == {"taker_full": 5}
    assert {outcome for _, outcome in busy} == {"in_progress"}
    assert (told["moved"], told["refused"]) == (119, 1)
    assert await follows(sandbox, leaving.leaver) == {refusing}
    assert [len(each) for each in moves] == [1] * 120  # the plan knows of earlier moves
    assert moves[0][0] <= datetime.now(UTC)


async def test_a6_who_the_customers_are_stays_in_the_service(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    names = await follows(sandbox, leaving.leaver)
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:10])
    await leaving.work()

    rows = [
        (await leaving.brand.sql(f"select string_agg(t::text, ' ') from {table} t"))[0][0]
        for table in ("moving_customer", "customer_move", "customer_book")
    ]
    events = " ".join(
        event.data().decode() for event in await leaving.brand.events("kos.customers")
    )
    stored = " ".join(rows)
    assert len(names) == 120
    for name in names:
        assert name not in stored
        assert name.encode().hex() not in stored
        assert name not in events


async def test_a6_when_the_handover_is_over_nobody_can_read_who_the_customers_were(
    leaving: Leaving, sandbox: Sandbox
) -> None:
    customers = await leaving.open()
    await leaving.assign(leaving.takers[0], customers[:100])
    await leaving.work()
    await leaving.a_day_later()
    await leaving.work()
    before = await leaving.keys()
    assert leaving.leaver.staff_id is not None

    await leaving.brand.tell(
        HandoverFinished(handover_id=leaving.handover_id, staff_id=leaving.leaver.staff_id)
    )
    again = Leaving(leaving.brand, sandbox, leaving.worker, [leaving.takers[0], leaving.leaver])
    await again.open()

    # the moves that count against the limits are known all the same
    moves = [each.moved_at for event in await again.listed() for each in event.customers]
    assert before == 1
    assert await leaving.keys() == 1  # of the new handover
    assert sum(len(each) for each in moves) == 100
