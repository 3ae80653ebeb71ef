"""A handover is cancelled: the platform is asked for nothing new, what it has taken is followed."""

from collections import Counter

from tests.content_svc.leaving import TRANSFER, follows, make_leaving
from tests.content_svc.making import Brand
from tests.content_svc.sandbox import Sandbox, Worker


async def test_a6_after_a_cancelling_nothing_is_asked_for_and_what_moves_is_followed_to_its_end(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_leaving(brand, sandbox, worker)
    customers = await leaving.open()
    first, second = leaving.takers
    await leaving.assign(first, customers[:50])
    await leaving.work()
    await leaving.assign(second, customers[50:100])
    await leaving.cancel()
    await leaving.cancel()

    await leaving.assign(second, customers[100:])  # heard of late
    await leaving.work()
    assert await leaving.keys() == 1  # what moves must be looked up
    at_once = Counter(outcome for _, outcome in await leaving.outcomes())
    await leaving.a_day_later()
    await leaving.work()

    told = await leaving.outcomes()
    assert await leaving.keys() == 0
    assert at_once == {"accepted": 50, "cancelled": 70}
    assert Counter(outcome for _, outcome in told) == {
        "accepted": 50,
        "cancelled": 70,
        "moved": 50,
    }
    assert {each for each, outcome in told if outcome == "moved"} == set(customers[:50])
    assert len(await follows(sandbox, leaving.leaver)) == 70


async def test_a6_a_call_that_was_begun_before_the_cancelling_is_looked_up_and_not_repeated(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_leaving(brand, sandbox, worker)
    customers = await leaving.open()
    first, second = leaving.takers
    await leaving.assign(first, customers[:10])
    await sandbox.fault("timeout_after_success", TRANSFER, count=1, hold_seconds=1.2)
    await leaving.work()
    await leaving.assign(second, customers[10:20])
    await sandbox.fault("connection_reset", TRANSFER, count=1)
    await leaving.cancel()

    await leaving.work()

    told = await leaving.outcomes()
    assert {each for each, outcome in told if outcome == "accepted"} == set(customers[:10])
    assert {each for each, outcome in told if outcome == "cancelled"} == set(customers[10:20])
    assert len(told) == 20


async def test_a6_what_was_cancelled_before_it_was_opened_is_not_even_listed(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_leaving(brand, sandbox, worker)
    await leaving.cancel()

    await leaving.tell_opened()

    assert await brand.sql("select 1 from customer_book where brand_id = :b") == []
    assert await leaving.listed() == []


async def test_a6_a_list_that_was_not_made_before_the_cancelling_is_not_made(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    leaving = await make_leaving(brand, sandbox, worker)
    await leaving.tell_opened()
    await leaving.cancel()

    next_at = await leaving.work()

    assert next_at is None
    assert await leaving.listed() == []
