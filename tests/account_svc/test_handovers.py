"""A leaver's estate through the gateway: planned, carried out, planned anew, and over."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import (
    AccountHandedOver,
    AccountRetired,
    DraftsAssigned,
    HandoverFinished,
    HandoverOpened,
    HandoverStarted,
)
from shared.events.content import AccountDrafts, DraftsCounted
from shared.inbox import Inbox
from tests.account_svc.earning import envelope
from tests.account_svc.graph import Graph
from tests.account_svc.importing import PEOPLE, TREE, load, problems
from tests.account_svc.leaving import (
    counts,
    finish_drafts,
    finish_leads,
    make_due,
    make_member,
    open_handover,
    platform_of,
    state_ownership,
    step,
)
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.account_svc.studying import certify, make_course, require
from tests.caller import Json, uuid_of

OPEN = """mutation($input: OpenHandoverInput!) { openHandover(input: $input) {
  ... on Handover { id status takerIds awaitedIds staff { id } progress { kind status items } }
  ... on Problem { code message path } } }"""
READ = """query($id: ID!) {
  handover(id: $id) { status progress { kind status items things nextAt } }
  handoverItems(handoverId: $id, first: 10) { nodes {
    kind status dueAt waitsFor refusal attempts account { id } taker { id } } } }"""


async def test_a6_accounts_go_where_their_ownership_says_and_the_plan_shows_it(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    unit = await make_unit(api)
    leaver, taker = await make_staff(api, unit), await make_staff(api, unit)
    ours = await make_account(api, leaver, platform="douyin", handle="dy-ours")
    theirs = await make_account(api, leaver, platform="weibo", handle="wb-theirs")
    unclear = await make_account(api, leaver, platform="kuaishou", handle="ks-unclear")
    await state_ownership(api, ours, "brand_made")
    await state_ownership(api, theirs, "staff_owned")

    opened = (
        await graph.ask(
            api.principal, OPEN, input={"staffId": leaver["id"], "takerIds": [taker["id"]]}
        )
    )["openHandover"]
    await api.post(f"/handovers/{opened['id']}/start")
    await step(worker_sessions, api, opened)
    half = (await graph.ask(api.principal, READ, id=opened["id"]))["handover"]
    await state_ownership(api, unclear, "consent_given")
    await step(worker_sessions, api, opened)
    unconfirmed = (await graph.ask(api.principal, READ, id=opened["id"]))["handover"]
    await finish_leads(api, inbox, opened, leads=7, contacts=9)
    await step(worker_sessions, api, opened)
    still = (await graph.ask(api.principal, READ, id=opened["id"]))["handover"]["status"]
    asked = await finish_drafts(api, inbox, opened, drafts=2, posts=3)
    await step(worker_sessions, api, opened)

    read = await graph.ask(api.principal, READ, id=opened["id"])
    (accounts,) = [
        {each["id"]: each for each in (await api.by_ids("/accounts", *ids))["items"]}
        for ids in [(ours["id"], theirs["id"], unclear["id"])]
    ]
    assert opened["status"] == "PLANNED"
    assert opened["progress"] == [
        {"kind": "ACCOUNT", "status": "NEEDS_OWNERSHIP", "items": 1},
        {"kind": "ACCOUNT", "status": "PLANNED", "items": 2},
        {"kind": "DRAFTS", "status": "PLANNED", "items": 3},
    ]
    assert {(each["kind"], each["status"]): each["items"] for each in half["progress"]} == {
        ("ACCOUNT", "DONE"): 2,
        ("ACCOUNT", "NEEDS_OWNERSHIP"): 1,
        ("CONTACTS", "ASKED"): 1,
        ("DRAFTS", "ASKED"): 2,
        ("DRAFTS", "PLANNED"): 1,
        ("LEADS", "ASKED"): 1,
    }
    assert still == "RUNNING"
    assert {(each.account_id, each.taker_id) for each in asked} == {
        (uuid_of(ours["id"]), uuid_of(taker["id"])),
        (uuid_of(theirs["id"]), None),
        (uuid_of(unclear["id"]), uuid_of(taker["id"])),
    }
    assert unconfirmed["status"] == "RUNNING"
    assert [(each["kind"], each["things"]) for each in read["handover"]["progress"]] == [
        ("ACCOUNT", 3),
        ("CONTACTS", 9),
        ("DRAFTS", 15),
        ("LEADS", 7),
    ]
    assert half["status"] == "RUNNING"
    assert read["handover"]["status"] == "DONE"
    assert {
        each["account"]["id"]: each["taker"] and each["taker"]["id"]
        for each in read["handoverItems"]["nodes"]
        if each["kind"] == "ACCOUNT"
    } == {ours["id"]: taker["id"], theirs["id"]: None, unclear["id"]: taker["id"]}
    assert (accounts[ours["id"]]["status"], accounts[ours["id"]]["staff_id"]) == (
        "handed_over",
        taker["id"],
    )
    assert accounts[theirs["id"]]["status"] == "retired"
    assert accounts[unclear["id"]]["staff_id"] == taker["id"]
    told = await api.events()
    assert [event.type for event in told if event.topic == "kos.handover"] == [
        HandoverOpened.type,
        HandoverStarted.type,
        *[DraftsAssigned.type] * 3,
        HandoverFinished.type,
    ]
    assert len([event for event in told if isinstance(event, AccountHandedOver)]) == 2
    assert len([event for event in told if isinstance(event, AccountRetired)]) == 1
    actions = [action for actor, action, _ in await api.audited() if actor.startswith("handover_")]
    assert sorted(actions) == ["account.handed_over", "account.handed_over", "account.retired"]


async def test_a6_a_thousand_customers_are_planned_asked_for_and_moved_within_the_limits(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    takers = [(await make_member(api))[0] for _ in range(3)]
    handover = await open_handover(api, leaver, *takers)
    platform = platform_of(api, inbox, handover, account)
    lately = [now() - timedelta(days=10), now() - timedelta(days=5)]
    early = await api.refuse(f"/handovers/{handover['id']}/start")

    await platform.list_customers([lately if n % 100 == 0 else [] for n in range(1_000)])
    planned = await counts(api, handover)
    await api.post(f"/handovers/{handover['id']}/start")
    # two workers at once ask for nobody twice
    await asyncio.gather(*(step(worker_sessions, api, handover) for _ in range(2)))
    next_at = await step(worker_sessions, api, handover)
    calls = await platform.asked()
    await platform.answer(calls, "accepted")
    moving = await counts(api, handover)
    await platform.answer(calls, "moved")

    waiting = (await api.get("/handover-items", handover_id=handover["id"], status="planned"))[
        "items"
    ]
    assert (handover["status"], early["code"]) == ("gathering", "handover_not_planned")
    assert planned[("customer", "planned")] == 1_000
    assert max(len(call.customer_ids) for call in calls) == 100
    assert sum(len(call.customer_ids) for call in calls) == 990
    shares = Counter[Any]()
    for call in calls:
        shares[call.taker_id] += len(call.customer_ids)
    assert max(shares.values()) - min(shares.values()) <= 10
    assert moving[("customer", "moving")] == 990
    assert (await counts(api, handover))[("customer", "done")] == 990
    # the account stays until the last customer has moved, the others until their window is over
    assert {each["waits_for"] for each in waiting if each["kind"] == "customer"} == {
        "transfers_per_customer"
    }
    assert next_at is not None
    assert next_at - lately[0] == timedelta(days=90)


async def test_a6_refusals_full_takers_and_faults_are_planned_anew_and_nothing_is_lost(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    (first, _), (second, _) = await make_member(api), await make_member(api)
    handover = await open_handover(api, leaver, first, second)
    platform = platform_of(api, inbox, handover, account)
    ids = await platform.list_customers([[]] * 6)
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    calls = {call.taker_id: call for call in await platform.asked()}
    to_first, to_second = calls[uuid_of(first["id"])], calls[uuid_of(second["id"])]
    refuses, stays_busy, gone = to_first.customer_ids

    await platform.answer(
        [to_first],
        lambda each: {refuses: "refused", stays_busy: "in_progress", gone: "gone"}[each],
    )
    await platform.answer([to_second], "taker_full")
    after_full = await counts(api, handover)
    again_at = await step(worker_sessions, api, handover)
    again = await platform.asked()
    await make_due(api, worker_sessions)
    third, _ = await make_member(api)
    await api.post(f"/handovers/{handover['id']}/change-takers", {"taker_ids": [third["id"]]})
    await make_due(api, worker_sessions)
    await step(worker_sessions, api, handover)
    to_third = await platform.asked()
    await platform.answer([*again, *to_third], "accepted")
    await platform.answer([*again, *to_third], "moved")
    await finish_leads(api, inbox, handover)
    await step(worker_sessions, api, handover)
    await finish_drafts(api, inbox, handover)
    await step(worker_sessions, api, handover)

    # refused by the first and the second is full: somebody has to decide; those of the second
    # go to the first at once, the busy one a day later
    assert after_full == {
        ("account", "planned"): 1,
        ("contacts", "asked"): 1,
        ("drafts", "planned"): 1,
        ("leads", "asked"): 1,
        ("customer", "gone"): 1,
        ("customer", "needs_taker"): 1,
        ("customer", "planned"): 4,
    }
    assert [call.taker_id for call in again] == [uuid_of(first["id"])]
    assert set(again[0].customer_ids) == set(to_second.customer_ids)
    assert again_at is not None
    assert again_at > now() + timedelta(hours=23)
    assert [(call.taker_id, set(call.customer_ids)) for call in to_third] == [
        (uuid_of(third["id"]), {refuses, stays_busy})
    ]
    read = await graph.ask(api.principal, READ, id=handover["id"])
    assert read["handover"]["status"] == "DONE"
    assert await counts(api, handover) == {
        ("account", "done"): 1,
        ("contacts", "done"): 1,
        ("drafts", "done"): 1,
        ("leads", "done"): 1,
        ("customer", "done"): 5,
        ("customer", "gone"): 1,
    }
    assert len(ids) == 6
    assert (await api.by_ids("/accounts", account["id"]))["items"][0]["status"] == "retired"


async def test_a6_a_fault_is_tried_again_and_then_waits_for_a_decision(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    taker, _ = await make_member(api)
    handover = await open_handover(api, leaver, taker)
    platform = platform_of(api, inbox, handover, account)
    await platform.list_customers([[]])
    await api.post(f"/handovers/{handover['id']}/start")

    for _ in range(5):
        await make_due(api, worker_sessions)
        await step(worker_sessions, api, handover)
        await platform.answer(await platform.asked(), "failed")

    assert (await counts(api, handover))[("customer", "failed")] == 1
    await api.post(f"/handovers/{handover['id']}/change-takers", {"taker_ids": [taker["id"]]})
    assert (await counts(api, handover))[("customer", "planned")] == 1


async def test_a6_wrong_takers_a_second_handover_and_people_of_other_units_are_refused(
    api: Api, graph: Graph, other_api: Api
) -> None:
    leaver, _ = await make_member(api)
    taker, _ = await make_member(api)
    stranger, _ = await make_member(other_api)
    gone = await make_staff(api)
    await api.post(f"/staff/{gone['id']}/depart", {"reason": "离职"})

    def body(*takers: Json) -> Json:
        return {"staff_id": leaver["id"], "taker_ids": [each["id"] for each in takers]}

    refused = [
        (await api.refuse("/handovers", body(taker, wrong)))["field"]
        for wrong in (leaver, stranger, gone)
    ]
    await open_handover(api, leaver, taker)
    twice = await graph.ask(
        api.principal, OPEN, input={"staffId": leaver["id"], "takerIds": [taker["id"]]}
    )
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(taker["unit_id"],))

    assert refused == ["/taker_ids/1"] * 3
    assert twice["openHandover"]["code"] == "handover_open_already"
    assert (await manager.refuse("/handovers", body(taker)))["code"] == "staff_not_found"
    assert (await manager.get("/handovers"))["items"] == []
    assert (await other_api.get("/handovers"))["items"] == []


async def test_a6_the_plan_says_how_much_waits_on_each_account_before_it_is_started(
    api: Api, inbox: Inbox
) -> None:
    leaver, taker = await make_staff(api), await make_staff(api)
    account = await make_account(api, leaver, platform="douyin", handle="dy-ours")
    handover = await open_handover(api, leaver, taker)
    counted = DraftsCounted(
        handover_id=uuid_of(handover["id"]),
        accounts=[AccountDrafts(account_id=uuid_of(account["id"]), drafts=4, posts=1)],
    )

    await inbox.take([envelope(api.brand_id, counted, 1)])

    (opened,) = [
        event for event in await api.events("kos.handover") if isinstance(event, HandoverOpened)
    ]
    items = (await api.get("/handover-items", handover_id=handover["id"], kind="drafts"))["items"]
    assert opened.account_ids == [uuid_of(account["id"])]
    assert [
        (each["account_id"], each["things"], each["status"], each["taker_id"]) for each in items
    ] == [(account["id"], 5, "planned", taker["id"])]


async def test_a6_a_taker_who_may_not_run_accounts_is_a_refusal_that_the_plan_shows(
    api: Api, worker_sessions: Sessions
) -> None:
    leaver, novice, trained = [await make_staff(api) for _ in range(3)]
    account = await make_account(api, leaver, platform="douyin", handle="dy-ours")
    await state_ownership(api, account, "brand_made")
    course = await make_course(api)
    await require(api, "run_account", course)
    await certify(api, course, trained)
    handover = await open_handover(api, leaver, novice)
    await api.post(f"/handovers/{handover['id']}/start")

    await step(worker_sessions, api, handover)
    (refused,) = (await api.get("/handover-items", handover_id=handover["id"], kind="account"))[
        "items"
    ]
    await api.post(f"/handovers/{handover['id']}/change-takers", {"taker_ids": [trained["id"]]})
    planned = (await api.get("/handover-items", handover_id=handover["id"], kind="drafts"))["items"]
    await step(worker_sessions, api, handover)

    assert refused["status"] == "failed"
    assert course["code"] in refused["refusal"]
    assert [(each["status"], each["taker_id"]) for each in planned] == [("planned", trained["id"])]
    assert await counts(api, handover) == {
        ("account", "done"): 1,
        ("drafts", "asked"): 1,
        ("leads", "asked"): 1,
        ("contacts", "asked"): 1,
    }


async def test_a6_whose_accounts_are_may_come_with_the_import_and_an_open_handover_goes_on(
    api: Api, worker_sessions: Sessions
) -> None:
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)
    columns = (
        "platform,handle,display_name,domain,seat,unit_code,staff_code,status,"
        "ownership,ownership_reference\n"
    )
    first = (
        columns
        + "douyin,dy-ours,a,public,kos,SH001,K1,active,brand_made,合同第7条\n"
        + "weibo,wb-unclear,b,public,kos,SH001,K1,active,,\n"
        + "weibo,wb-x,c,public,kos,SH001,K1,active,brand_made,\n"
        + "weibo,wb-y,d,public,kos,SH001,K1,active,,合同第8条\n"
        + "weibo,wb-z,e,public,kos,SH001,K1,active,rented,合同第9条\n"
    )
    report = await load(api, "accounts", first)
    people = {each["code"]: each for each in (await api.get("/staff"))["items"]}
    handover = await open_handover(api, people["K1"], people["K2"])
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    before = await counts(api, handover)

    late = columns + "weibo,wb-unclear,b,public,kos,SH001,K1,active,consent_given,同意书\n"
    changed = await load(api, "accounts", late)
    again = await load(api, "accounts", late.replace("consent_given,同意书", ","))
    async with brand_session(worker_sessions, api.brand_id) as session:
        due = await session.scalar(
            text("select due_at <= now() from timer where kind = 'handover.step'")
        )
    await step(worker_sessions, api, handover)

    accounts = {each["handle"]: each for each in (await api.get("/accounts"))["items"]}
    assert (report["rows_added"], problems(report)) == (
        2,
        [(4, "ownership_reference"), (5, "ownership"), (6, "ownership")],
    )
    assert before[("account", "done")] == before[("account", "needs_ownership")] == 1
    assert (changed["rows_changed"], again["rows_unchanged"]) == (1, 1)
    assert due is True
    assert {each["handle"]: each["ownership"] for each in accounts.values()} == {
        "dy-ours": "brand_made",
        "wb-unclear": "consent_given",
    }
    assert {each["staff_id"] for each in accounts.values()} == {people["K2"]["id"]}
    assert (await counts(api, handover))[("account", "done")] == 2
