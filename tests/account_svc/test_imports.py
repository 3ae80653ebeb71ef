"""Files of units, staff and accounts: what goes in, what is refused, what is announced."""

import json

import pytest

from shared.events.account import (
    AccountActivated,
    AccountChanged,
    AccountRegistered,
    AccountStatus,
    Platform,
    StaffChanged,
    StaffJoined,
    UnitAdded,
    UnitChanged,
    UnitMoved,
)
from tests.account_svc.importing import (
    ACCOUNTS,
    PEOPLE,
    STAFF,
    TREE,
    UNITS,
    counts,
    load,
    problems,
)
from tests.account_svc.making import Api, make_persona, make_unit
from tests.caller import uuid_of


async def test_a1_units_are_imported_with_parents_after_their_children(api: Api) -> None:
    report = await load(api, "units", TREE)

    assert (report["status"], counts(report)) == ("finished", (2, 2, 0, 0, 0))
    store = (await api.get("/units", q="SH001"))["items"][0]
    region = (await api.get("/units", q="EAST"))["items"][0]
    assert store["ancestor_ids"] == [(await api.root())["id"], region["id"], store["id"]]
    assert (store["latitude"], store["opens_at"], store["city"]) == (31.23, "10:00", "上海")
    added = [event for event in await api.events() if isinstance(event, UnitAdded)]
    assert [event.code for event in added] == ["brand", "EAST", "SH001"]


@pytest.mark.parametrize(("kind", "content", "rows"), [("units", TREE, 2), ("staff", PEOPLE, 2)])
async def test_a1_the_same_file_twice_changes_nothing(
    api: Api, kind: str, content: str, rows: int
) -> None:
    await load(api, "units", TREE)
    await load(api, kind, content)
    announced = await api.events()

    report = await load(api, kind, content)

    assert counts(report) == (rows, 0, 0, rows, 0)
    assert await api.events() == announced


async def test_a1_a_row_that_is_wrong_is_reported_and_the_rest_goes_in(api: Api) -> None:
    content = (
        UNITS
        + "S1,,store,店一,,,91,,,\n"
        + "S2,,palace,店二,,,,,,\n"
        + "S3,,store,店三,,,,,25:00,\n"
        + ",,store,店四,,,,,,\n"
        + "S5,,store,店五,,,,,,\n"
        + "S5,,store,又一个店五,,,,,,\n"
        + "S7,,store\n"
    )

    report = await load(api, "units", content)

    assert counts(report) == (7, 1, 0, 0, 6)
    assert problems(report) == [
        (2, "latitude"),
        (3, "kind"),
        (4, "opens_at"),
        (5, "code"),
        (7, "code"),
        (8, ""),
    ]
    assert [unit["name"] for unit in (await api.get("/units", kind="store"))["items"]] == ["店五"]


@pytest.mark.parametrize(
    ("media_type", "rows"),
    [
        ("text/csv", ["code,kind,name", "S1,store,a\0b", "S2,store,good"]),
        (
            "application/jsonl",
            [
                '{"code": "S0", "kind": "store", "name": "good"}',
                '{"code": "S1", "kind": "store", "name": "a\\u0000b"}',
                '{"code": "S2", "kind": "store", "name": "good", "x\\u0000": 1}',
            ],
        ),
    ],
)
async def test_a1_a_row_that_cannot_be_stored_does_not_spoil_the_file(
    api: Api, media_type: str, rows: list[str]
) -> None:
    report = await load(api, "units", "\n".join(rows), media_type=media_type)

    assert report["rows_added"] == 1
    assert report["problems"][0] == {
        "line": 2,
        "field": "",
        "reason": "holds U+0000, which no text may",
    }


async def test_a1_an_unknown_parent_is_refused_with_its_line(api: Api) -> None:
    content = (
        UNITS
        + "S1,NOWHERE,store,店一,,,,,,\n"
        + "T1,S1,team,班组,,,,,,\n"
        + "S2,,store,店二,,,,,,\n"
    )

    report = await load(api, "units", content)

    assert counts(report) == (3, 1, 0, 0, 2)
    assert problems(report) == [(2, "parent_code"), (3, "parent_code")]


async def test_a1_a_cycle_inside_the_file_is_refused_with_its_lines(api: Api) -> None:
    content = (
        UNITS
        + "A,B,region,甲,,,,,,\n"
        + "B,C,region,乙,,,,,,\n"
        + "C,A,region,丙,,,,,,\n"
        + "D,A,store,丁,,,,,,\n"
        + "E,,store,戊,,,,,,\n"
    )

    report = await load(api, "units", content)

    assert counts(report) == (5, 1, 0, 0, 4)
    assert problems(report) == [(line, "parent_code") for line in (2, 3, 4, 5)]


async def test_a1_a_cycle_with_units_that_exist_is_refused(api: Api) -> None:
    region = await make_unit(api, kind="region", code="EAST")
    await make_unit(api, region, code="SH001", name="店")
    announced = await api.events()

    report = await load(api, "units", UNITS + "EAST,SH001,region,华东,,,,,,\n")

    assert problems(report) == [(2, "parent_code")]
    assert await api.events() == announced


