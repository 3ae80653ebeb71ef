"""Accounts: their life, each step with who, when and why."""

import pytest

from shared.access import Role
from shared.events import Event
from shared.events.account import (
    AccountActivated,
    AccountHandedOver,
    AccountPaired,
    AccountRegistered,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    AccountSuspended,
    Platform,
)
from tests.account_svc.making import Api, make_account, make_persona, make_staff, make_unit
from tests.caller import uuid_of


async def test_a2_a_registered_account_is_announced(api: Api) -> None:
    staff = await make_staff(api)

    account = await make_account(api, staff, handle="chenxiao")

    assert (account["status"], account["version"]) == ("active", 1)
    assert (await api.events("kos.account")) == [
        AccountRegistered(
            account_id=uuid_of(account["id"]),
            platform=Platform.XIAOHONGSHU,
            handle="chenxiao",
            display_name="陈晓爱喝茶",
            domain="public",
            seat="kos",
            unit_id=uuid_of(staff["unit_id"]),
            staff_id=uuid_of(staff["id"]),
            status=AccountStatus.ACTIVE,
        )
    ]


async def test_a2_every_kind_of_account_on_every_platform_has_a_place(api: Api) -> None:
    staff = await make_staff(api)
    seats = ["brand", "business", "region_store", "store", "dealer", "hq_staff", "kos", "koc"]

    for platform in Platform:
        await make_account(api, staff, platform=platform, handle="same")
    for seat in seats:
        await make_account(api, staff, seat=seat, domain="private")

    assert len((await api.get("/accounts"))["items"]) == len(Platform) + len(seats)
    assert len((await api.get("/accounts", platform="douyin"))["items"]) == 1


async def test_a2_an_account_is_registered_once(api: Api) -> None:
    account = await make_account(api, handle="tea")
    body = {
        "platform": "xiaohongshu",
        "handle": "tea",
        "display_name": "x",
        "domain": "public",
        "seat": "kos",
        "unit_id": account["unit_id"],
    }

    problem = await api.refuse("/accounts", body)

    assert (problem["status"], problem["code"], problem["field"]) == (
        409,
        "handle_taken",
        "/handle",
    )


async def test_a2_a_handle_is_taken_in_upper_and_lower_case_alike_and_on_its_platform_alone(
    api: Api,
) -> None:
    account = await make_account(api, handle="Tea_1")
    store = {"id": None, "unit_id": account["unit_id"]}
    body = {**account, "handle": "tea_1", "display_name": "x"}
    asked = ("platform", "handle", "display_name", "domain", "seat", "unit_id")

    problem = await api.refuse("/accounts", {name: body[name] for name in asked})
    elsewhere = await make_account(api, store, handle="tea_1", platform="douyin")

    assert (problem["code"], problem["field"]) == ("handle_taken", "/handle")
    assert elsewhere["handle"] == "tea_1"


async def test_a2_the_handle_of_a_retired_account_is_free_and_its_history_stays(api: Api) -> None:
    first = await make_account(api, handle="tea")
    seller = {"id": first["staff_id"], "unit_id": first["unit_id"]}
    await api.post(f"/accounts/{first['id']}/retire", {"reason": "停用"})

    second = await make_account(api, seller, handle="Tea")
    taken = await api.refuse(
        "/accounts",
        {
            "platform": "xiaohongshu",
            "handle": "tea",
            "display_name": "x",
            "domain": "public",
            "seat": "kos",
            "unit_id": first["unit_id"],
        },
    )

    found = (await api.by_ids("/accounts", first["id"], second["id"]))["items"]
    assert {each["id"]: (each["handle"], each["status"]) for each in found} == {
        first["id"]: ("tea", "retired"),
        second["id"]: ("Tea", "active"),
    }
    assert taken["code"] == "handle_taken"
    history = (await api.get(f"/accounts/{first['id']}/history"))["items"]
    assert [each["to_status"] for each in history] == ["retired", "active"]


@pytest.mark.parametrize(
    ("verb", "status", "event"),
    [
        ("restrict", "restricted", AccountRestricted),
        ("suspend", "suspended", AccountSuspended),
        ("retire", "retired", AccountRetired),
    ],
)
async def test_a2_a_step_is_noted_with_who_and_why(
    api: Api, verb: str, status: str, event: type[Event]
) -> None:
    account = await make_account(api)

    changed = await api.post(f"/accounts/{account['id']}/{verb}", {"reason": "违规内容"})

    assert (changed["status"], changed["status_reason"]) == (status, "违规内容")
    announced = (await api.events_with_versions())[-1]
    assert announced == (event(account_id=uuid_of(account["id"]), reason="违规内容"), 2)
    history = (await api.get(f"/accounts/{account['id']}/history"))["items"]
    assert [
        (step["from_status"], step["to_status"], step["reason"], step["actor"]) for step in history
    ] == [("active", status, "违规内容", "test-admin"), (None, "active", None, "test-admin")]
    assert history[0]["at"] == changed["status_changed_at"]
    assert (await api.audited())[-1] == ("test-admin", f"account.{status}", account["id"])


async def test_a2_a_suspended_account_can_be_activated_again(api: Api) -> None:
    account = await make_account(api)
    await api.post(f"/accounts/{account['id']}/suspend", {"reason": "x"})

    back = await api.post(f"/accounts/{account['id']}/activate", {"reason": "申诉成功"})

    assert (back["status"], back["version"]) == ("active", 3)
    assert (await api.events())[-1] == AccountActivated(account_id=uuid_of(account["id"]))


