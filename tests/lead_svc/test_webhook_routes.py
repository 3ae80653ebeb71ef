"""Webhook endpoints and their delivery log over HTTP."""

from typing import Any

import pytest

from lead_svc.webhooks import use_cases
from shared.access import Role
from shared.clock import now
from shared.database import brand_session
from shared.events import Received
from shared.events.lead import LeadDeclined
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand

ENDPOINT = {"url": "https://scrm.example.com/kos", "name": "SCRM", "event_types": ["kos.lead.*"]}


async def add_endpoint(brand: Brand, **changes: Any) -> dict[str, Any]:
    answer = await brand.post("/webhook-endpoints", {**ENDPOINT, **changes})
    assert answer.status_code == 201
    made: dict[str, Any] = answer.json()
    return made


async def queue_event(brand: Brand) -> None:
    event = LeadDeclined(lead_id=uuid7(), offer_id=uuid7(), staff_id=uuid7(), reason="not mine")
    received = Received(
        event=event, event_id=uuid7(), brand_id=brand.id, version=1, occurred_at=now()
    )
    async with brand_session(brand.sessions, brand.id) as session:
        await use_cases.queue_deliveries(session, received)


async def test_l12_the_secret_is_shown_once(brand: Brand) -> None:
    made = await add_endpoint(brand)

    assert made["secret"].startswith("whsec_")
    [listed] = (await brand.get("/webhook-endpoints"))["items"]
    assert listed == {name: value for name, value in made.items() if name != "secret"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://scrm.example.com/kos"}, "/url"),
        ({"url": "https://169.254.169.254/"}, "/url"),
        ({"event_types": ["kos.lead.*", "no.such.*"]}, "/event_types/1"),
        ({"event_types": []}, "/event_types"),
        ({"name": ""}, "/name"),
    ],
)
async def test_l12_a_bad_endpoint_is_refused_by_field_and_not_made(
    brand: Brand, changes: dict[str, Any], field: str
) -> None:
    answer = await brand.post("/webhook-endpoints", {**ENDPOINT, **changes})

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert (await brand.get("/webhook-endpoints"))["items"] == []


async def test_l12_a_key_without_the_scope_gets_no_personal_data_forwarded(brand: Brand) -> None:
    answer = await brand.post(
        "/webhook-endpoints",
        {**ENDPOINT, "includes_personal_data": True},
        role=Role.SCRM,
        scopes=frozenset({"webhook.*"}),
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_l12_the_delivery_log_is_its_brands_own(brand: Brand) -> None:
    await add_endpoint(brand)
    await queue_event(brand)

    [delivery] = (await brand.get("/webhook-deliveries?status=pending"))["items"]
    found = await brand.post("/webhook-deliveries/by-ids", {"ids": [delivery["id"]]})
    foreign = await brand.post(
        "/webhook-deliveries/by-ids", {"ids": [delivery["id"]]}, brand_id=uuid7()
    )

    assert delivery["type"] == "kos.lead.declined.v1"
    assert found.json() == {"items": [delivery], "missing": []}
    assert foreign.json() == {"items": [], "missing": [delivery["id"]]}


@pytest.mark.parametrize("verb", ["enable", "disable", "rotate-secret", "replay"])
async def test_l12_another_brands_endpoint_does_not_exist(brand: Brand, verb: str) -> None:
    made = await add_endpoint(brand)
    bodies: dict[str, Any] = {
        "disable": {"reason": "moved"},
        "replay": {"since": now().isoformat()},
    }

    foreign = await brand.post(
        f"/webhook-endpoints/{made['id']}/{verb}", bodies.get(verb), brand_id=uuid7()
    )
    absent = await brand.post(
        f"/webhook-endpoints/{typed('endpoint', uuid7())}/{verb}", bodies.get(verb)
    )

    assert (foreign.status_code, foreign.json()["code"]) == (404, "webhook_endpoint_not_found")
    assert foreign.json()["detail"] == absent.json()["detail"]
