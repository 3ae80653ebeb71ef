"""S4, a car launch through dealers: one wave to all accounts, its stop, and the dealers' race."""

from pathlib import Path
from typing import Any

import yaml

from shared.access import Role
from shared.clock import now
from tests.isolation.world import World
from tests.scenarios.stage import Json, Stage

CASE = yaml.safe_load((Path(__file__).parent / "case.yaml").read_text())
RACE = """query($period: String!) { race(period: $period) {
  rank league points isEligible ineligibleBecause store { code } } }"""
LEAD = "query($id: ID!) { lead(id: $id) { status staff { code } unit { code } } }"
SUSPICIONS = """query($unit: ID) { suspicions(unitId: $unit) { nodes {
  entryId staff { code } unit { code } reasons { kind } } } }"""
CAMPAIGN = "query($id: ID!) { campaign(id: $id) { status } }"


async def set_up(world: World) -> Stage:
    stage = await Stage.open(world, CASE["brand"])
    await stage.bring_in("units", CASE["units"])
    people = [
        {"code": f"{store}-{number}", "unit_code": store, "name": f"{store}顾问{number}"}
        for store, count in CASE["sellers"].items()
        for number in range(1, count + 1)
    ]
    await stage.bring_in("staff", people)
    accounts = [
        {
            "platform": "xiaohongshu",
            "handle": f"xhs-{one['code']}",
            "display_name": one["name"],
            "domain": "public",
            "seat": "kos",
            "unit_code": one["unit_code"],
            "staff_code": one["code"],
            "status": "active",
        }
        for one in people
    ]
    await stage.bring_in("accounts", accounts)
    return stage


async def test_s4_a_wave_gives_every_seller_the_same_text_and_a_stop_halts_the_rest(
    world: World,
) -> None:
    stage = await set_up(world)
    everywhere: Json = {"target": {"platforms": ["XIAOHONGSHU"]}}
    first, second = CASE["wave"], CASE["second_wave"]

    wave = await stage.launch(first["template"], {**first["campaign"], **everywhere})
    await stage.hand_out(wave)
    out = await stage.posts()
    later = await stage.launch(second["template"], {**second["campaign"], **everywhere})
    await stage.stop(later, reason=second["reason"])

    assert len(out) == first["posts"]
    assert {post["status"] for post in out} == {"HANDED_OFF"}
    assert len({post["handoff"]["title"] for post in out}) == 1
    assert len({post["staff"]["id"] for post in out}) == first["posts"]
    known = {post["id"] for post in out}
    halted = [post for post in await stage.posts() if post["id"] not in known]
    assert len(halted) == first["posts"]
    assert {post["status"] for post in halted} == {"WITHDRAWN"}
    assert (await stage.ask(CAMPAIGN, id=later))["campaign"]["status"] == "STOPPED"


async def test_s4_a_small_store_wins_the_race_and_what_is_taken_back_moves_it(
    world: World,
) -> None:
    stage = await set_up(world)
    race = CASE["race"]
    await stage.do("setRacePolicy", race["rules"], "version")
    rule = {"trigger": "LEAD_ACCEPTED", "amount": race["points_a_lead"], "currency": "points"}
    await stage.do("setIncentiveRule", rule, "version")

    leads = {store: await _sell(stage, store, count) for store, count in race["leads"].items()}
    standings = await _standings(stage)
    assert list(standings) == race["ranking"]
    assert {code: each["league"] for code, each in standings.items()} == race["leagues"]

    found = (await stage.ask(SUSPICIONS))["suspicions"]["nodes"]
    assert [each["unit"]["code"] for each in found] == race["suspicions"]
    assert [reason["kind"] for reason in found[0]["reasons"]] == ["REPEATED_CONTACT"]
    taken = {"id": found[0]["entryId"], "outcome": "TAKEN_BACK", "reason": "同一客户重复留资"}
    await stage.do("reviewEntry", taken, "outcome", by=stage.acting(Role.COMPLIANCE))
    await stage.settle()
    after = await _standings(stage)
    assert list(after) == race["after_taking_back"]["ranking"]
    assert {code: each["points"] for code, each in after.items()} == race["after_taking_back"][
        "points"
    ]

    still_paid = [lead for lead in leads["SMALL"] if lead not in await _taken_back(stage)]
    for lead in still_paid[: race["voided"]]:
        await stage.do("voidLead", {"id": lead, "reason": "非真实客户"}, "status")
    await stage.settle()
    end = await _standings(stage)
    assert list(end) == race["after_voids"]["ranking"]
    assert {code: each["points"] for code, each in end.items()} == race["after_voids"]["points"]
    assert not end["SMALL"]["isEligible"]
    assert "voided" in end["SMALL"]["ineligibleBecause"]


async def test_s4_a_dealer_sees_suspicions_of_the_own_stores_alone(world: World) -> None:
    stage = await set_up(world)
    rule = {"trigger": "LEAD_ACCEPTED", "amount": 10, "currency": "points"}
    await stage.do("setIncentiveRule", rule, "version")
    await _sell(stage, "SMALL", 3)

    for dealer, expected in (("D2", ["SMALL"]), ("D1", [])):
        manager = stage.acting(Role.REGION_MANAGER, unit=dealer)
        found = (await stage.ask(SUSPICIONS, by=manager))["suspicions"]["nodes"]
        assert [each["unit"]["code"] for each in found] == expected


async def _sell(stage: Stage, store: str, count: int) -> list[str]:
    """So many leads of the store, accepted by whom they are offered to."""
    is_one_customer = store == CASE["race"]["same_customer"]
    leads = []
    for number in range(count):
        phone = "13900000000" if is_one_customer else f"139{len(store):04}{number:04}"
        lead_id = await stage.capture(
            name="客户", phone=phone, storeCode=store, product="骁途", leadId=f"{store}-{number}"
        )
        lead = (await stage.ask(LEAD, id=lead_id))["lead"]
        assert (lead["status"], lead["unit"]["code"]) == ("OFFERED", store)
        seller = stage.acting(Role.KOS, staff=lead["staff"]["code"])
        await stage.do("acceptLead", {"id": lead_id}, "status", by=seller)
        leads.append(lead_id)
    await stage.settle()
    return leads


async def _standings(stage: Stage) -> dict[str, Any]:
    """By the code of the store, in the order of the race."""
    found = (await stage.ask(RACE, period=f"{now():%Y-%m}"))["race"]
    return {each["store"]["code"]: each for each in found}


async def _taken_back(stage: Stage) -> set[str]:
    ledger = (await stage.ask("{ ledger(first: 50) { nodes { cause reversesId } } }"))["ledger"]
    return {each["cause"] for each in ledger["nodes"] if each["reversesId"]}
