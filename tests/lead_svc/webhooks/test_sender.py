"""Deliveries: signed, in order per subject, repeated until taken, never by two at once."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import orjson
import pytest
import time_machine
from aiohttp import web
from sqlalchemy import select
from standardwebhooks import Webhook

from lead_svc.models import DeliveryStatus, EndpointStatus, WebhookDelivery, WebhookEndpoint
from lead_svc.webhooks import use_cases
from lead_svc.webhooks.sender import Outcome, Sender, next_attempt
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Received
from shared.events.lead import LeadDeclined
from shared.ids import typed, uuid7
from shared.sealing import Vault
from shared.timers import Due
from tests.lead_svc.webhooks.conftest import Sink, Subscribe


async def announce(
    sessions: Sessions, brand_id: UUID, lead_id: UUID, versions: range
) -> list[Received[LeadDeclined]]:
    """Queue declined events of one lead, as the consumer would."""
    events = [
        Received(
            event=LeadDeclined(
                lead_id=lead_id, offer_id=uuid7(), staff_id=uuid7(), reason="not my city"
            ),
            event_id=uuid7(),
            brand_id=brand_id,
            version=version,
            occurred_at=now(),
        )
        for version in versions
    ]
    async with brand_session(sessions, brand_id) as session:
        for received in events:
            await use_cases.queue_deliveries(session, received)
    return events


def due(brand_id: UUID, endpoint_id: UUID) -> Due:
    return Due(brand_id, use_cases.DELIVER, endpoint_id, now(), 0)


async def deliveries(
    sessions: Sessions, brand_id: UUID, endpoint_id: UUID
) -> list[WebhookDelivery]:
    async with brand_session(sessions, brand_id) as session:
        rows = await session.scalars(
            select(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == endpoint_id)
            .order_by(WebhookDelivery.subject, WebhookDelivery.aggregate_version)
        )
        return list(rows)


async def endpoint_of(sessions: Sessions, brand_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    async with brand_session(sessions, brand_id) as session:
        return await session.get_one(WebhookEndpoint, endpoint_id)


async def test_l12_a_delivery_is_the_event_signed_with_the_endpoints_secret(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, secret = await subscribe()
    lead_id = uuid7()
    [received] = await announce(sessions, brand_id, lead_id, range(1, 2))

    assert await sender.deliver_due(due(brand_id, endpoint_id)) is None

    [(headers, body)] = sink.requests
    verified = Webhook(secret).verify(body, headers)
    assert headers["webhook-id"] == str(received.event_id) == verified["id"]
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert verified["timestamp"] == verified["time"]
    assert verified["specversion"] == "1.0"
    assert verified["type"] == "kos.lead.declined.v1"
    assert verified["subject"] == typed("lead", lead_id)
    assert verified["brandid"] == typed("brand", brand_id)
    assert verified["aggregateversion"] == 1
    assert verified["data"]["reason"] == "not my city"
    [delivery] = await deliveries(sessions, brand_id, endpoint_id)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)


async def test_l12_order_per_lead_holds_through_failures(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    leads = [uuid7() for _ in range(5)]
    for lead_id in leads:
        await announce(sessions, brand_id, lead_id, range(1, 6))
    seen: dict[str, int] = defaultdict(int)
    accepted: dict[str, list[int]] = defaultdict(list)

    def fail_each_second_time(headers: dict[str, str], body: bytes) -> web.Response:
        event = orjson.loads(body)
        seen[event["id"]] += 1
        if seen[event["id"]] == 1 and event["aggregateversion"] % 2 == 0:
            return web.Response(status=500)
        accepted[event["subject"]].append(event["aggregateversion"])
        return web.Response()

    sink.answer = fail_each_second_time
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for _ in range(5):
            await sender.deliver_due(due(brand_id, endpoint_id))
            clock.shift(timedelta(minutes=1))

    assert accepted == {typed("lead", lead_id): [1, 2, 3, 4, 5] for lead_id in leads}


async def test_l12_the_same_event_is_queued_once_however_often_it_comes(
    sessions: Sessions, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    [received] = await announce(sessions, brand_id, uuid7(), range(1, 2))

    async with brand_session(sessions, brand_id) as session:
        await use_cases.queue_deliveries(session, received)

    assert len(await deliveries(sessions, brand_id, endpoint_id)) == 1


async def test_l12_only_events_that_match_the_filter_are_queued(
    sessions: Sessions, brand_id: UUID, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe("kos.deal.*", "kos.lead.accepted.v1")

    await announce(sessions, brand_id, uuid7(), range(1, 2))

    assert await deliveries(sessions, brand_id, endpoint_id) == []


async def test_l12_while_a_secret_is_rotated_both_sign(
    sessions: Sessions,
    sender: Sender,
    vault: Vault,
    brand_id: UUID,
    sink: Sink,
    subscribe: Subscribe,
) -> None:
    endpoint_id, old = await subscribe()
    async with brand_session(sessions, brand_id) as session:
        _, new = await use_cases.rotate_secret(
            session, brand_id, endpoint_id, vault=vault, actor="staff_test"
        )
    await announce(sessions, brand_id, uuid7(), range(1, 2))

    await sender.deliver_due(due(brand_id, endpoint_id))

    [(headers, body)] = sink.requests
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
    assert old != new


async def test_l12_gone_disables_the_endpoint_and_keeps_what_waits(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    await announce(sessions, brand_id, uuid7(), range(1, 4))
    sink.answer = lambda headers, body: web.Response(status=410)

    await sender.deliver_due(due(brand_id, endpoint_id))
    endpoint = await endpoint_of(sessions, brand_id, endpoint_id)
    assert endpoint.status is EndpointStatus.DISABLED
    assert endpoint.disabled_reason == "the endpoint answered 410 Gone"
    assert len(sink.requests) == 1

    sink.answer = lambda headers, body: web.Response()
    async with brand_session(sessions, brand_id) as session:
        await use_cases.enable_endpoint(session, brand_id, endpoint_id, actor="staff_test")
    await sender.deliver_due(due(brand_id, endpoint_id))
    versions = [orjson.loads(body)["aggregateversion"] for _, body in sink.requests]
    assert versions == [1, 1, 2, 3]


async def test_l12_after_days_of_failure_the_endpoint_is_disabled(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    await announce(sessions, brand_id, uuid7(), range(1, 2))
    sink.answer = lambda headers, body: web.Response(status=500)

    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        for _ in range(10):
            await sender.deliver_due(due(brand_id, endpoint_id))
            clock.shift(timedelta(hours=30))

    endpoint = await endpoint_of(sessions, brand_id, endpoint_id)
    assert endpoint.status is EndpointStatus.DISABLED
    assert len(sink.requests) == 10
    [delivery] = await deliveries(sessions, brand_id, endpoint_id)
    assert (delivery.status, delivery.last_status) == (DeliveryStatus.PENDING, 500)


async def test_l12_a_redirect_is_a_failure_and_is_not_followed(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    await announce(sessions, brand_id, uuid7(), range(1, 2))
    sink.answer = lambda headers, body: web.Response(status=307, headers={"Location": sink.url})

    next_at = await sender.deliver_due(due(brand_id, endpoint_id))

    assert next_at is not None
    assert next_at > now()
    assert len(sink.requests) == 1
    [delivery] = await deliveries(sessions, brand_id, endpoint_id)
    assert (delivery.status, delivery.last_error) == (DeliveryStatus.PENDING, "status 307")


async def test_l12_replay_sends_everything_since_a_time_again_with_the_same_ids(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()
    events = await announce(sessions, brand_id, uuid7(), range(1, 4))
    await sender.deliver_due(due(brand_id, endpoint_id))

    async with brand_session(sessions, brand_id) as session:
        count = await use_cases.replay_since(
            session,
            brand_id,
            endpoint_id,
            since=now() - timedelta(hours=1),
            actor="staff_test",
        )
    await sender.deliver_due(due(brand_id, endpoint_id))

    ids = [headers["webhook-id"] for headers, _ in sink.requests]
    assert count == 3
    assert ids == [str(received.event_id) for received in events] * 2


@pytest.mark.parametrize(("asked", "least"), [(120, 120), (1, 4)])
def test_l12_the_subscribers_retry_after_is_honoured(asked: int, least: int) -> None:
    outcome = Outcome(status=429, error="status 429", retry_after=timedelta(seconds=asked))

    wait = next_attempt(0, outcome) - now()

    assert timedelta(seconds=least - 1) < wait < timedelta(seconds=asked + 7)


@pytest.mark.parametrize(
    "value", [b"\xb2", b"9" * 5000, b"soon", b"Mon, 01 Jan 2024 00:00:00 +" + b"9" * 20]
)
async def test_l12_a_retry_after_that_says_nothing_is_ignored(
    sessions: Sessions,
    sender: Sender,
    brand_id: UUID,
    subscribe: Subscribe,
    monkeypatch: pytest.MonkeyPatch,
    value: bytes,
) -> None:
    endpoint_id, _ = await subscribe()
    answer = httpx.Response(
        503, headers=[(b"retry-after", value)], stream=httpx.ByteStream(b"later")
    )
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    await announce(sessions, brand_id, uuid7(), range(1, 2))

    await replace(sender, client=client).deliver_due(due(brand_id, endpoint_id))

    [delivery] = await deliveries(sessions, brand_id, endpoint_id)
    assert (delivery.attempts, delivery.last_status) == (1, 503)


async def test_l12_another_brands_events_never_reach_the_endpoint(
    sessions: Sessions, sender: Sender, brand_id: UUID, sink: Sink, subscribe: Subscribe
) -> None:
    endpoint_id, _ = await subscribe()

    await announce(sessions, uuid7(), uuid7(), range(1, 3))
    await sender.deliver_due(due(brand_id, endpoint_id))

    assert sink.requests == []
