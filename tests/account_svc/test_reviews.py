"""Rewards that deserve a look, what is ruled on them, and the appeal of who lost one."""

from datetime import timedelta

import pytest
import time_machine

from shared.access import Role
from shared.clock import now
from shared.database import Sessions
from shared.events.lead import DealWon
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import (
    AT,
    accepted,
    deal,
    deliver,
    lead_voided,
    ledger,
    make_rule,
    race,
)
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_staff
from tests.caller import Json

WHY = {"reason": "客户否认咨询过"}
TAKEN = {"outcome": "taken_back", **WHY}
GRANTED = {"outcome": "granted", "reason": "聊天记录属实"}


async def suspicions(api: Api, **filters: str) -> list[Json]:
    """Oldest first."""
    page = await api.get("/ledger/suspicions", period="2026-11", **filters)
    items: list[Json] = page["items"]
    return items[::-1]


def second_officer(api: Api) -> Api:
    return api.acting(Role.COMPLIANCE)


async def paid_entry(api: Api, inbox: Inbox, seller: Json) -> Json:
    await make_rule(api)
    await deliver(api, inbox, accepted(seller))
    (entry,) = await ledger(api)
    return entry


async def test_a11_a_lead_that_its_earner_typed_in_is_suspect(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    other = await make_staff(api)
    await make_rule(api)
    own = accepted(seller, entered_by=seller)
    await deliver(api, inbox, own, accepted(seller, entered_by=other), accepted(seller))

    (found,) = await suspicions(api)

    assert found["cause"] == typed("lead", own.lead_id)
    assert (found["staff_id"], found["amount"], found["currency"]) == (seller["id"], 10, "points")
    assert [reason["kind"] for reason in found["reasons"]] == ["self_made"]


async def test_a11_a_formula_may_leave_self_made_leads_unpaid(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, amount=0, formula="0 if self_entered else 10")

    await deliver(api, inbox, accepted(seller, entered_by=seller), accepted(seller))

    assert sorted(entry["amount"] for entry in await ledger(api)) == [0, 10]


async def test_a11_every_entry_of_a_burst_is_suspect_and_none_beside_it(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await api.put("/race-policy", {"checks": {"burst_entries": 4, "burst_minutes": 10}})
    await make_rule(api)
    minutes = [0, 30, 33, 36, 39, 42, 80, 89, 98]

    await deliver(
        api, inbox, *(accepted(seller, at=AT + timedelta(minutes=minute)) for minute in minutes)
    )

    found = await suspicions(api)
    times = [AT + timedelta(minutes=minute) for minute in (30, 33, 36, 39, 42)]
    assert [each["earned_at"] for each in found] == [
        time.isoformat().replace("+00:00", "Z") for time in times
    ]
    assert {(r["kind"], r["count"]) for each in found for r in each["reasons"]} == {("burst", 4)}


@pytest.mark.parametrize("start", range(-10, 1, 2))
async def test_a11_a_burst_is_found_wherever_it_lies_in_time(
    api: Api, inbox: Inbox, seller: Json, start: int
) -> None:
    await api.put("/race-policy", {"checks": {"burst_entries": 3, "burst_minutes": 10}})
    await make_rule(api)
    whole_hour = AT.replace(minute=0)

    await deliver(
        api,
        inbox,
        *(accepted(seller, at=whole_hour + timedelta(minutes=start + at)) for at in (0, 5, 10)),
    )

    assert len(await suspicions(api)) == 3


async def test_a11_more_leads_of_one_contact_than_are_paid_without_a_question(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    contact_id = uuid7()
    await make_rule(api)
    await deliver(
        api,
        inbox,
        *(
            accepted(seller, at=AT - timedelta(days=9) + timedelta(days=day), contact_id=contact_id)
            for day in range(3)
        ),
        accepted(await make_staff(api), at=AT - timedelta(days=6), contact_id=contact_id),
        accepted(seller, at=AT),
    )

    assert [
        (reason["kind"], reason["count"])
        for each in await suspicions(api)
        for reason in each["reasons"]
    ] == [("repeated_contact", 3), ("repeated_contact", 4)]


async def test_a11_a_deal_that_pays_another_than_its_lead_did(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    other, lead_ids = await make_staff(api), [uuid7(), uuid7()]
    await make_rule(api)
    await make_rule(api, trigger="deal_won", rate_bp=10)
    await deliver(
        api,
        inbox,
        *(accepted(seller, lead_id) for lead_id in lead_ids),
        DealWon(**deal(other, uuid7(), lead_id=lead_ids[0]), closed_at=AT),
        DealWon(**deal(seller, uuid7(), lead_id=lead_ids[1]), closed_at=AT),
    )

    (found,) = await suspicions(api)

    (reason,) = found["reasons"]
    assert (found["staff_id"], reason["kind"]) == (other["id"], "cross_deal")
    assert found["lead_staff_id"] == seller["id"]


async def test_a11_a_manager_sees_the_suspicions_of_the_own_units_alone(
    api: Api, other_api: Api, inbox: Inbox, seller: Json
) -> None:
    elsewhere = await make_staff(api)
    await make_rule(api)
    for each in (seller, elsewhere):
        await deliver(api, inbox, accepted(each, entered_by=each))
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(seller["unit_id"],))

    assert [each["staff_id"] for each in await suspicions(manager)] == [seller["id"]]
    assert len(await suspicions(api)) == 2
    assert len(await suspicions(api, unit_id=elsewhere["unit_id"])) == 1
    assert await suspicions(other_api) == []


async def test_a11_a_cleared_reward_stays_paid_and_is_suspect_no_more(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api)
    await deliver(api, inbox, accepted(seller, entered_by=seller))
    (found,) = await suspicions(api)

    review = await api.post(
        f"/ledger/{found['entry_id']}/review", {"outcome": "cleared", "reason": "门店自建客户"}
    )

    assert review["outcome"] == "cleared"
    assert await suspicions(api) == []
    assert [entry["amount"] for entry in await ledger(api)] == [10]
    assert (await api.get("/reviews", entry_id=found["entry_id"]))["items"] == [review]


async def test_a11_what_is_taken_back_moves_the_race_and_an_appeal_moves_it_back(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    entry = await paid_entry(api, inbox, seller)
    kos = api.acting(Role.KOS, staff_id=seller["id"])

    review = await api.post(f"/ledger/{entry['id']}/review", TAKEN)
    (taken,) = await race(api, worker_sessions)
    appeal = await kos.post(f"/ledger/{entry['id']}/appeal", {"reason": "客户当天到店"})
    decided = await second_officer(api).post(f"/appeals/{appeal['id']}/decide", GRANTED)
    (restored,) = await race(api, worker_sessions)

    assert (taken["points"], taken["accepted_leads"], taken["voided_leads"]) == (0, 0, 1)
    assert (restored["points"], restored["accepted_leads"], restored["voided_leads"]) == (10, 1, 0)
    assert (appeal["status"], appeal["review_id"]) == ("open", review["id"])
    assert (decided["status"], decided["decision"]) == ("granted", GRANTED["reason"])
    entries = await ledger(api)
    assert [each["amount"] for each in entries] == [10, -10, 10]
    assert [each["reverses_id"] for each in entries[1:]] == [each["id"] for each in entries[:2]]
    statement = await api.get(f"/staff/{seller['id']}/statement", period="2026-11")
    (line,) = statement["lines"]
    assert (line["earned"], line["taken_back"], line["payable"]) == (10, 0, 10)
    assert [one["outcome"] for one in (await kos.get("/reviews"))["items"]] == [
        "restored",
        "taken_back",
    ]


async def test_a11_a_refused_appeal_leaves_the_reward_taken_and_there_is_no_second(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    entry = await paid_entry(api, inbox, seller)
    await api.post(f"/ledger/{entry['id']}/review", TAKEN)
    appeal = await api.post(f"/ledger/{entry['id']}/appeal", WHY)

    twice = await api.refuse(f"/ledger/{entry['id']}/appeal", WHY)
    refused = await second_officer(api).post(
        f"/appeals/{appeal['id']}/decide", {"outcome": "refused", **WHY}
    )
    closed = await second_officer(api).refuse(f"/appeals/{appeal['id']}/decide", GRANTED)

    assert (twice["status"], twice["code"]) == (409, "appeal_made")
    assert refused["status"] == "refused"
    assert (closed["status"], closed["code"]) == (409, "appeal_closed")
    assert [each["amount"] for each in await ledger(api)] == [10, -10]
    assert (await api.get("/appeals", status="open"))["items"] == []


async def test_a11_nobody_decides_about_the_own_ruling_or_the_own_reward(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    entry = await paid_entry(api, inbox, seller)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(seller["unit_id"],), staff_id=seller["id"])

    own = await manager.refuse(f"/ledger/{entry['id']}/review", TAKEN)
    await api.post(f"/ledger/{entry['id']}/review", TAKEN)
    appeal = await api.post(f"/ledger/{entry['id']}/appeal", WHY)
    same = await api.refuse(f"/appeals/{appeal['id']}/decide", GRANTED)
    own_appeal = await manager.refuse(f"/appeals/{appeal['id']}/decide", GRANTED)

    assert [(each["status"], each["code"]) for each in (own, same, own_appeal)] == [
        (403, "own_reward"),
        (403, "same_reviewer"),
        (403, "own_reward"),
    ]


async def test_a11_a_voided_lead_comes_back_by_no_appeal(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api)
    first, second = uuid7(), uuid7()
    await deliver(api, inbox, accepted(seller, first), accepted(seller, second))
    entries = {entry["cause"]: entry for entry in await ledger(api)}
    for entry in entries.values():
        await api.post(f"/ledger/{entry['id']}/review", TAKEN)
    one, other = entries.values()
    appeal = await api.post(f"/ledger/{one['id']}/appeal", WHY)

    await deliver(api, inbox, lead_voided(first), lead_voided(second), first_version=2)

    late = await api.refuse(f"/ledger/{other['id']}/appeal", WHY)
    granted = await second_officer(api).refuse(f"/appeals/{appeal['id']}/decide", GRANTED)
    assert [(each["status"], each["code"]) for each in (late, granted)] == [
        (409, "cause_voided"),
        (409, "cause_voided"),
    ]
    assert sorted(entry["amount"] for entry in await ledger(api)) == [-10, -10, 10, 10]


@pytest.mark.parametrize("verb", ["review", "appeal"])
async def test_a11_what_is_no_reward_or_was_never_taken_is_refused(
    api: Api, other_api: Api, inbox: Inbox, seller: Json, verb: str
) -> None:
    entry = await paid_entry(api, inbox, seller)
    body = TAKEN if verb == "review" else WHY

    foreign = await other_api.refuse(f"/ledger/{entry['id']}/{verb}", body)
    if verb == "review":
        await api.post(f"/ledger/{entry['id']}/review", TAKEN)
    wrong = await api.refuse(f"/ledger/{entry['id']}/{verb}", body)
    newest = (await ledger(api))[-1]
    counter = await api.refuse(f"/ledger/{newest['id']}/{verb}", body)

    assert (foreign["status"], foreign["code"]) == (404, "entry_not_found")
    expected = "already_taken_back" if verb == "review" else "not_taken_back"
    assert (wrong["status"], wrong["code"]) == (409, expected)
    assert counter["code"] == ("not_a_reward" if verb == "review" else "not_taken_back")


async def test_a11_an_appeal_comes_too_late_after_the_days_that_the_brand_gives(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await api.put("/race-policy", {"checks": {"appeal_days": 7}})
    entry = await paid_entry(api, inbox, seller)
    await api.post(f"/ledger/{entry['id']}/review", TAKEN)

    with time_machine.travel(now() + timedelta(days=8)):
        late = await api.refuse(f"/ledger/{entry['id']}/appeal", WHY)
    with time_machine.travel(now() + timedelta(days=6)):
        in_time = await api.post(f"/ledger/{entry['id']}/appeal", WHY)

    assert (late["status"], late["code"]) == (409, "appeal_too_late")
    assert in_time["status"] == "open"


SUSPICIONS = """query($period: String) { suspicions(period: $period) { nodes {
  entryId amount staff { id } leadStaff { id } reasons { kind count message } } } }"""
REVIEW = """mutation($input: ReviewEntryInput!) { reviewEntry(input: $input) {
  ... on Review { outcome entry { id amount } } ... on Problem { code message path } } }"""
APPEAL = """mutation($input: OnOneWithReason!) { appealEntry(input: $input) {
  ... on Appeal { id status review { outcome } } ... on Problem { code } } }"""
DECIDE = """mutation($input: DecideAppealInput!) { decideAppeal(input: $input) {
  ... on Appeal { status decision entry { id } } ... on Problem { code } } }"""


async def test_a11_a_suspicion_goes_to_a_decided_appeal_through_the_gateway(
    api: Api, graph: Graph, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api)
    await deliver(api, inbox, accepted(seller, entered_by=seller))
    kos = api.acting(Role.KOS, staff_id=seller["id"]).principal
    officer = second_officer(api).principal

    seen = await graph.ask(api.principal, SUSPICIONS, period="2026-11")
    (found,) = seen["suspicions"]["nodes"]
    on_entry = {"id": found["entryId"], "reason": WHY["reason"]}
    taken = await graph.ask(api.principal, REVIEW, input={**on_entry, "outcome": "TAKEN_BACK"})
    appeal = (await graph.ask(kos, APPEAL, input=on_entry))["appealEntry"]
    on_appeal = {"id": appeal["id"], "outcome": "GRANTED", "reason": "属实"}
    same = await graph.ask(api.principal, DECIDE, input=on_appeal)
    decided = await graph.ask(officer, DECIDE, input=on_appeal)

    assert (found["staff"]["id"], found["leadStaff"]) == (seller["id"], None)
    assert [reason["kind"] for reason in found["reasons"]] == ["SELF_MADE"]
    assert taken["reviewEntry"] == {
        "outcome": "TAKEN_BACK",
        "entry": {"id": found["entryId"], "amount": 10},
    }
    assert (appeal["status"], appeal["review"]) == ("OPEN", {"outcome": "TAKEN_BACK"})
    assert same["decideAppeal"] == {"code": "same_reviewer"}
    assert decided["decideAppeal"] == {
        "status": "GRANTED",
        "decision": "属实",
        "entry": {"id": found["entryId"]},
    }
