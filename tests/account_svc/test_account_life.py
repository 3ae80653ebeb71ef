"""The life of an account through the gateway: steps with who, when and why; the platform's word."""

from datetime import UTC, datetime, timedelta

import time_machine

from account_svc.models.platform_status import Span, ends_at
from account_svc.use_cases.health import review_accounts
from shared.access import Role
from shared.clock import now
from shared.database import Sessions
from shared.events.account import (
    AccountChanged,
    AccountStatus,
    PlatformStatus,
    PlatformStatusNoted,
)
from tests.account_svc.graph import Graph
from tests.account_svc.importing import ACCOUNTS, PEOPLE, TREE, load
from tests.account_svc.making import Api, make_account
from tests.caller import Json, uuid_of

STEP = """mutation($input: SubmitAccountInput!) { submitAccount(input: $input) {
  ... on Account { status statusReason } ... on Problem { code message } } }"""
NOTE = """mutation($input: NotePlatformStatusInput!) { notePlatformStatus(input: $input) {
  ... on Account { id platformStatuses { platformStatus state } }
  ... on Problem { code message path } } }"""
READ = """query($id: ID!) { account(id: $id) {
  status history { fromStatus toStatus reason actor at }
  platformStatuses { platformStatus state isHeld validTo reference notedBy } } }"""


async def test_a2_a_planned_account_waits_for_its_platform_and_the_history_says_why(
    api: Api, graph: Graph
) -> None:
    account = await make_account(api, status="planned")

    submitted = await graph.ask(
        api.principal, STEP, input={"id": account["id"], "reason": "资料已提交"}
    )
    again = await graph.ask(api.principal, STEP, input={"id": account["id"]})
    await api.post(f"/accounts/{account['id']}/activate", {"reason": "审核通过"})

    read = (await graph.ask(api.principal, READ, id=account["id"]))["account"]
    assert submitted["submitAccount"] == {"status": "PENDING", "statusReason": "资料已提交"}
    assert again["submitAccount"]["code"] == "transition_not_allowed"
    assert [(each["fromStatus"], each["toStatus"], each["reason"]) for each in read["history"]] == [
        ("PENDING", "ACTIVE", "审核通过"),
        ("PLANNED", "PENDING", "资料已提交"),
        (None, "PLANNED", None),
    ]
    assert {each["actor"] for each in read["history"]} == {"test-admin"}
    changed = [event for event in await api.events("kos.account") if type(event) is AccountChanged]
    assert [event.status for event in changed] == [AccountStatus.PENDING]


async def test_a2_what_the_platform_says_ends_at_its_date_and_the_latest_note_holds(
    api: Api, graph: Graph
) -> None:
    account = await make_account(api, platform="douyin", handle="dy-craft")
    begins, ends = now(), now() + timedelta(days=30)
    note = {
        "id": account["id"],
        "platformStatus": "DOUYIN_STAFF_CERTIFICATION",
        "validFrom": begins.isoformat(),
        "validTo": ends.isoformat(),
        "reference": "职人-0071",
    }

    async def states() -> list[str]:
        path = "/accounts/platform-statuses/by-accounts"
        (found,) = (await api.post(path, {"ids": [account["id"]]}))["items"]
        return [each["state"] for each in found["statuses"]]

    first = await graph.ask(api.principal, NOTE, input=note)
    held = await states()
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        last_second = await states()
    with time_machine.travel(ends, tick=False):
        at_the_end = await states()
    await graph.ask(api.principal, NOTE, input=note | {"isHeld": False, "reference": "已取消"})

    read = (await graph.ask(api.principal, READ, id=account["id"]))["account"]
    latest, before = read["platformStatuses"]
    assert first["notePlatformStatus"]["platformStatuses"] == [
        {"platformStatus": "DOUYIN_STAFF_CERTIFICATION", "state": "HELD"}
    ]
    assert (held, last_second, at_the_end) == (["held"], ["held"], ["expired"])
    assert (latest["state"], latest["isHeld"]) == ("WITHDRAWN", False)
    assert latest["reference"] == "已取消"
    assert (before["state"], before["notedBy"]) == ("SUPERSEDED", "test-admin")
    assert (await api.events("kos.account"))[-1] == PlatformStatusNoted(
        account_id=uuid_of(account["id"]),
        platform_status=PlatformStatus.DOUYIN_STAFF_CERTIFICATION,
        is_held=False,
        valid_from=begins,
        valid_to=ends,
    )


