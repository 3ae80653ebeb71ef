"""What came of the main job, which is played once: each test looks at one part of it."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.local.demo import brand as demo_brand
from deploy.local.demo.client import DemoFailed, until
from tests.e2e import scrm
from tests.e2e.main_job import DEALS, FEN, PLATFORMS, SELLERS, Job, lead_funnel, play, this_month
from tests.e2e.small_brand import list_all, open_brand
from tests.e2e.stack import Running

# the first of them also waits for the stack and for the job
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def job(running: Running) -> AsyncIterator[Job]:
    async with open_brand(
        running.urls, "job", stores_per_region=3, platforms=PLATFORMS, held=True
    ) as brand:
        yield await play(brand)


async def test_c9_campaign_renders_checks_and_brings_out_a_post_per_seller(job: Job) -> None:
    assert job.counts == {
        "planned": SELLERS,
        "held": 1,
        "scheduled": 0,
        "handedOff": 12,
        "published": 11,
        "failed": 0,
        "withdrawn": 0,
    }
    drafts = await list_all(
        job.client, "drafts", "text account { handle }", arguments=", status: APPROVED"
    )
    assert len(drafts) == SELLERS - 1
    for draft in drafts:
        seller = job.brand.seller(draft["account"]["handle"])
        assert seller.store in draft["text"]
        assert demo_brand.MODEL in draft["text"]


async def test_c5_held_draft_says_which_rule_and_where(job: Job) -> None:
    (draft,) = await list_all(
        job.client,
        "drafts",
        "text verdict account { handle } "
        "findings { ruleId severity field start end matched basis }",
        arguments=", status: HELD",
    )
    assert draft["account"]["handle"] == job.brand.people[0].handle
    assert draft["verdict"] == "BLOCK"
    named = [each for each in draft["findings"] if each["severity"] == "block"]
    assert named
    for finding in named:
        assert finding["ruleId"]
        assert finding["basis"]
        assert finding["field"] == "text"
        words = draft["text"][finding["start"] : finding["end"]]
        assert words == finding["matched"]
        assert words in demo_brand.HELD_NAME


async def test_c10_platforms_show_each_post_once_and_as_approved(job: Job) -> None:
    posts = await list_all(
        job.client,
        "posts",
        "platform status url draft { text } account { handle }",
        arguments=f', campaignId: "{job.campaign_id}"',
    )
    assert Counter((post["platform"], post["status"]) for post in posts) == {
        ("DOUYIN", "PUBLISHED"): 5,
        ("WECOM", "PUBLISHED"): 6,
        ("XIAOHONGSHU", "PUBLISHED"): 6,
        ("CHANNELS", "PUBLISHED"): 5,
        ("CHANNELS", "HANDED_OFF"): 1,
    }
    shown = await job.client.send("GET", f"{job.client.urls.sandbox}/sandbox/posts?limit=1000")
    ours = [post for post in shown["posts"] if post["account_handle"] in job.brand.handles]
    assert [row for row in shown["repeated"] if row["account_handle"] in job.brand.handles] == []
    texts = {post["account"]["handle"]: post["draft"]["text"] for post in posts}
    assert Counter(post["account_handle"] for post in ours) == Counter(
        post["account"]["handle"] for post in posts if post["status"] == "PUBLISHED"
    )
    for post in ours:
        # Douyin has no title of its own: there the caption begins with it
        assert post["text"].endswith(texts[post["account_handle"]])


async def test_c10_handoff_is_proved_by_the_link(job: Job) -> None:
    assert len(job.confirmed) == 11
    for post in job.confirmed:
        assert post["handoff"]["deepLink"]
        assert post["handoff"]["deadlineAt"]
        assert post["result"] == {
            "__typename": "Post",
            "id": post["id"],
            "status": "PUBLISHED",
            "url": post["published"]["url"],
        }


async def test_c12_metrics_flow_in(job: Job) -> None:
    async def measured() -> bool:
        posts = await list_all(
            job.client,
            "posts",
            "platform metrics { views measuredAt }",
            arguments=f', campaignId: "{job.campaign_id}", status: PUBLISHED',
        )
        return all(post["metrics"] for post in posts if post["platform"] == "DOUYIN")

    await until("the posts have been measured", measured, seconds=30)


async def test_l1_leads_are_those_that_consumers_left_and_each_once(job: Job) -> None:
    expected = job.wave["expected"]
    assert expected["duplicates"] > 0
    assert any(lead["late"] for lead in job.sent)
    assert {lead["outcome"] for lead in job.sent} == {"accepted"}
    leads = await list_all(job.client, "leads", "source sourceLeadId")
    found = Counter((lead["source"], lead["sourceLeadId"]) for lead in leads)
    assert found == dict.fromkeys({_wire_id(lead) for lead in job.sent} | {SILENT}, 1)


SILENT = ("generic", "silent-1")


def _wire_id(sent: dict[str, Any]) -> tuple[str, str]:
    """How the product names the lead: on WeCom a customer is a lead of each member they add."""
    if sent["platform"] == "wecom":
        return "wecom", f"{sent['account_handle']}/{sent['external_id']}"
    return sent["platform"], sent["external_id"]


async def test_l2_one_person_is_one_contact_however_they_write_their_number(job: Job) -> None:
    phones = {lead["phone"] for lead in job.sent if lead["carries_phone"]}
    customers = {lead["external_id"] for lead in job.sent if lead["platform"] == "wecom"}
    assert len(phones) < len({_wire_id(lead) for lead in job.sent if lead["carries_phone"]})
    contacts = await list_all(job.client, "contacts", "id phone leadCount")
    assert len(contacts) == len(phones) + len(customers) + 1
    assert phones < {contact["phone"] for contact in contacts}


async def test_l4_leads_are_attributed_to_the_post_account_and_store(job: Job) -> None:
    leads = await list_all(
        job.client,
        "leads",
        "source sourceLeadId post { url } account { handle } unit { code } campaign { id }",
    )
    by_id = {(lead["source"], lead["sourceLeadId"]): lead for lead in leads}
    assert {_told(job, sent) for sent in job.sent} >= {"post", "account"}
    for sent in job.sent:
        lead = by_id[_wire_id(sent)]
        seller = job.brand.seller(sent["account_handle"])
        told = _told(job, sent)
        assert lead["unit"]["code"] == seller.store_code
        assert (lead["account"] or {}).get("handle") == (None if told == "store" else seller.handle)
        assert (lead["post"] or {}).get("url") == (sent["post_url"] if told == "post" else None)
        assert (lead["campaign"] is not None) == _is_of_campaign(job, sent)


async def test_l5_every_lead_has_a_score_that_is_the_sum_of_its_reasons(job: Job) -> None:
    leads = await list_all(job.client, "leads", "score grade scoreReasons { rule points because }")
    for lead in leads:
        points = [reason["points"] for reason in lead["scoreReasons"]]
        assert lead["score"] == min(sum(points), 100) > 0
        assert lead["grade"] in ("A", "B", "C", "D")
        assert all(reason["because"] for reason in lead["scoreReasons"])


def _told(job: Job, sent: dict[str, Any]) -> str:
    """The most precise thing that the hook tells of where the lead comes from.

    A moment on WeCom has no link that the product could know.
    """
    names_link = sent["kind"] in ("clue", "data", "form", "update")
    if names_link and job.brand.seller(sent["account_handle"]).platform != "wecom":
        return "post"
    return "store" if sent["kind"] == "clue" else "account"


def _is_of_campaign(job: Job, sent: dict[str, Any]) -> bool:
    """By its post, or because the form says so."""
    return _told(job, sent) == "post" or sent["kind"] in ("form", "update")


async def test_l6_leads_go_to_the_author_and_the_decision_says_why(job: Job) -> None:
    leads = await list_all(
        job.client,
        "leads",
        "id source sourceLeadId staff { code unit { code } } decisions { outcome policyVersion "
        "staff { code } explanation { kos manager auditor } }",
        first=10,
    )
    by_id = {(lead["source"], lead["sourceLeadId"]): lead for lead in leads}
    for sent in job.sent:
        lead = by_id[_wire_id(sent)]
        author = job.brand.seller(sent["account_handle"])
        (decision,) = lead["decisions"]
        assert (decision["outcome"], decision["policyVersion"]) == ("OFFERED", 1)
        assert decision["staff"]["code"] == lead["staff"]["code"]
        assert lead["staff"]["unit"]["code"] == author.store_code
        if _told(job, sent) == "store":
            assert "同店" in decision["explanation"]["manager"]
        else:
            assert lead["staff"]["code"] == author.code
            assert "作者优先" in decision["explanation"]["manager"]
        assert decision["explanation"]["kos"]
        assert decision["explanation"]["auditor"]


async def test_l7_silent_seller_loses_the_lead_to_the_next(job: Job) -> None:
    data = await job.client.query(
        "query($id: ID!) { lead(id: $id) { status staff { code unit { code } } "
        "decisions { outcome explanation { manager } candidates "
        "{ isChosen rejectedBecause staff { code unit { code } } } } } }",
        {"id": job.silent_lead},
    )
    lead = data["lead"]
    assert lead["status"] == "ACCEPTED"
    second, first = lead["decisions"]
    (author,) = [each["staff"] for each in first["candidates"] if each["isChosen"]]
    (other,) = [each["staff"] for each in second["candidates"] if each["isChosen"]]
    assert other == lead["staff"]
    assert other["code"] != author["code"]
    assert other["unit"] == author["unit"], "the store comes after the author"
    refused = {each["staff"]["code"]: each["rejectedBecause"] for each in second["candidates"]}
    assert refused[author["code"]] == "tried"
    offers = await list_all(job.client, "offers", "attempt status lead { id }")
    assert {
        offer["attempt"]: offer["status"]
        for offer in offers
        if offer["lead"]["id"] == job.silent_lead
    } == {1: "EXPIRED", 2: "ACCEPTED"}


async def test_l12_scrm_gets_every_event_signed_and_in_order(job: Job) -> None:
    await scrm.assert_got_everything(job.brand)
    summary, _ = await scrm.read_ledger(job.brand)
    leads = len({_wire_id(lead) for lead in job.sent}) + 1
    assert summary["by_type"]["kos.lead.captured.v1"] == leads
    assert summary["by_type"]["kos.lead.accepted.v1"] == leads
    assert summary["by_type"]["kos.deal.won.v1"] == DEALS
    assert summary["by_type"]["kos.deal.voided.v1"] == 1


async def test_l12_scrm_writes_the_stage_back_with_its_own_key(job: Job) -> None:
    assert list(job.stages.values()) == ["ADVICE"] * DEALS
    _, entries = await scrm.read_ledger(job.brand)
    moves = [entry["body"]["data"] for entry in entries if "stage_changed" in entry["type"]]
    for contact_id in job.stages:
        # its own change comes back to it, and then the deal's
        assert [
            (move["from_stage"], move["stage"])
            for move in moves
            if move["contact_id"] == contact_id
        ] == [("intent", "advice"), ("advice", "deal")]
    with pytest.raises(DemoFailed, match="NotAllowed"):
        await job.client.mutate(
            "setIncentiveRule",
            "IncentiveRule",
            "id",
            {"trigger": "DEAL_WON", "amount": 1, "currency": "points"},
            token=job.scrm.api_key,
        )


async def test_g1_funnel_counts_the_whole_way(job: Job) -> None:
    leads = len({_wire_id(lead) for lead in job.sent if _is_of_campaign(job, lead)}) + 1
    before = job.before_void["funnel"]
    assert before["content"] == {"posts": 22}
    counted = before["leads"]
    assert counted["deals"] == DEALS
    assert counted["amountMinor"] == DEALS * FEN
    assert counted["expired"] == 1
    assert [counted[step] for step in ("captured", "qualified", "offered", "accepted")] == [
        leads
    ] * 4
    after = job.after_void["funnel"]["leads"]
    assert after == counted | {"deals": DEALS - 1, "amountMinor": (DEALS - 1) * FEN}


async def test_a11_l15_deal_pays_ledger_and_race_and_a_void_reverses_both(job: Job) -> None:
    entries = await list_all(
        job.client, "ledger", "id amount currency cause reversesId staff { id } unit { code }"
    )
    amounts = Counter(entry["amount"] for entry in entries)
    accepted = (await lead_funnel(job.client))["accepted"]
    assert amounts == {10: accepted, 200: DEALS, -200: 1}
    voided = job.deals[0]
    (counter,) = [entry for entry in entries if entry["amount"] == -200]
    (earned,) = [entry for entry in entries if entry["id"] == counter["reversesId"]]
    assert (earned["amount"], earned["staff"]["id"]) == (200, voided["staff"]["id"])
    before = {row["store"]["code"]: row for row in job.before_void["race"]}
    after = {row["store"]["code"]: row for row in job.after_void["race"]}
    store = voided["unit"]["code"]
    assert after[store]["points"] == before[store]["points"] - 200
    assert after[store]["deals"] == before[store]["deals"] - 1
    by_store = Counter[str]()
    for entry in entries:
        by_store[entry["unit"]["code"]] += entry["amount"]
    assert {code: row["points"] for code, row in after.items()} == dict(by_store)
    ranked = [row["points"] for row in job.after_void["race"]]
    assert ranked == sorted(ranked, reverse=True)


async def test_g1_rest_gives_the_same_figures_as_the_one_query(job: Job) -> None:
    urls = job.client.urls
    funnel = await job.client.send("GET", f"{urls.lead}/funnel?campaign_id={job.campaign_id}")
    asked = job.after_void["funnel"]["leads"]
    assert funnel == {
        **{name: value for name, value in asked.items() if name != "amountMinor"},
        "amount_minor": asked["amountMinor"],
    }
    race = await job.client.send("GET", f"{urls.account}/race?period={this_month()}&first=10")
    units = await list_all(job.client, "units", "id code", arguments=", kind: STORE")
    codes = {unit["id"]: unit["code"] for unit in units}
    assert [
        (row["rank"], codes[row["store_id"]], row["points"], row["accepted_leads"], row["deals"])
        for row in race["items"]
    ] == [
        (row["rank"], row["store"]["code"], row["points"], row["acceptedLeads"], row["deals"])
        for row in job.after_void["race"]
    ]
