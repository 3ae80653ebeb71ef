"""Processes killed in the middle of their work: nothing acknowledged is lost, nothing is doubled.

A killed process gets to finish nothing (SIGKILL). The tests start it again, as a supervisor would.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest

from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, DemoFailed, until
from tests.e2e import scrm
from tests.e2e.small_brand import SmallBrand, list_all, open_brand
from tests.e2e.stack import Running
from tests.e2e.topics import assert_gapless, read_topics

# a restart on a busy machine takes several seconds, and there are several
pytestmark = pytest.mark.timeout(300)

PLATFORMS = ("douyin", "wecom", "douyin", "douyin", "wecom", "douyin")
SELLERS = 36
CONSUMERS = 100
WRITES = 60
AT_ONCE = 6


@pytest.fixture(scope="module")
async def brand(running: Running) -> AsyncIterator[SmallBrand]:
    """36 sellers whose posts all go out by API; every lead is offered for half an hour."""
    async with open_brand(running.urls, "crash", stores_per_region=3, platforms=PLATFORMS) as made:
        await setup.set_rules(made.client, offer_minutes=30)
        async with made.apart():
            await setup.subscribe_scrm(made.client)
        yield made


async def test_worker_killed_in_dispatch_posts_everything_and_nothing_twice(
    running: Running, brand: SmallBrand
) -> None:
    client = brand.client
    await _add_fault(client, kind="delay", platform="douyin", delay_seconds=0.4)
    async with brand.apart():
        campaign_id = await setup.launch_campaign(client)
    interrupted = 0
    for share in (1, 12, 24):
        await until(f"{share} posts are out", partial(_are_out, brand, share), every=0.05)
        running.kill("content_worker")
        interrupted += len(await _posts(client, campaign_id, "DISPATCHING"))
        await running.start("content_worker")
    assert interrupted > 0, "no post was on its way when the worker died"

    async def all_published() -> bool:
        return len(await _posts(client, campaign_id, "PUBLISHED")) == SELLERS

    await until("every post is out", all_published)
    await client.send("DELETE", f"{client.urls.sandbox}/sandbox/faults")
    shown, repeated = await _shown(brand)
    assert repeated == []
    assert Counter(post["account_handle"] for post in shown) == dict.fromkeys(brand.handles, 1)
    await wait_until_caught_up(client.urls.kafka_bootstrap)
    announced = await read_topics(
        client.urls.kafka_bootstrap, ["kos.post", "kos.campaign"], brand_id=client.brand_id
    )
    assert_gapless(announced)
    published = {each.key for each in announced if each.type == "kos.post.published.v1"}
    assert len(published) == SELLERS


async def test_worker_killed_in_routing_gives_each_lead_one_offer(
    running: Running, brand: SmallBrand
) -> None:
    wave = await _start_wave(brand, seed=11)
    unrouted = 0
    for offered in (5, 20):
        await until(
            f"{offered} leads are offered", partial(_count, brand, "offered", offered), every=0.05
        )
        running.kill("lead_worker")
        funnel = await _funnel(brand)
        unrouted += funnel["captured"] - funnel["offered"] - funnel["pooled"]
        await running.start("lead_worker")
    assert unrouted > 0, "no lead was on its way when the worker died"
    expected = await _finish_wave(brand, wave)
    await _wait_until_routed(brand)
    await assert_each_lead_once(brand, expected)
    await scrm.wait_until_delivered(brand)
    await scrm.assert_got_everything(brand)


async def test_api_killed_in_intake_keeps_what_it_acknowledged(
    running: Running, brand: SmallBrand
) -> None:
    before = len(await list_all(brand.client, "leads", "id"))
    wave = await _start_wave(brand, seed=12)
    for captured in (10, 40):
        await until(
            f"{captured} more leads are captured",
            partial(_count, brand, "captured", before + captured),
            every=0.05,
        )
        running.kill("lead")
        await running.start("lead")
    sent = await _finish_wave(brand, wave, is_complete=False)
    assert await _has_repeated(brand), "no hook was on its way when the api died"
    acknowledged = {_wire_id(lead) for lead in sent if lead["outcome"] == "accepted"}
    stored = await list_all(brand.client, "leads", "source sourceLeadId")
    assert acknowledged
    assert acknowledged <= {(lead["source"], lead["sourceLeadId"]) for lead in stored}
    await brand.client.send(
        "POST",
        f"{brand.client.urls.sandbox}/sandbox/deliveries/repeat",
        json={"outcome": "failed"},
    )
    expected = await _finish_wave(brand, wave)
    await _wait_until_routed(brand)
    await assert_each_lead_once(brand, expected)
    receipts = await running.fetch(
        "lead",
        "select connection_id, dedupe_key from receipt group by 1, 2 having count(*) > 1",
    )
    assert receipts == []


async def test_gateway_killed_between_mutations_has_one_effect_per_key(
    running: Running, brand: SmallBrand
) -> None:
    waiting = iter(range(WRITES))
    answered: dict[int, str] = {}
    lost = Counter[int]()

    async def write() -> None:
        async with Client(brand.client.urls, brand.client.brand_id) as client:
            for number in waiting:
                while number not in answered:
                    try:
                        answered[number] = await _add_persona(client, number)
                    except (httpx.TransportError, DemoFailed):
                        lost[number] += 1
                        await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(write())
        for done in (10, 35):
            while len(answered) < done:
                await asyncio.sleep(0.002)
            running.kill("gateway")
            await running.start("gateway")
    assert lost, "no mutation was on its way when the gateway died"
    written = defaultdict(list)
    for persona in await list_all(brand.client, "personas", "id name"):
        if persona["name"].startswith("人设"):
            written[persona["name"]].append(persona["id"])
    assert written == {f"人设 {number}": [answered[number]] for number in range(WRITES)}
    assert await _add_persona(brand.client, 0) == answered[0]


async def assert_each_lead_once(brand: SmallBrand, sent: list[dict[str, Any]]) -> None:
    """What was sent is there once, with one seller or in the pool, and told without a gap."""
    assert {lead["outcome"] for lead in sent} == {"accepted"}
    leads = await list_all(brand.client, "leads", "id status source sourceLeadId staff { id }")
    found = Counter((lead["source"], lead["sourceLeadId"]) for lead in leads)
    assert set(found.values()) == {1}
    assert {_wire_id(lead) for lead in sent} <= set(found)
    offers = await list_all(brand.client, "offers", "status lead { id } staff { id }")
    held = defaultdict(list)
    for offer in offers:
        if offer["status"] in ("OPEN", "ACCEPTED"):
            held[offer["lead"]["id"]].append(offer["staff"]["id"])
    for lead in leads:
        if lead["status"] == "POOLED":
            assert held[lead["id"]] == []
        else:
            assert lead["status"] == "OFFERED"
            assert held[lead["id"]] == [lead["staff"]["id"]]
    announced = await read_topics(
        brand.client.urls.kafka_bootstrap, ["kos.lead"], brand_id=brand.client.brand_id
    )
    assert_gapless(announced)
    kinds = Counter(each.type for each in {each.event_id: each for each in announced}.values())
    assert kinds["kos.lead.captured.v1"] == kinds["kos.lead.qualified.v1"] == len(leads)
    assert kinds["kos.lead.offered.v1"] == len(offers)


async def _shown(brand: SmallBrand) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the platforms show of the brand's accounts, and what was published more than once."""
    answer = await brand.client.send("GET", f"{brand.client.urls.sandbox}/sandbox/posts?limit=1000")
    ours = set(brand.handles)
    return (
        [post for post in answer["posts"] if post["account_handle"] in ours],
        [row for row in answer["repeated"] if row["account_handle"] in ours],
    )