async def test_a2_a_renewal_that_is_noted_early_leaves_until_then_what_holds(
    api: Api, worker_sessions: Sessions
) -> None:
    account = await make_account(api, platform="douyin", handle="tea")
    path = f"/accounts/{account['id']}/note-platform-status"
    at = now()
    ends, renewed_to = at + timedelta(days=5), at + timedelta(days=370)
    body = {"platform_status": "douyin_staff_certification", "reference": "职人-0071"}

    async def states() -> list[str]:
        read = await api.post("/accounts/platform-statuses/by-accounts", {"ids": [account["id"]]})
        return [each["state"] for each in read["items"][0]["statuses"]]

    async def causes() -> list[str]:
        while await review_accounts(worker_sessions):
            pass
        read = await api.post("/accounts/health/by-accounts", {"ids": [account["id"]]})
        return [each["cause"] for each in read["items"][0]["reasons"]]

    await api.post(path, {**body, "valid_to": ends.isoformat()})
    before = await causes()
    await api.post(
        path, {**body, "valid_from": ends.isoformat(), "valid_to": renewed_to.isoformat()}
    )

    assert (before, await causes()) == (["status_ends_soon"], [])
    assert await states() == ["not_yet", "held"]
    with time_machine.travel(ends):
        assert await states() == ["held", "superseded"]
        assert "status_expired" not in await causes()
    with time_machine.travel(renewed_to):
        assert await states() == ["expired", "superseded"]
        assert "status_expired" in await causes()


def test_a2_a_status_ends_with_its_last_renewal_that_leaves_no_gap() -> None:
    def day(number: int) -> datetime:
        return datetime(2026, 12, number, tzinfo=UTC)

    first = Span(is_held=True, valid_from=day(1), valid_to=day(10))
    after_a_gap = Span(is_held=True, valid_from=day(12), valid_to=day(20))
    at_once = Span(is_held=True, valid_from=day(10), valid_to=day(15))
    taken_back = Span(is_held=False, valid_from=day(5), valid_to=None)

    assert ends_at([], day(2)) is None
    assert ends_at([first], day(2)) == day(10)
    assert ends_at([first], day(11)) == day(10)
    assert ends_at([after_a_gap, first], day(2)) == day(10)
    assert ends_at([after_a_gap, first], day(13)) == day(20)
    assert ends_at([at_once, after_a_gap, first], day(2)) == day(20)
    assert ends_at([taken_back, first], day(2)) == day(10)
    assert ends_at([taken_back, first], day(6)) is None
    assert ends_at([after_a_gap], day(2)) is None


async def test_a2_a_status_of_another_platform_and_an_end_before_the_beginning_are_refused(
    api: Api,
) -> None:
    account = await make_account(api)
    path = f"/accounts/{account['id']}/note-platform-status"
    body: Json = {"platform_status": "douyin_staff_certification", "reference": "职人-0071"}
    at = now()

    elsewhere = await api.refuse(path, body)
    backwards = await api.refuse(
        path,
        {
            "platform_status": "xiaohongshu_staff_binding",
            "reference": "r",
            "valid_from": at.isoformat(),
            "valid_to": at.isoformat(),
        },
    )
    seller = await api.acting(Role.KOS, staff_id=account["staff_id"]).refuse(path, body)

    assert (elsewhere["code"], elsewhere["field"]) == (
        "status_of_another_platform",
        "/platform_status",
    )
    assert backwards["status"] == 422
    assert "valid_to is not after valid_from" in str(backwards["errors"])
    assert seller["status"] == 403


async def test_a2_statuses_of_others_are_not_shown(api: Api, other_api: Api) -> None:
    account = await make_account(api)

    answer = await other_api.post(
        "/accounts/platform-statuses/by-accounts", {"ids": [account["id"]]}
    )

    assert answer == {"items": [], "missing": [account["id"]]}


async def test_a2_an_account_whose_person_has_departed_is_not_activated(
    api: Api, seller: Json
) -> None:
    account = await make_account(api, seller, status="pending")
    await api.post(f"/staff/{seller['id']}/depart", {"reason": "离职"})

    problem = await api.refuse(f"/accounts/{account['id']}/activate", {})

    assert (problem["status"], problem["code"]) == (409, "staff_departed")
    (still,) = (await api.by_ids("/accounts", account["id"]))["items"]
    assert still["status"] == "pending"


async def test_a2_a_file_that_gives_an_account_to_another_person_is_in_its_history(
    api: Api,
) -> None:
    row = ACCOUNTS + "douyin,tea,茶,public,kos,SH001,{staff},,active\n"
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)
    await load(api, "accounts", row.format(staff="K1"))
    (account,) = (await api.get("/accounts"))["items"]
    await api.post(f"/accounts/{account['id']}/restrict", {"reason": "限流"})

    await load(api, "accounts", row.format(staff="K2").replace("active", "restricted"))

    (account,) = (await api.get("/accounts"))["items"]
    history = (await api.get(f"/accounts/{account['id']}/history"))["items"]
    last = max(history, key=lambda step: step["at"])
    assert (last["from_status"], last["to_status"]) == ("restricted", "restricted")
    assert (last["staff_id"], last["reason"]) == (account["staff_id"], "import")
    assert account["status_reason"] == "限流"
