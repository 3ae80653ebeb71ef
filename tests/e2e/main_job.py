"""The main job (docs/architecture.md) as its test plays it, from an import to a voided deal."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deploy.local.demo import setup
from deploy.local.demo.catching_up import wait_until_caught_up
from deploy.local.demo.client import Client, DemoFailed, until
from deploy.local.demo.play import publish_by_hand
from deploy.local.demo.setup import Scrm
from tests.e2e import scrm
from tests.e2e.small_brand import SmallBrand, list_all

SEED = 7
CONSUMERS = 160
PLATFORMS = ("douyin", "xiaohongshu", "wecom", "channels")
SELLERS = 24
SILENT_MINUTES = 0.1
FEN = 168_800_00
DEALS = 3
SUMMARY = """
query($campaign: ID!, $period: String!) {
  funnel(campaignId: $campaign) {
    content { posts }
    leads {
      captured qualified offered accepted declined expired pooled voided deals amountMinor
    }
  }
  race(period: $period, first: 10) { rank points acceptedLeads deals store { code } }
}
"""


@dataclass
class Job:
    """What the job made, and what it looked like on the way."""

    brand: SmallBrand
    scrm: Scrm
    campaign_id: str
    counts: dict[str, int]
    confirmed: list[dict[str, Any]]
    wave: dict[str, Any]
    sent: list[dict[str, Any]]
    """The leads that consumers left, as the sandbox's own ledger has them."""
    silent_lead: str
    stages: dict[str, str] = field(default_factory=dict)
    """What the SCRM set, by contact."""
    deals: list[dict[str, Any]] = field(default_factory=list)
    before_void: dict[str, Any] = field(default_factory=dict)
    after_void: dict[str, Any] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.brand.client


async def play(brand: SmallBrand) -> Job:
    client = brand.client
    await setup.set_rules(client, offer_minutes=30)
    async with brand.apart():
        subscriber = await setup.subscribe_scrm(client)
        campaign_id = await setup.launch_campaign(client)
    counts = await _wait_for_posts(client, campaign_id)
    confirmed = await _confirm_handoffs(brand, campaign_id)
    await wait_until_caught_up(client.urls.kafka_bootstrap)
    code = await _code_of(client, campaign_id)
    wave = await _run_consumers(brand, code)
    await _wait_for_routed_leads(client, wave["expected"]["leads"])
    ledger = await client.send(
        "GET", f"{client.urls.sandbox}/sandbox/population/ledger?wave={wave['wave']}"
    )
    await _accept_all(brand)
    job = Job(
        brand=brand,
        scrm=subscriber,
        campaign_id=campaign_id,
        counts=counts,
        confirmed=confirmed,
        wave=wave,
        sent=[lead for lead in ledger["leads"] if lead["kind"] != "message"],
        silent_lead=await _stay_silent(brand, ledger["leads"]),
    )
    await _win_deals(job)
    job.before_void = await _settled_summary(job, deals=DEALS)
    first = job.deals[0]
    await client.mutate(
        "voidDeal",
        "Deal",
        "id status",
        {"id": first["id"], "reason": "customer withdrew within the cooling-off period"},
        input_type="OnOneWithReason",
    )
    job.after_void = await _settled_summary(job, deals=DEALS - 1)
    await wait_until_caught_up(client.urls.kafka_bootstrap)
    await scrm.wait_until_delivered(brand)
    return job


async def _wait_for_posts(client: Client, campaign_id: str) -> dict[str, int]:
    counts: dict[str, int] = {}

    async def settled() -> bool:
        data = await client.query(
            "query($id: ID!) { campaign(id: $id) { counts "
            "{ planned held scheduled handedOff published failed withdrawn } } }",
            {"id": campaign_id},
        )
        counts.update(data["campaign"]["counts"])
        out = sum(counts[name] for name in ("held", "handedOff", "published", "failed"))
        return counts["planned"] > 0 and out >= counts["planned"]

    await until("every post of the campaign is out", settled)
    return counts


async def _confirm_handoffs(brand: SmallBrand, campaign_id: str) -> list[dict[str, Any]]:
    """All sellers but one publish by hand and prove it; the last one tries another's link."""
    client = brand.client
    posts = await list_all(
        client,
        "posts",
        "id platform account { handle } handoff { title text deepLink deadlineAt }",
        arguments=f', campaignId: "{campaign_id}", status: HANDED_OFF',
    )
    confirmed = []
    for post in posts[1:]:
        published = await publish_by_hand(client, post)
        result = await client.mutate(
            "confirmHandoff",
            "Post",
            "id status url",
            {"id": post["id"], "url": published["url"]},
        )
        confirmed.append(post | {"published": published, "result": result})
    with pytest.raises(DemoFailed, match="was refused"):
        await client.mutate(
            "confirmHandoff",
            "Post",
            "id",
            {"id": posts[0]["id"], "url": confirmed[0]["published"]["url"]},
        )
    return confirmed


async def _code_of(client: Client, campaign_id: str) -> str:
    """What links and forms carry of the campaign."""
    data = await client.query("query($id: ID!) { campaign(id: $id) { code } }", {"id": campaign_id})
    code: str = data["campaign"]["code"]
    return code


