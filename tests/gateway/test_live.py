"""Subscriptions over a real WebSocket and over SSE, fed by a real Kafka."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.schema.live import TOPICS
from shared.access import Role
from shared.events import Event
from shared.events.account import IncentivePosted
from shared.events.content import PostFailed
from shared.events.lead import LeadCaptured, LeadOffered, LeadPooled
from shared.ids import parse_id, typed, uuid7
from shared.kafka import create_topics
from tests.gateway.conftest import MakeToken, make_settings
from tests.gateway.services import Services, problem
from tests.gateway.streams import events, receive, serve_on_socket, websocket

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)

Publish = Callable[..., Any]


@pytest.fixture
async def publish(kafka_bootstrap: str) -> AsyncIterator[Publish]:
    """Call it to announce an event of a brand as the relay does: `await publish(brand, event)`."""
    await create_topics(kafka_bootstrap, TOPICS, partitions=3)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()

    async def announce(brand: str, event: Event) -> UUID:
        event_id = uuid7()
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(event_id),
            "ce_source": event.publisher(),
            "ce_type": event.type,
            "ce_subject": event.subject,
            "ce_time": "2026-11-22T08:00:00.000Z",
            "ce_brandid": brand,
            "ce_aggregateversion": "1",
            "content-type": "application/json",
        }
        await producer.send_and_wait(
            event.topic,
            event.data(),
            key=event.subject.encode(),
            headers=[(name, value.encode()) for name, value in headers.items()],
        )
        return event_id

    try:
        yield announce
    finally:
        await producer.stop()


@pytest.fixture
async def url(
    publish: Publish,
    kafka_bootstrap: str,
    services: Services,
    key_files: Path,
    free_port: Callable[[], int],
) -> AsyncIterator[str]:
    """A gateway on a real socket that follows the broker."""
    settings = make_settings(services, key_files, kafka_bootstrap=kafka_bootstrap)
    async with serve_on_socket(settings, free_port()) as address:
        async with httpx.AsyncClient() as http:
            async with asyncio.timeout(20):
                while (await http.get(f"{address}/readyz")).status_code != 200:
                    await asyncio.sleep(0.05)
        yield address


async def subscribe(socket: ClientConnection, query: str, **variables: Any) -> None:
    await socket.send(
        json.dumps(
            {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}}
        )
    )
    await asyncio.sleep(0.2)  # nothing tells that a subscription has begun


def offered(lead: str, staff: str, unit: str) -> LeadOffered:
    return LeadOffered(
        lead_id=parse_id("lead", lead),
        offer_id=uuid7(),
        staff_id=parse_id("staff", staff),
        unit_id=parse_id("unit", unit),
        expires_at=AT,
        attempt=2,
        policy_version=1,
    )


OFFERS = "subscription { offers { id attempt expiresAt status lead { grade contact { name } } } }"


async def test_g4_an_offer_reaches_its_seller_alone_over_a_websocket(
    url: str, publish: Publish, services: Services, make_token: MakeToken, brand: str
) -> None:
    unit = services.add("unit", brand)
    mine, other = services.add("staff", brand), services.add("staff", brand)
    lead = services.add("lead", brand, contact_id=services.add("contact", brand))
    token = make_token(brand=brand, role=Role.KOS, staff=mine)

    async with websocket(url, {"authorization": f"Bearer {token}"}) as socket:
        assert await receive(socket) == {"type": "connection_ack"}
        await subscribe(socket, OFFERS)
        await publish(brand, offered(lead, other, unit))
        await publish(typed("brand", uuid7()), offered(lead, mine, unit))
        event = offered(lead, mine, unit)
        await publish(brand, event)
        message = await receive(socket)

    assert message == {
        "id": "1",
        "type": "next",
        "payload": {
            "data": {
                "offers": {
                    "id": typed("offer", event.offer_id),
                    "attempt": 2,
                    "expiresAt": "2026-11-22T08:00:00+00:00",
                    "status": "OPEN",
                    "lead": {"grade": "A", "contact": {"name": "王*"}},
                }
            }
        },
    }
    assert {principal.staff_id for principal in services.principals} == {parse_id("staff", mine)}


async def test_g4_leads_of_a_managers_own_stores_arrive_over_sse_and_figures_are_read_anew(
    url: str, publish: Publish, services: Services, make_token: MakeToken, brand: str
) -> None:
    region, elsewhere = services.add("unit", brand), services.add("unit", brand)
    below = services.add("unit", brand, ancestor_ids=[region])
    lead = services.add("lead", brand, score=10)
    token = make_token(brand=brand, role=Role.REGION_MANAGER, units=(region,))
    pooled = LeadPooled(
        lead_id=parse_id("lead", lead), unit_id=parse_id("unit", below), reason="nobody"
    )

    async with events(
        url, token, "subscription { leads { id type lead { score } unit { code } } }"
    ) as stream:
        await asyncio.sleep(0.3)
        await publish(brand, captured(lead))
        await publish(brand, pooled.model_copy(update={"unit_id": parse_id("unit", elsewhere)}))
        first_id = await publish(brand, pooled)
        first = await anext(stream)
        services.rows(brand, "lead")[lead]["score"] = 90
        await publish(brand, pooled)
        second = await anext(stream)

    assert first == (
        "next",
        {
            "data": {
                "leads": {
                    "id": str(first_id),
                    "type": "kos.lead.pooled.v1",
                    "lead": {"score": 10},
                    "unit": {"code": "SH01"},
                }
            }
        },
    )
    assert second[1]["data"]["leads"]["lead"] == {"score": 90}


def captured(lead: str) -> LeadCaptured:
    return LeadCaptured(
        lead_id=parse_id("lead", lead),
        connection_id=uuid7(),
        receipt_id=uuid7(),
        source="douyin",
        source_lead_id="x",
        submitted_at=AT,
    )


async def test_g4_campaign_progress_tells_the_figures_now_and_when_they_move(
    url: str, publish: Publish, services: Services, make_token: MakeToken, brand: str
) -> None:
    campaign = services.add("camp", brand)
    query = """subscription($id: ID!) {
      campaignProgress(campaignId: $id) { status counts { published failed } }
    }"""

    async with websocket(url, {"authorization": f"Bearer {make_token(brand=brand)}"}) as socket:
        await receive(socket)
        await subscribe(socket, query, id=campaign)
        before = await receive(socket)
        row = services.rows(brand, "camp")[campaign]
        row["counts"] = {**row["counts"], "failed": 1}
        for _ in range(5):
            await publish(
                brand,
                PostFailed(
                    post_id=uuid7(),
                    account_id=uuid7(),
                    campaign_id=parse_id("camp", campaign),
                    reason="refused",
                ),
            )
        after = await receive(socket)

    assert before["payload"]["data"]["campaignProgress"]["counts"] == {"published": 2, "failed": 0}
    assert after["payload"]["data"]["campaignProgress"]["counts"] == {"published": 2, "failed": 1}
    assert services.calls.count("POST content/campaigns/by-ids") == 2


async def test_g4_the_leaderboard_moves_with_the_ledger(
    url: str, publish: Publish, services: Services, make_token: MakeToken, brand: str
) -> None:
    store = services.add("unit", brand)
    points = [100]
    services.answers["GET account/race"] = lambda _: {
        "items": [
            {
                "rank": 1,
                "store_id": store,
                "points": points[0],
                "accepted_leads": 1,
                "deals": 0,
                "previous_points": 0,
                "league": "all",
                "score": 1.5,
                "is_eligible": True,
                "ineligible_because": None,
                "voided_leads": 0,
                "sellers": 3,
            }
        ],
        "page": {"has_next": False, "end_cursor": None},
    }

    async with events(
        url,
        make_token(brand=brand),
        'subscription { leaderboard(period: "2026-11") { rank points store { name } } }',
    ) as stream:
        before = await anext(stream)
        points[0] = 110
        await publish(
            brand,
            IncentivePosted(
                entry_id=uuid7(),
                staff_id=uuid7(),
                unit_id=parse_id("unit", store),
                rule_id=uuid7(),
                rule_version=1,
                cause="lead",
                amount=10,
                currency="points",
                earned_at=AT,
            ),
        )
        after = await anext(stream)

    standing = {"rank": 1, "points": 100, "store": {"name": "上海一店"}}
    assert before == ("next", {"data": {"leaderboard": [standing]}})
    assert after == ("next", {"data": {"leaderboard": [{**standing, "points": 110}]}})


async def test_g4_a_campaign_of_another_brand_ends_the_subscription_with_an_error(
    url: str, services: Services, make_token: MakeToken, brand: str
) -> None:
    theirs = services.add("camp", typed("brand", uuid7()))
    query = "subscription($id: ID!) { campaignProgress(campaignId: $id) { name } }"

    async with events(url, make_token(brand=brand), query, id=theirs) as stream:
        [first, last] = [event async for event in stream]

    assert first[0] == "next"
    assert "data" not in first[1]
    assert first[1]["errors"][0]["extensions"] == {"code": "not_found"}
    assert last == ("complete", None)


@pytest.mark.parametrize("name", ["leads", "offers"])
async def test_g2_events_of_what_the_caller_may_not_read_are_refused(
    url: str, publish: Publish, services: Services, make_token: MakeToken, brand: str, name: str
) -> None:
    lead, staff, unit = (services.add(prefix, brand) for prefix in ("lead", "staff", "unit"))
    services.answers[f"POST lead/{name}/by-ids"] = lambda _: problem(
        403, "not_allowed", "this credential may not do it"
    )

    async with events(url, make_token(brand=brand), f"subscription {{ {name} {{ id }} }}") as sent:
        await publish(brand, offered(lead, staff, unit))
        [first, last] = [event async for event in sent]

    assert "data" not in first[1]
    assert first[1]["errors"][0]["extensions"] == {"code": "not_allowed"}
    assert last == ("complete", None)


async def test_a_query_runs_over_both_streams_too(
    url: str, make_token: MakeToken, brand: str
) -> None:
    token = make_token(brand=brand)

    async with events(url, token, "{ __typename }") as stream:
        over_sse = [event async for event in stream]
    async with websocket(url, {"authorization": f"Bearer {token}"}) as socket:
        await receive(socket)
        await subscribe(socket, "{ __typename }")
        over_websocket = [await receive(socket), await receive(socket)]

    assert over_sse == [("next", {"data": {"__typename": "Query"}}), ("complete", None)]
    assert over_websocket == [
        {"id": "1", "type": "next", "payload": {"data": {"__typename": "Query"}}},
        {"id": "1", "type": "complete"},
    ]


async def test_limits_hold_on_a_websocket(url: str, make_token: MakeToken, brand: str) -> None:
    async with websocket(url, {"authorization": f"Bearer {make_token(brand=brand)}"}) as socket:
        await receive(socket)
        await subscribe(socket, "{ campaigns { nodes { posts { nodes { id } } } } }")
        message = await receive(socket)

    assert message["type"] == "error"
    assert message["payload"][0]["extensions"] == {"code": "too_costly"}


@pytest.mark.parametrize("payload", [None, {}, {"authorization": "Bearer nonsense"}])
async def test_a_websocket_without_a_good_token_is_closed_as_forbidden(
    url: str, payload: object
) -> None:
    async with websocket(url, payload or {}) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await receive(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403