async def _are_out(brand: SmallBrand, least: int) -> bool:
    shown, _ = await _shown(brand)
    return len(shown) >= least


async def _posts(client: Client, campaign_id: str, status: str) -> list[dict[str, Any]]:
    arguments = f', campaignId: "{campaign_id}", status: {status}'
    return await list_all(client, "posts", "id", arguments=arguments)


async def _add_fault(client: Client, **rule: Any) -> None:
    await client.send(
        "POST", f"{client.urls.sandbox}/sandbox/faults", json={"direction": "calls", **rule}
    )


async def _start_wave(brand: SmallBrand, *, seed: int) -> int:
    """Consumers who nearly all leave a lead, partly twice, partly late; they go on meanwhile."""
    wave = await brand.client.send(
        "POST",
        f"{brand.client.urls.sandbox}/sandbox/population/run",
        json={
            "seed": seed,
            "consumers": CONSUMERS,
            "lead_rate": 0.7,
            "duplicate_rate": 0.3,
            "reorder_rate": 0.3,
            "connections": list(brand.connections.values()),
            "account_handles": brand.handles,
            "concurrency": 2,
            "wait": False,
        },
    )
    number: int = wave["wave"]
    return number


async def _finish_wave(
    brand: SmallBrand, wave: int, *, is_complete: bool = True
) -> list[dict[str, Any]]:
    """The leads of the wave once all are sent; complete when each has been acknowledged."""
    url = f"{brand.client.urls.sandbox}/sandbox/population/ledger?wave={wave}"
    ledger: dict[str, Any] = {}

    async def is_done() -> bool:
        ledger.update(await brand.client.send("GET", url))
        outcomes = {lead["outcome"] for lead in ledger["leads"]}
        return ledger["waves"][0]["status"] == "done" and (
            not is_complete or outcomes == {"accepted"}
        )

    await until("all consumers have been heard", is_done, seconds=120)
    return [lead for lead in ledger["leads"] if lead["kind"] != "message"]


