"""A person's name and number: sealed where they lie, shown to who may see them, nowhere else."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

import httpx
import pytest

from deploy.local.databases import SERVICES
from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import until
from shared.events import TOPICS
from tests.e2e import scrm
from tests.e2e.collector import Collector
from tests.e2e.small_brand import SmallBrand, list_all, open_brand
from tests.e2e.stack import Running
from tests.e2e.topics import read_topics

# the first of them may also wait for the stack
pytestmark = pytest.mark.timeout(180)

NAME = "尉迟金丝雀"
PHONE = "19908642975"
WECHAT = "canary_wx_75"
CANARIES = (NAME, PHONE, WECHAT)


@dataclass(frozen=True)
class Told:
    """A brand to which the person told who they are, and has been offered to a seller."""

    brand: SmallBrand
    lead_id: str
    contact_id: str
    owner_id: str


@pytest.fixture(scope="module")
async def told(running: Running) -> AsyncIterator[Told]:
    async with open_brand(running.urls, "person", platforms=("douyin", "douyin")) as brand:
        client = brand.client
        await setup.set_rules(client, offer_minutes=30)
        async with brand.apart():
            await setup.subscribe_scrm(client)
        await client.send(
            "POST",
            f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/hooks",
            json={
                "event": "lead.created",
                "data": {
                    "lead_id": "canary-1",
                    "name": NAME,
                    "phone": PHONE,
                    "wechat": WECHAT,
                    "note": f"请打 {PHONE} 找 {NAME}",
                    "account_handle": brand.people[0].handle,
                },
            },
        )
        # and once where it is set aside, for nobody can read it
        await client.send(
            "POST",
            f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/hooks",
            json={"event": "lead.created", "raw": f'{{"data": "{NAME} {PHONE} {WECHAT}'},
        )

        async def is_offered() -> bool:
            return bool(await list_all(client, "leads", "id", arguments=", status: OFFERED"))

        await until("the lead is offered", is_offered, seconds=20)
        await wait_until_caught_up(client.urls.kafka_bootstrap)
        await scrm.wait_until_delivered(brand)
        (lead,) = await list_all(client, "leads", "id contact { id } staff { id }")
        yield Told(brand, lead["id"], lead["contact"]["id"], lead["staff"]["id"])


def spellings(canaries: Iterable[str] = CANARIES) -> list[str]:
    """Each canary as text, as JSON escapes, and as bytes in hexadecimal and Base64."""
    found: list[str] = []
    for canary in canaries:
        raw = canary.encode()
        # Base64 of the middle depends on where it begins
        inner = [b64encode(b"x" * shift + raw).decode()[4:-4] for shift in range(3)]
        found += [canary, json.dumps(canary)[1:-1], raw.hex(), *inner]
    return found


def assert_clean(text: str, where: str) -> None:
    for spelling in spellings():
        assert spelling not in text, f"{where} tells personal data"


async def test_no_table_holds_it_in_the_clear(running: Running, told: Told) -> None:
    for service in SERVICES:
        tables = await running.tables(service)
        assert len(tables) > 10
        for table in tables:
            rows = await running.fetch(service, f'select t::text from "{table}" t')
            assert_clean("\n".join(row[0] for row in rows), f"{service}.{table}")


async def test_no_event_carries_it(running: Running, told: Told) -> None:
    records = await read_topics(
        running.urls.kafka_bootstrap, TOPICS, brand_id=told.brand.client.brand_id
    )
    assert {record.topic for record in records} >= {"kos.lead", "kos.staff"}
    for record in records:
        text = (record.payload or b"").decode() + json.dumps(record.headers, ensure_ascii=False)
        assert_clean(text, record.type)


async def test_no_log_tells_it(running: Running, told: Told) -> None:
    logs = list(running.settings.log_dir.glob("*.log"))
    assert {log.stem for log in logs} >= {"lead", "lead_worker", "gateway", "postgres", "kafka"}
    for log in logs:
        assert_clean(log.read_text(errors="replace"), log.name)


async def test_no_span_tells_it(collector: Collector, told: Told) -> None:
    async def have_arrived() -> bool:
        return b"consume kos.lead.offered.v1" in collector.received()

    await until("the spans of the offer have arrived", have_arrived, seconds=20)
    assert_clean(collector.received().decode(errors="replace"), "the spans")


async def test_no_webhook_without_personal_data_carries_it(told: Told) -> None:
    _, entries = await scrm.read_ledger(told.brand)
    assert {"kos.lead.captured.v1", "kos.lead.offered.v1"} <= {entry["type"] for entry in entries}
    assert_clean(json.dumps(entries, ensure_ascii=False), "the webhooks")


async def test_webhook_with_personal_data_carries_it(told: Told) -> None:
    client = told.brand.client
    name = f"{told.brand.scrm}-personal"
    endpoint = await client.mutate(
        "addWebhookEndpoint",
        "WebhookEndpoint",
        "id secret",
        {
            "url": f"{client.urls.sandbox}/scrm/{name}",
            "name": "with personal data",
            "eventTypes": ["kos.contact.stage_changed.v1"],
            "includesPersonalData": True,
        },
    )
    await client.send(
        "PUT",
        f"{client.urls.sandbox}/sandbox/scrm/{name}",
        json={"secrets": [endpoint["secret"]]},
    )
    await client.mutate(
        "moveContactStage", "Contact", "id", {"id": told.contact_id, "stage": "ADVICE"}
    )

    async def is_told() -> bool:
        ledger = await client.send("GET", f"{client.urls.sandbox}/scrm/{name}/ledger")
        people = [entry["body"]["data"].get("contact") for entry in ledger["entries"]]
        return people == [{"name": NAME, "phone": f"+86{PHONE}", "wechat": WECHAT, "email": None}]

    await until("the subscriber is told who it is", is_told, seconds=20)


async def test_no_refusal_repeats_it(running: Running, told: Told) -> None:
    client = told.brand.client
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {client.token()}"}
        for url, body in (
            (f"{running.urls.lead}/contacts/find", {"phone": [PHONE], "name": NAME}),
            (f"{running.urls.lead}/leads", {"phone": PHONE, "name": {"x": NAME}}),
            (f"{running.urls.lead}/leads", {"phone": PHONE * 20, "wechat": WECHAT}),
            (f"{running.urls.account}/staff", {"name": NAME, "phone": PHONE}),
        ):
            answer = await http.post(url, json=body, headers=headers)
            assert answer.status_code == 422, answer.text
            assert_clean(answer.text, url)
        for document, variables in (
            ("query($phone: String!) { findContacts(phone: $phone) { id } }", {"phone": [PHONE]}),
            (f'{{ findContacts(phone: "{PHONE}") {{ id }} }}', {}),
            (f'mutation {{ captureLead(input: {{name: "{NAME}", nothing: 1}}) {{ x }} }}', {}),
        ):
            answer = await http.post(
                f"{running.urls.gateway}/graphql",
                json={"query": document, "variables": variables},
                headers=headers,
            )
            assert answer.json()["errors"]
            assert_clean(answer.text, document)
    await test_no_log_tells_it(running, told)


CONTACT = "query($id: ID!) { contact(id: $id) { name phone wechat } }"
PLAIN = {"name": NAME, "phone": f"+86{PHONE}", "wechat": WECHAT}


async def test_owner_sees_it_and_an_analyst_sees_it_masked(told: Told) -> None:
    client = told.brand.client
    await client.mutate(
        "acceptLead",
        "Lead",
        "id",
        {"id": told.lead_id},
        token=told.brand.seller_token(told.owner_id),
    )
    asked = {"id": told.contact_id}
    owner = await client.query(CONTACT, asked, token=told.brand.seller_token(told.owner_id))
    assert owner == {"contact": PLAIN}
    analyst = (await client.query(CONTACT, asked, token=client.token("analyst")))["contact"]
    assert_clean(json.dumps(analyst, ensure_ascii=False), "what an analyst sees")
    assert analyst["name"] == "尉*"
    assert analyst["phone"] == "199****2975"


async def test_other_seller_does_not_see_the_person_at_all(told: Told) -> None:
    client = told.brand.client
    other = next(each for each in told.brand.staff.values() if each != told.owner_id)
    token = told.brand.seller_token(other)
    assert await client.query(CONTACT, {"id": told.contact_id}, token=token) == {"contact": None}
    assert await list_all(client, "contacts", "id", token=token) == []


async def test_contact_is_found_by_the_number_in_any_notation(told: Told) -> None:
    client = told.brand.client
    for notation in (PHONE, f"+86 {PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}", f"0086-{PHONE}"):
        data = await client.query(
            "query($phone: String!) { findContacts(phone: $phone) { id } }", {"phone": notation}
        )
        assert data == {"findContacts": [{"id": told.contact_id}]}
