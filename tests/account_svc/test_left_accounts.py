"""Accounts of a leaver that go another way: not open yet, never taken up, seen to by hand."""

from shared.database import Sessions
from shared.events.account import AccountChanged
from shared.inbox import Inbox
from tests.account_svc.leaving import (
    counts,
    finish_drafts,
    finish_leads,
    open_handover,
    state_ownership,
    step,
)
from tests.account_svc.making import Api, make_account, make_staff
from tests.caller import uuid_of


async def test_a6_what_is_not_open_yet_and_what_nobody_took_up_goes_to_the_taker_as_well(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    before, leaver, taker = await make_staff(api), await make_staff(api), await make_staff(api)
    planned = await make_account(api, leaver, status="planned", handle="planned")
    pending = await make_account(api, leaver, status="pending", handle="pending")
    taken = await make_account(api, before, handle="taken")
    told = {"staff_id": leaver["id"], "reason": "换岗"}
    await api.post(f"/accounts/{taken['id']}/hand-over", told)
    left = [planned, pending, taken]
    for account in left:
        await state_ownership(api, account, "brand_made")

    handover = await open_handover(api, leaver, taker)
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    await finish_leads(api, inbox, handover)
    await finish_drafts(api, inbox, handover)
    await step(worker_sessions, api, handover)

    now_of = await api.by_ids("/accounts", *(account["id"] for account in left))
    assert {each["handle"]: (each["status"], each["staff_id"]) for each in now_of["items"]} == {
        "planned": ("planned", taker["id"]),
        "pending": ("pending", taker["id"]),
        "taken": ("handed_over", taker["id"]),
    }
    (over,) = (await api.by_ids("/handovers", handover["id"]))["items"]
    assert over["status"] == "done"
    changed = [each for each in await api.events() if isinstance(each, AccountChanged)]
    assert {each.staff_id for each in changed} == {uuid_of(taker["id"])}


async def test_a6_what_somebody_saw_to_by_hand_meanwhile_is_not_taken_from_whom_it_went_to(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    leaver, taker, other = [await make_staff(api) for _ in range(3)]
    given, retired = await make_account(api, leaver), await make_account(api, leaver)
    unclear = await make_account(api, leaver)
    for account in (given, retired):
        await state_ownership(api, account, "brand_made")
    handover = await open_handover(api, leaver, taker)

    to_other = {"staff_id": other["id"], "reason": "按区调整"}
    for account in (given, unclear):
        await api.post(f"/accounts/{account['id']}/hand-over", to_other)
        await api.post(f"/accounts/{account['id']}/activate", {})
    await api.post(f"/accounts/{retired['id']}/retire", {"reason": "平台注销"})
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)
    await finish_leads(api, inbox, handover)
    asked = await finish_drafts(api, inbox, handover)
    await step(worker_sessions, api, handover)

    assert (await counts(api, handover))[("account", "gone")] == 3
    (over,) = (await api.by_ids("/handovers", handover["id"]))["items"]
    assert over["status"] == "done"
    kept = (await api.by_ids("/accounts", given["id"], unclear["id"]))["items"]
    assert [(each["status"], each["staff_id"]) for each in kept] == [("active", other["id"])] * 2
    assert {each.account_id: each.taker_id for each in asked} == {
        uuid_of(given["id"]): uuid_of(other["id"]),
        uuid_of(unclear["id"]): uuid_of(other["id"]),
        uuid_of(retired["id"]): None,
    }


async def test_a6_what_a_taker_who_departs_was_to_have_goes_to_the_next(
    api: Api, worker_sessions: Sessions
) -> None:
    leaver, first, second = [await make_staff(api) for _ in range(3)]
    account = await make_account(api, leaver)
    await state_ownership(api, account, "brand_made")
    handover = await open_handover(api, leaver, first, second)
    await api.post(f"/handovers/{handover['id']}/start")

    await api.post(f"/staff/{first['id']}/depart", {"reason": "离职"})
    await step(worker_sessions, api, handover)

    (given,) = (await api.by_ids("/accounts", account["id"]))["items"]
    assert (given["status"], given["staff_id"]) == ("handed_over", second["id"])


async def test_a6_who_leaves_takes_nothing_from_others(api: Api, worker_sessions: Sessions) -> None:
    leaver, first, second = [await make_staff(api) for _ in range(3)]
    account = await make_account(api, leaver)
    await state_ownership(api, account, "brand_made")
    handover = await open_handover(api, leaver, first, second)
    await open_handover(api, first, second)

    back = {"staff_id": second["id"], "taker_ids": [leaver["id"]]}
    problem = await api.refuse("/handovers", back)
    await api.post(f"/handovers/{handover['id']}/start")
    await step(worker_sessions, api, handover)

    assert (problem["code"], problem["field"]) == ("taker_leaves", "/taker_ids/0")
    (given,) = (await api.by_ids("/accounts", account["id"]))["items"]
    assert given["staff_id"] == second["id"]
