"""Listeners of the feed: in order, bounded, apart by brand."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from aiokafka import ConsumerRecord

from gateway.feed import QUEUE, Changed, Feed, FellBehind, Queued
from shared.events import Event, Received
from shared.events.content import PostFailed
from shared.events.lead import LeadEvent, LeadUpdated
from shared.ids import typed, uuid7

BRAND = uuid7()


def received(event: Event) -> Received[Event]:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Received(event=event, event_id=uuid7(), brand_id=BRAND, version=1, occurred_at=at)


def updated() -> LeadUpdated:
    return LeadUpdated(lead_id=uuid7(), receipt_id=uuid7())


def record(event: Event, brand_id: UUID, **headers: str) -> ConsumerRecord:
    given = {
        "ce_id": str(uuid7()),
        "ce_type": event.type,
        "ce_time": "2026-11-22T08:00:00Z",
        "ce_brandid": typed("brand", brand_id),
        "ce_aggregateversion": "1",
        **headers,
    }
    return ConsumerRecord(
        topic=event.topic,
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=event.subject.encode(),
        value=event.data(),
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=[(name, value.encode()) for name, value in given.items()],
    )


async def test_a_queue_keeps_the_order_and_only_its_own_types() -> None:
    queue = Queued([LeadEvent])
    first, second = received(updated()), received(updated())
    post = PostFailed(post_id=uuid7(), account_id=uuid7(), reason="refused")

    assert [queue.offer(one) for one in (first, received(post), second)] == [True] * 3

    events = queue.events()
    assert [await anext(events), await anext(events)] == [first, second]


async def test_a_subscriber_that_falls_behind_gets_what_was_kept_and_then_the_error() -> None:
    feed, queue = Feed("127.0.0.1:1", ["kos.lead"]), Queued([LeadEvent])
    with feed.listening(BRAND, queue):
        for _ in range(QUEUE + 50):
            feed.dispatch(record(updated(), BRAND))

    events = queue.events()
    kept = [await anext(events) for _ in range(QUEUE)]
    assert len({one.event_id for one in kept}) == QUEUE
    with pytest.raises(FellBehind):
        await anext(events)


async def test_events_of_another_brand_and_broken_ones_reach_nobody() -> None:
    feed, queue = Feed("127.0.0.1:1", ["kos.lead"]), Queued([LeadEvent])
    event = updated()
    with feed.listening(BRAND, queue):
        feed.dispatch(record(event, uuid7()))
        feed.dispatch(record(event, BRAND, ce_brandid="nonsense"))
        feed.dispatch(record(event, BRAND, ce_type="kos.lead.unheard_of.v1"))
        feed.dispatch(record(event, BRAND, ce_type="kos.lead.captured.v1"))
        feed.dispatch(record(event, BRAND))
        only = await anext(queue.events())
    feed.dispatch(record(event, BRAND))

    assert only.event == event
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(queue.events()), 0.05)


async def test_many_changes_are_one_until_they_are_looked_at() -> None:
    changed = Changed(lambda event: isinstance(event, LeadUpdated))
    for _ in range(5):
        changed.offer(received(updated()))

    await changed.wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(changed.wait(), 0.05)


async def test_without_a_broker_the_feed_tries_again_and_says_that_it_is_not_live() -> None:
    feed = Feed("127.0.0.1:1", ["kos.lead"])
    running = asyncio.create_task(feed.run())
    await asyncio.sleep(0.3)

    with pytest.raises(ConnectionError):
        await feed.check()
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