async def _has_repeated(brand: SmallBrand) -> bool:
    """Whether the sandbox had to send a hook again because it got no answer."""
    answer = await brand.client.send(
        "GET", f"{brand.client.urls.sandbox}/sandbox/deliveries?limit=10000"
    )
    ours = set(brand.connections.values())
    return any(
        attempt["status"] is None
        for delivery in answer["deliveries"]
        if delivery["connection_id"] in ours
        for attempt in delivery["attempts"]
    )


def _wire_id(sent: dict[str, Any]) -> tuple[str, str]:
    if sent["platform"] == "wecom":
        return "wecom", f"{sent['account_handle']}/{sent['external_id']}"
    return sent["platform"], sent["external_id"]


async def _funnel(brand: SmallBrand) -> dict[str, int]:
    data = await brand.client.query("{ funnel { leads { captured offered pooled } } }")
    funnel: dict[str, int] = data["funnel"]["leads"]
    return funnel


async def _count(brand: SmallBrand, step: str, least: int) -> bool:
    """Whether at least so many leads have come that far."""
    return (await _funnel(brand))[step] >= least


async def _wait_until_routed(brand: SmallBrand) -> None:
    async def routed() -> bool:
        funnel = await _funnel(brand)
        return funnel["offered"] + funnel["pooled"] >= funnel["captured"]

    await until("every lead is routed", routed, seconds=120)
    await wait_until_caught_up(brand.client.urls.kafka_bootstrap)


async def _add_persona(client: Client, number: int) -> str:
    """Write the persona by its own key; DemoFailed or a transport error leave the outcome open."""
    answer = await client.attempt(
        "addPersona",
        "Persona",
        "id",
        {
            "kind": "TOPIC_EXPERT",
            "name": f"人设 {number}",
            "idempotencyKey": f"add-persona-{number}",
        },
    )
    assert answer["__typename"] == "Persona", answer
    made: str = answer["id"]
    return made