async def test_a1_a_file_may_turn_the_tree_upside_down(api: Api) -> None:
    upper = await make_unit(api, kind="region", code="A", name="甲")
    lower = await make_unit(api, upper, kind="region", code="B", name="乙")
    store = await make_unit(api, lower, code="S", name="店")

    report = await load(api, "units", UNITS + "A,B,region,甲,,,,,,\nB,,region,乙,,,,,,\n")

    assert counts(report) == (2, 0, 2, 0, 0)
    root = await api.root()
    found = await api.by_ids("/units", upper["id"], store["id"])
    ancestors = {unit["code"]: unit["ancestor_ids"] for unit in found["items"]}
    assert ancestors == {
        "A": [root["id"], lower["id"], upper["id"]],
        "S": [root["id"], lower["id"], store["id"]],
    }
    moves = [event for event in await api.events() if isinstance(event, UnitMoved)]
    assert [event.unit_id for event in moves] == [uuid_of(lower["id"]), uuid_of(upper["id"])]


async def test_a1_changed_facts_and_places_are_announced_apart(api: Api) -> None:
    await load(api, "units", TREE)

    content = UNITS + "SH001,,store,静安店,310000,上海,31.23,121.46,10:00,22:00\n"
    report = await load(api, "units", content)

    assert counts(report) == (1, 0, 1, 0, 0)
    changed, moved = (await api.events_with_versions())[-2:]
    assert isinstance(changed[0], UnitChanged)
    assert isinstance(moved[0], UnitMoved)
    assert (changed[0].name, changed[1], moved[1]) == ("静安店", 2, 3)


async def test_a1_the_roots_own_row_changes_its_name(api: Api) -> None:
    report = await load(api, "units", UNITS + "brand,,brand,新名字,,,,,,\n")

    assert counts(report) == (1, 0, 1, 0, 0)
    assert (await api.root())["name"] == "新名字"


async def test_a1_the_root_cannot_be_hung_under_a_unit_of_its_own(api: Api) -> None:
    report = await load(api, "units", TREE + "brand,EAST,brand,青岚,,,,,,\n")

    (problem,) = report["problems"]
    assert (problem["line"], problem["field"]) == (4, "parent_code")
    assert (await api.root())["name"] == "青岚茶饮"


async def test_a1_staff_are_imported_sealed_and_announced_without_names(api: Api) -> None:
    await load(api, "units", TREE)

    report = await load(api, "staff", PEOPLE)

    assert counts(report) == (2, 2, 0, 0, 0)
    staff = (await api.get("/staff", q="K1"))["items"][0]
    assert (staff["name"], staff["phone"]) == ("陈晓", "+8613800138000")
    assert (staff["skills"], staff["languages"]) == (["tea", "latte"], ["zh", "en"])
    joined = [event for event in await api.events("kos.staff") if isinstance(event, StaffJoined)]
    assert joined[0] == StaffJoined(
        staff_id=uuid_of(staff["id"]),
        unit_id=uuid_of(staff["unit_id"]),
        is_seller=True,
        open_lead_capacity=15,
        skills=["tea", "latte"],
        product_lines=["milk_tea"],
        languages=["zh", "en"],
        tier="star",
    )
    assert len(joined) == 2
    assert "陈晓" not in "".join(event.model_dump_json() for event in await api.events())


async def test_a1_a_renamed_person_is_changed_without_an_announcement(api: Api) -> None:
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)
    announced = await api.events()

    report = await load(api, "staff", PEOPLE.replace("王芳", "王芬"))

    assert counts(report) == (2, 0, 1, 1, 0)
    assert (await api.get("/staff", q="K2"))["items"][0]["name"] == "王芬"
    assert await api.events() == announced


async def test_a1_a_person_in_another_unit_is_announced(api: Api) -> None:
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)

    await load(api, "staff", STAFF + "K2,EAST,王芳,,,,,,,\n")

    last, version = (await api.events_with_versions())[-1]
    region = (await api.get("/units", q="EAST"))["items"][0]
    assert isinstance(last, StaffChanged)
    assert (last.unit_id, version) == (uuid_of(region["id"]), 2)


async def test_a1_staff_of_unknown_units_or_with_bad_phones_are_refused(api: Api) -> None:
    await load(api, "units", TREE)
    content = STAFF + "K1,NOWHERE,陈晓,,,,,,,\n" + "K2,SH001,王芳,12345,,,,,,\n"

    report = await load(api, "staff", content)

    assert counts(report) == (2, 0, 0, 0, 2)
    assert problems(report) == [(2, "unit_code"), (3, "phone")]
    assert "12345" not in json.dumps(report)