async def _run_consumers(brand: SmallBrand, campaign: str) -> dict[str, Any]:
    client = brand.client
    wave: dict[str, Any] = await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/population/run",
        json={
            "seed": SEED,
            "consumers": CONSUMERS,
            "duplicate_rate": 0.4,
            "reorder_rate": 0.3,
            "two_platform_rate": 0.3,
            "update_rate": 0.3,
            "connections": list(brand.connections.values()),
            "account_handles": brand.handles,
            "campaign": campaign,
        },
    )
    return wave


async def _wait_for_routed_leads(client: Client, expected: int) -> None:
    async def routed() -> bool:
        leads = await lead_funnel(client)
        return bool(
            leads["captured"] >= expected
            and leads["offered"] + leads["pooled"] >= leads["captured"]
        )

    await until(f"{expected} leads are captured and routed", routed)


async def lead_funnel(client: Client) -> dict[str, int]:
    data = await client.query("{ funnel { leads { captured qualified offered accepted pooled } } }")
    funnel: dict[str, int] = data["funnel"]["leads"]
    return funnel


async def _accept_all(brand: SmallBrand) -> None:
    for offer in await list_all(
        brand.client, "offers", "id lead { id } staff { id }", arguments=", status: OPEN"
    ):
        lead = await brand.client.mutate(
            "acceptLead",
            "Lead",
            "id status",
            {"id": offer["lead"]["id"], "idempotencyKey": f"accept-{offer['id']}"},
            token=brand.seller_token(offer["staff"]["id"]),
        )
        assert lead["status"] == "ACCEPTED"


async def _stay_silent(brand: SmallBrand, sent: list[dict[str, Any]]) -> str:
    """One more lead, with little time to answer: its author lets it pass, the next one takes it."""
    client = brand.client
    await _set_offer_minutes(client, SILENT_MINUTES)
    post = next(lead for lead in sent if lead["platform"] == "xiaohongshu")
    await client.send(
        "POST",
        f"{client.urls.sandbox}/sandbox/connections/{brand.connections['generic']}/leads",
        json={
            "name": "林先生",
            "phone": "19900123456",
            "post_url": post["post_url"],
            "external_id": "silent-1",
        },
    )

    async def offers() -> list[dict[str, Any]]:
        leads = await list_all(client, "leads", "id sourceLeadId")
        found = [lead["id"] for lead in leads if lead["sourceLeadId"] == "silent-1"]
        every = await list_all(client, "offers", "id attempt status lead { id } staff { id }")
        return [offer for offer in every if offer["lead"]["id"] in found]

    async def moved_on() -> bool:
        made = await offers()
        # later offers have time again
        if made and made[0]["attempt"] == 1:
            await _set_offer_minutes(client, 30)
        return any(offer["attempt"] > 1 and offer["status"] == "OPEN" for offer in made)

    await until("the lead moved on", moved_on, seconds=30)
    latest = max(await offers(), key=lambda offer: int(offer["attempt"]))
    await client.mutate(
        "acceptLead",
        "Lead",
        "id",
        {"id": latest["lead"]["id"]},
        token=brand.seller_token(latest["staff"]["id"]),
    )
    lead_id: str = latest["lead"]["id"]
    return lead_id


async def _set_offer_minutes(client: Client, minutes: float) -> None:
    await client.mutate(
        "setRoutingPolicy",
        "RoutingPolicy",
        "version",
        {
            "steps": ["AUTHOR", "STORE", "REGION", "BRAND"],
            "offerMinutesByGrade": dict.fromkeys("ABCD", minutes),
            "maxOffers": 5,
        },
    )


async def _win_deals(job: Job) -> None:
    """The SCRM moves the stage of three people with its own key; their sellers close."""
    leads = await list_all(
        job.client,
        "leads",
        "id staff { id } unit { code } contact { id stage }",
        arguments=f', status: ACCEPTED, campaignId: "{job.campaign_id}"',
    )
    by_contact = {lead["contact"]["id"]: lead for lead in leads}
    for contact_id, lead in list(by_contact.items())[:DEALS]:
        moved = await job.client.mutate(
            "moveContactStage",
            "Contact",
            "id stage",
            {"id": contact_id, "stage": "ADVICE", "idempotencyKey": f"stage-{lead['id']}"},
            token=job.scrm.api_key,
        )
        job.stages[contact_id] = moved["stage"]
        deal = await job.client.mutate(
            "winDeal",
            "Deal",
            "id status amountMinor staff { id } unit { code } campaign { id }",
            {"leadId": lead["id"], "amountMinor": FEN, "currency": "CNY"},
            token=brand_seller(job, lead),
        )
        assert deal["campaign"]["id"] == job.campaign_id
        job.deals.append(deal)


def brand_seller(job: Job, lead: dict[str, Any]) -> str:
    return job.brand.seller_token(lead["staff"]["id"])


async def _settled_summary(job: Job, *, deals: int) -> dict[str, Any]:
    """One query for funnel and race, once account_svc has taken in the same deals."""
    summary: dict[str, Any] = {}

    async def settled() -> bool:
        summary.update(
            await job.client.query(SUMMARY, {"campaign": job.campaign_id, "period": this_month()})
        )
        race = summary["race"]
        accepted = (await lead_funnel(job.client))["accepted"]
        return bool(
            sum(row["deals"] for row in race) == deals
            and sum(row["acceptedLeads"] for row in race) == accepted
        )

    await until("the race has taken in the deals", settled, seconds=30)
    return summary


def this_month() -> str:
    return datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m")
