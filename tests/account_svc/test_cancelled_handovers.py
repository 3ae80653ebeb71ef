"""The leaver stays after all: nothing more goes to others, what has gone is listed."""

from shared.access import Role
from shared.database import Sessions
from shared.events.account import (
    HandoverCancelled,
    HandoverFinished,
    HandoverStarted,
    HandoverTakersChanged,
)
from shared.events.lead import LeadHandoverCancelled
from shared.inbox import Inbox
from tests.account_svc.earning import envelope
from tests.account_svc.graph import Graph
from tests.account_svc.leaving import (
    counts,
    finish_drafts,
    finish_leads,
    make_member,
    open_handover,
    platform_of,
    step,
)
from tests.account_svc.making import Api, make_account, make_staff
from tests.caller import uuid_of

CANCEL = """mutation($input: OnOneWithReason!) { cancelHandover(input: $input) {
  ... on Handover { status cancelReason finishedAt progress { kind status items things } }
  ... on Problem { code message path } } }"""


async def test_a6_cancelling_stops_what_is_planned_and_follows_what_moves_to_its_end(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    first, _ = await make_member(api)
    handover = await open_handover(api, leaver, first)
    platform = platform_of(api, inbox, handover, account)
    await platform.list_customers([[]] * 4)
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    (call,) = await platform.asked()
    moves, refuses, asked, lost = call.customer_ids
    given = {"id": handover["id"], "reason": "误操作"}

    half = {moves: "accepted", refuses: "accepted", asked: "", lost: "failed"}
    await platform.answer([call], lambda each: half[each], but={asked})
    cancelled = (await graph.ask(api.principal, CANCEL, input=given))["cancelHandover"]
    again = (await graph.ask(api.principal, CANCEL, input=given))["cancelHandover"]
    late = {moves: "moved", refuses: "refused", asked: "cancelled"}
    await platform.answer([call], lambda each: late[each], but={lost})
    await inbox.take(
        [
            envelope(
                api.brand_id,
                LeadHandoverCancelled(handover_id=uuid_of(handover["id"]), leads=2, contacts=0),
                1,
            )
        ]
    )
    await finish_leads(api, inbox, handover, leads=9, contacts=9)  # cannot be any more
    next_at = await step(worker_sessions, api, handover)

    assert cancelled["status"] == "CANCELLED"
    assert cancelled["cancelReason"] == "误操作"
    assert {(each["kind"], each["status"]): each["items"] for each in cancelled["progress"]} == {
        ("ACCOUNT", "CANCELLED"): 1,
        ("DRAFTS", "CANCELLED"): 1,
        ("LEADS", "ASKED"): 1,
        ("CONTACTS", "ASKED"): 1,
        ("CUSTOMER", "ASKED"): 1,
        ("CUSTOMER", "CANCELLED"): 1,
        ("CUSTOMER", "MOVING"): 2,
    }
    assert again["code"] == "handover_over"
    assert next_at is None
    assert await platform.asked() == []
    assert await counts(api, handover) == {
        ("account", "cancelled"): 1,
        ("drafts", "cancelled"): 1,
        ("leads", "cancelled"): 1,
        ("contacts", "cancelled"): 1,
        ("customer", "cancelled"): 3,
        ("customer", "done"): 1,
    }
    items = (await api.get("/handover-items", handover_id=handover["id"], kind="leads"))["items"]
    assert [each["things"] for each in items] == [2]
    (kept,) = (await api.by_ids("/accounts", account["id"]))["items"]
    assert kept["status"] == "active"
    told = await api.events("kos.handover")
    assert [event for event in told if isinstance(event, HandoverCancelled)] == [
        HandoverCancelled(
            handover_id=uuid_of(handover["id"]), staff_id=uuid_of(leaver["id"]), reason="误操作"
        )
    ]
    assert not [event for event in told if isinstance(event, HandoverFinished)]
    assert "handover.cancel" in [action for _, action, _ in await api.audited()]


async def test_a6_after_a_cancelling_the_person_may_have_another_handover(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, account = await make_member(api)
    taker, _ = await make_member(api)
    mistaken = await open_handover(api, leaver, taker)
    await api.post(f"/handovers/{mistaken['id']}/cancel", {"reason": "误操作"})
    await platform_of(api, inbox, mistaken, account).list_customers([[]])  # told late

    anew = await open_handover(api, leaver, taker)
    await platform_of(api, inbox, anew, account).list_customers([[], []])
    started = await api.post(f"/handovers/{anew['id']}/start")
    refused = [
        await api.refuse(f"/handovers/{mistaken['id']}/{verb}", body)
        for verb, body in (
            ("start", None),
            ("change-takers", {"taker_ids": [taker["id"]]}),
            ("cancel", {"reason": "again"}),
        )
    ]

    assert await counts(api, mistaken) == {
        ("account", "cancelled"): 1,
        ("drafts", "cancelled"): 1,
    }
    assert (await counts(api, anew))[("customer", "planned")] == 2
    assert started["status"] == "running"
    assert [each["code"] for each in refused] == ["handover_over"] * 3


async def test_a6_accounts_that_went_before_the_cancelling_stay_with_their_taker(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    leaver, taker = await make_staff(api), await make_staff(api)
    ours = await make_account(api, leaver, platform="douyin", handle="dy-ours")
    unclear = await make_account(api, leaver, platform="kuaishou", handle="ks-unclear")
    owned = {"ownership": "brand_made", "reference": "合同第7条"}
    await api.post(f"/accounts/{ours['id']}/state-ownership", owned)
    handover = await open_handover(api, leaver, taker)
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)

    await api.post(f"/handovers/{handover['id']}/cancel", {"reason": "不离职了"})
    await api.post(f"/accounts/{unclear['id']}/state-ownership", owned)
    await finish_drafts(api, inbox, handover, posts=2)
    await step(worker_sessions, api, handover)

    found = (await api.by_ids("/accounts", ours["id"], unclear["id"]))["items"]
    assert {each["id"]: each["staff_id"] for each in found} == {
        ours["id"]: taker["id"],
        unclear["id"]: leaver["id"],
    }
    assert await counts(api, handover) == {
        ("account", "done"): 1,
        ("account", "cancelled"): 1,
        # what went with the account is told after the cancelling
        ("drafts", "done"): 1,
        ("drafts", "cancelled"): 1,
        ("leads", "asked"): 1,
        ("contacts", "asked"): 1,
    }


async def test_a6_only_who_may_open_a_handover_may_cancel_it_and_a_reason_is_needed(
    api: Api, other_api: Api
) -> None:
    leaver, _ = await make_member(api)
    taker, _ = await make_member(api)
    handover = await open_handover(api, leaver, taker)
    path, body = f"/handovers/{handover['id']}/cancel", {"reason": "误操作"}
    elsewhere = api.acting(Role.STORE_MANAGER, unit_ids=(taker["unit_id"],))

    refused = [await each.refuse(path, body) for each in (elsewhere, other_api)]
    seller = await api.acting(Role.KOS).refuse(path, body)
    unsaid = await api.refuse(path, {"reason": ""})

    assert [each["code"] for each in refused] == ["handover_not_found"] * 2
    assert seller["code"] == "not_allowed"
    assert unsaid["status"] == 422
    assert (await api.get("/handovers"))["items"][0]["status"] == "gathering"


async def test_a6_other_takers_are_told_of_once_the_handover_runs(api: Api) -> None:
    leaver, first, second = [await make_staff(api) for _ in range(3)]
    handover = await open_handover(api, leaver, first)
    path = f"/handovers/{handover['id']}/change-takers"
    await api.post(path, {"taker_ids": [second["id"], first["id"]]})
    await api.post(f"/handovers/{handover['id']}/start")
    await api.post(path, {"taker_ids": [first["id"]]})

    told = await api.events("kos.handover")
    about = {"handover_id": uuid_of(handover["id"]), "staff_id": uuid_of(leaver["id"])}
    assert told[1:] == [
        HandoverStarted(**about, taker_ids=[uuid_of(second["id"]), uuid_of(first["id"])]),
        HandoverTakersChanged(**about, taker_ids=[uuid_of(first["id"])]),
    ]