async def test_a2_a_step_that_life_does_not_allow_is_refused_and_silent(api: Api) -> None:
    account = await make_account(api)
    await api.post(f"/accounts/{account['id']}/retire", {"reason": "停用"})

    problem = await api.refuse(f"/accounts/{account['id']}/activate", {})

    assert (problem["status"], problem["code"]) == (409, "transition_not_allowed")
    assert (await api.by_ids("/accounts", account["id"]))["items"][0]["status"] == "retired"
    assert len((await api.get(f"/accounts/{account['id']}/history"))["items"]) == 2


async def test_a2_a_handover_names_the_taker_and_the_takers_unit(api: Api) -> None:
    account = await make_account(api)
    taker = await make_staff(api)

    handed = await api.post(
        f"/accounts/{account['id']}/hand-over", {"staff_id": taker["id"], "reason": "离职交接"}
    )

    assert (handed["status"], handed["staff_id"], handed["unit_id"]) == (
        "handed_over",
        taker["id"],
        taker["unit_id"],
    )
    assert (await api.events())[-1] == AccountHandedOver(
        account_id=uuid_of(account["id"]),
        staff_id=uuid_of(taker["id"]),
        unit_id=uuid_of(taker["unit_id"]),
    )
    history = (await api.get(f"/accounts/{account['id']}/history"))["items"]
    assert [step["staff_id"] for step in history] == [taker["id"], account["staff_id"]]


async def test_a2_an_account_is_not_handed_to_somebody_who_left(api: Api) -> None:
    account, taker = await make_account(api), await make_staff(api)
    await api.post(f"/staff/{taker['id']}/depart", {"reason": "x"})

    problem = await api.refuse(
        f"/accounts/{account['id']}/hand-over", {"staff_id": taker["id"], "reason": "x"}
    )

    assert (problem["code"], problem["field"]) == ("unknown_staff", "/staff_id")


async def test_a2_an_account_starts_at_the_beginning_of_its_life(api: Api) -> None:
    staff = await make_staff(api)
    body = {
        "platform": "douyin",
        "handle": "x",
        "display_name": "x",
        "domain": "public",
        "seat": "kos",
        "unit_id": staff["unit_id"],
        "status": "retired",
    }

    problem = await api.refuse("/accounts", body)

    assert (problem["status"], problem["field"]) == (422, "/status")


async def test_a4_an_account_plays_a_persona(api: Api) -> None:
    account = await make_account(api)
    persona = await make_persona(api, kind="topic_expert", name="茶学专家", taboo_words=["最好"])

    paired = await api.post(f"/accounts/{account['id']}/pair", {"persona_id": persona["id"]})
    again = await api.post(f"/accounts/{account['id']}/pair", {"persona_id": persona["id"]})

    assert (paired["persona_id"], paired["version"]) == (persona["id"], 2)
    assert again == paired
    assert (await api.events())[-1] == AccountPaired(
        account_id=uuid_of(account["id"]),
        persona_id=uuid_of(persona["id"]),
        persona_kind="topic_expert",
    )


async def test_a4_a_persona_has_a_card(api: Api) -> None:
    persona = await make_persona(
        api, bio="十年茶龄", tone="亲切", taboo_words=["最好"], interests=["茶"]
    )

    assert (await api.get("/personas"))["items"] == [persona]
    assert (await api.by_ids("/personas", persona["id"])) == {"items": [persona], "missing": []}
    assert persona["tone"] == "亲切"


async def test_a4_a_persona_of_another_brand_does_not_exist(api: Api, other_api: Api) -> None:
    account, persona = await make_account(api), await make_persona(other_api)

    problem = await api.refuse(f"/accounts/{account['id']}/pair", {"persona_id": persona["id"]})

    assert (problem["code"], problem["field"]) == ("unknown_persona", "/persona_id")


async def test_g2_accounts_are_seen_by_extent(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    seller, colleague = [await make_staff(api, await make_unit(api, east)) for _ in range(2)]
    mine, theirs = await make_account(api, seller), await make_account(api, colleague)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(east["id"],))
    outsider = api.acting(Role.REGION_MANAGER, unit_ids=(west["id"],))
    own = api.acting(Role.KOS, staff_id=seller["id"])

    assert (await manager.get("/accounts"))["items"] == [theirs, mine]
    assert (await outsider.get("/accounts"))["items"] == []
    assert (await own.by_ids("/accounts", mine["id"], theirs["id"])) == {
        "items": [mine],
        "missing": [theirs["id"]],
    }
    assert (await outsider.request("GET", f"/accounts/{mine['id']}/history")).status_code == 404
    problem = await outsider.refuse(f"/accounts/{mine['id']}/suspend", {"reason": "x"})
    assert (problem["status"], problem["code"]) == (404, "account_not_found")


async def test_g2_an_account_of_another_brand_does_not_exist(api: Api, other_api: Api) -> None:
    account = await make_account(other_api)

    problem = await api.refuse(f"/accounts/{account['id']}/suspend", {"reason": "x"})

    assert (problem["status"], problem["code"]) == (404, "account_not_found")
    assert (await api.by_ids("/accounts", account["id"]))["missing"] == [account["id"]]
    assert (await other_api.by_ids("/accounts", account["id"]))["items"] == [account]


async def test_a2_lists_are_filtered(api: Api) -> None:
    region = await make_unit(api, kind="region")
    staff = await make_staff(api, await make_unit(api, region))
    wanted = await make_account(api, staff, platform="douyin", status="planned")
    await make_account(api)

    for filters in (
        {"unit_id": region["id"]},
        {"staff_id": staff["id"]},
        {"platform": "douyin"},
        {"status": "planned"},
    ):
        assert (await api.get("/accounts", **filters))["items"] == [wanted]