async def test_a2_accounts_are_imported_with_their_sellers_and_personas(api: Api) -> None:
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)
    persona = await make_persona(api)
    content = (
        ACCOUNTS
        + "xiaohongshu,chenxiao,陈晓爱喝茶,public,kos,SH001,K1,shopping_assistant,active\n"
        + "wecom,chenxiao,陈晓,private,kos,SH001,K1,,\n"
        + "wecom,nobody,无人,private,kos,SH001,K9,,\n"
        + "douyin,expert,专家,public,kos,SH001,K1,topic_expert,\n"
        + "douyin,old,旧号,public,kos,SH001,,,retired\n"
    )

    report = await load(api, "accounts", content)

    assert counts(report) == (5, 2, 0, 0, 3)
    assert problems(report) == [(4, "staff_code"), (5, "persona_kind"), (6, "status")]
    account = (await api.get("/accounts", platform="xiaohongshu"))["items"][0]
    assert (account["status"], account["persona_id"]) == ("active", persona["id"])
    history = (await api.get(f"/accounts/{account['id']}/history"))["items"]
    assert [(step["to_status"], step["reason"]) for step in history] == [("active", "import")]
    assert (await api.events("kos.account"))[0] == AccountRegistered(
        account_id=uuid_of(account["id"]),
        platform=Platform.XIAOHONGSHU,
        handle="chenxiao",
        display_name="陈晓爱喝茶",
        domain="public",
        seat="kos",
        unit_id=uuid_of(account["unit_id"]),
        staff_id=uuid_of(account["staff_id"]),
        persona_id=uuid_of(persona["id"]),
        persona_kind="shopping_assistant",
        status=AccountStatus.ACTIVE,
    )
    again = await load(api, "accounts", content)
    assert counts(again) == (5, 0, 0, 2, 3)


async def test_a2_a_repeated_account_takes_only_steps_its_life_allows(api: Api) -> None:
    await load(api, "units", TREE)
    row = ACCOUNTS + "douyin,tea,{name},public,kos,SH001,,,{status}\n"
    await load(api, "accounts", row.format(name="茶", status="planned"))

    report = await load(api, "accounts", row.format(name="好茶", status="active"))
    back = await load(api, "accounts", row.format(name="好茶", status="planned"))

    assert (counts(report), counts(back)) == ((1, 0, 1, 0, 0), (1, 0, 0, 0, 1))
    assert problems(back) == [(2, "status")]
    changed, activated = (await api.events_with_versions("kos.account"))[1:]
    assert isinstance(changed[0], AccountChanged)
    assert isinstance(activated[0], AccountActivated)
    assert (changed[0].display_name, changed[1], activated[1]) == ("好茶", 2, 3)


async def test_a1_codes_are_taken_in_upper_and_lower_case_alike(api: Api) -> None:
    await load(api, "units", TREE)
    await load(api, "staff", PEOPLE)

    units = await load(
        api,
        "units",
        UNITS + "sh001,,store,x,,,,,,\nN1,,store,x,,,,,,\nn1,,store,x,,,,,,\nT1,n1,team,x,,,,,,\n",
    )
    staff = await load(
        api, "staff", STAFF + "k1,SH001,甲,,,,,,,\nK3,SH001,乙,,,,,,,\nk3,SH001,丙,,,,,,,\n"
    )
    accounts = await load(
        api,
        "accounts",
        ACCOUNTS + "douyin,Tea,茶,public,kos,SH001,,,planned\n"
        "douyin,tea,茶,public,kos,SH001,,,planned\n",
    )

    assert (counts(units), problems(units)) == (
        (4, 1, 0, 0, 3),
        [(2, "code"), (4, "code"), (5, "parent_code")],
    )
    assert (counts(staff), problems(staff)) == ((3, 1, 0, 0, 2), [(2, "code"), (4, "code")])
    assert (counts(accounts), problems(accounts)) == ((2, 1, 0, 0, 1), [(3, "handle")])
    assert staff["problems"][0]["reason"] == "another has it, upper and lower case being the same"
    assert len((await api.get("/staff"))["items"]) == 3
    assert len(await api.events("kos.staff")) == 3
    assert len(await api.events("kos.account")) == 1


async def test_a2_a_file_finds_the_account_that_is_not_retired_and_brings_none_back(
    api: Api,
) -> None:
    await load(api, "units", TREE)
    row = ACCOUNTS + "douyin,tea,{name},public,kos,SH001,,,{status}\n"
    await load(api, "accounts", row.format(name="茶", status="planned"))
    (old,) = (await api.get("/accounts"))["items"]
    await api.post(f"/accounts/{old['id']}/retire", {"reason": "停用"})

    again = await load(api, "accounts", row.format(name="茶", status="planned"))
    known = await load(api, "accounts", row.format(name="茶", status="retired"))
    asked = ("platform", "handle", "display_name", "domain", "seat", "unit_id")
    new = await api.post("/accounts", {name: old[name] for name in asked})
    changed = await load(api, "accounts", row.format(name="新茶", status="planned"))

    assert (counts(again), counts(known)) == ((1, 0, 0, 0, 1), (1, 0, 0, 1, 0))
    assert again["problems"][0]["reason"] == "its account is retired: register it anew by itself"
    assert counts(changed) == (1, 0, 1, 0, 0)
    found = (await api.by_ids("/accounts", old["id"], new["id"]))["items"]
    assert {each["id"]: each["display_name"] for each in found} == {
        old["id"]: "茶",
        new["id"]: "新茶",
    }
