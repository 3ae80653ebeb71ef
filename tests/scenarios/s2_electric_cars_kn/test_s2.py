"""S2, an electric-car brand in K+N: the account side of a centre with two hundred stores."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.access import Role
from shared.clock import now
from tests.isolation.world import World
from tests.scenarios.stage import Json, Stage

CASE = yaml.safe_load((Path(__file__).parent / "case.yaml").read_text())
REPORT = """query($unit: ID) {
  layoutReport(layout: "k_plus_n", form: PUBLIC, unitId: $unit) {
    wanted filled missing doubled orphaned cities { city stores } } }"""
RIGHT = """query($staff: ID!) { checkRight(staffId: $staff, right: LIVE) {
  isHeld denial { courses { code } } } }"""
PROGRESS = """query($unit: ID!, $period: String!) { unit(id: $unit) {
  goalProgress(period: $period) {
    metric target actual reached below { goals target gap } } } }"""
LEAD = "query($id: ID!) { lead(id: $id) { staff { code } unit { code } } }"


def store_code(number: int) -> str:
    return f"S{number:03}"


@pytest.fixture(scope="module")
async def stage(world: World) -> Stage:
    """One brand for all: 200 stores take seconds to bring in."""
    stage = await Stage.open(world, CASE["brand"])
    stores = range(1, CASE["stores"] + 1)
    units = [
        {"code": f"R{number}", "kind": "region", "name": f"第{number}大区", "city": f"城市{number}"}
        for number in range(1, CASE["regions"] + 1)
    ]
    units += [
        {
            "code": store_code(number),
            "parent_code": f"R{1 + (number - 1) % CASE['regions']}",
            "kind": "store",
            "name": f"远洲{number}号店",
            "city": f"城市{1 + (number - 1) % CASE['regions']}",
        }
        for number in stores
    ]
    await stage.bring_in("units", units)
    await stage.bring_in(
        "staff",
        [
            {
                "code": f"{store_code(number)}-{person}",
                "unit_code": store_code(number),
                "name": f"顾问{number}-{person}",
            }
            for number in stores
            for person in range(1, CASE["people_per_store"] + 1)
        ],
    )
    await stage.bring_in("accounts", await _accounts(stage))
    return stage


async def _accounts(stage: Stage) -> list[Json]:
    (root,) = (await stage.ask("{ units(first: 1, kind: BRAND) { nodes { code } } }"))["units"][
        "nodes"
    ]
    wanted: list[tuple[str, str, str, str]] = [
        (platform, "brand", root["code"], "flagship") for platform in ("xiaohongshu", "douyin")
    ]
    wanted += [("douyin", "business", root["code"], f"live-{room}") for room in (1, 2)]
    wanted += [
        ("xiaohongshu", "region_store", f"R{number}", f"region-{number}")
        for number in range(1, CASE["regions"] + 1)
    ]
    for number in range(1, CASE["stores"] + 1):
        code = store_code(number)
        wanted.append(("xiaohongshu", "store", code, code))
        if number <= CASE["stores_on_douyin"]:
            wanted.append(("douyin", "store", code, code))
    return [
        {
            "platform": platform,
            "handle": handle,
            "display_name": handle,
            "domain": "public",
            "seat": seat,
            "unit_code": unit,
            "status": "active",
        }
        for platform, seat, unit, handle in wanted
    ]


async def test_s2_the_matrix_of_a_centre_and_its_stores(stage: Stage) -> None:
    told = CASE["layout"]

    whole = (await stage.ask(REPORT))["layoutReport"]
    manager = stage.acting(Role.REGION_MANAGER, unit="R1")
    own = (await stage.ask(REPORT, by=manager))["layoutReport"]

    assert {name: whole[name] for name in told["public"]} == told["public"]
    assert own["wanted"] == told["region"]["wanted"]
    assert sum(city["stores"] for city in own["cities"]) == told["region"]["stores"]

    supply = CASE["supply"]
    campaign = await stage.launch(
        supply["template"],
        {**supply["campaign"], "target": {"platforms": ["XIAOHONGSHU"]}},
    )
    await stage.hand_out(campaign)
    posts = await stage.posts()
    assert len(posts) == supply["posts"]
    assert {post["status"] for post in posts} == {"HANDED_OFF"}


async def test_s2_the_hosts_of_the_live_rooms_are_certified(stage: Stage) -> None:
    live = CASE["live"]
    course = await stage.do("addCourse", live["course"], "id")
    await stage.do("requireCourses", {"right": "LIVE", "courseIds": [course["id"]]}, "version")
    host = stage.acting(Role.KOS, staff=live["host"])
    host_id = stage.staff[live["host"]]

    before = (await stage.ask(RIGHT, staff=host_id))["checkRight"]
    begun = {"id": course["id"], "staffId": host_id}
    attempt = await stage.do("startExam", begun, "id", by=host)
    answers = {"id": attempt["id"], "answers": live["answers"]}
    await stage.do("submitExam", answers, "isPassed", by=host)
    after = (await stage.ask(RIGHT, staff=host_id))["checkRight"]

    assert before == {"isHeld": False, "denial": {"courses": [{"code": live["course"]["code"]}]}}
    assert after == {"isHeld": True, "denial": None}


async def test_s2_orders_count_for_the_store_and_roll_up_to_the_region(stage: Stage) -> None:
    goals, period = CASE["goals"], f"{now():%Y-%m}"
    targets: dict[str, Any] = {goals["region"]: goals["region_target"], **goals["stores"]}
    given = [{"unitId": stage.units[code], "target": target} for code, target in targets.items()]
    await stage.do(
        "setUnitGoals",
        {"period": period, "metric": goals["metric"], "goals": given},
        "goals { target }",
    )

    for store, orders in goals["orders"].items():
        for number in range(orders):
            await _order(stage, store, number)

    async def progress(code: str) -> Json:
        found = await stage.ask(PROGRESS, unit=stage.units[code], period=period)
        (row,) = [
            each for each in found["unit"]["goalProgress"] if each["metric"] == goals["metric"]
        ]
        assert isinstance(row, dict)
        return row

    for store, orders in goals["orders"].items():
        row = await progress(store)
        assert (row["target"], row["actual"]) == (goals["stores"][store], orders)
    region = await progress(goals["region"])
    assert region["actual"] == sum(goals["orders"].values())
    assert region["below"] == {
        "goals": len(goals["stores"]),
        "target": sum(goals["stores"].values()),
        "gap": goals["gap"],
    }


async def _order(stage: Stage, store: str, number: int) -> None:
    phone = f"137{store[1:]}0{number:04}"
    lead_id = await stage.capture(name="客户", phone=phone, storeCode=store, product="远洲 Y")
    lead = (await stage.ask(LEAD, id=lead_id))["lead"]
    assert lead["unit"]["code"] == store
    seller = stage.acting(Role.KOS, staff=lead["staff"]["code"])
    await stage.do("acceptLead", {"id": lead_id}, "status", by=seller)
    await stage.do("winDeal", {"leadId": lead_id, "amountMinor": 19_900_00}, "id", by=seller)
    await stage.settle()
