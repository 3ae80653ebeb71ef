"""S1, an electric-car brand in 1+X+N: what is missing, and a lead that finds its author."""

from pathlib import Path
from typing import Any

import yaml

from shared.access import Role
from tests.isolation.world import World
from tests.scenarios.stage import Json, Stage

CASE = yaml.safe_load((Path(__file__).parent / "case.yaml").read_text())

REPORT = """query($form: Domain!, $unit: ID) {
  layoutReport(layout: "one_x_n", form: $form, unitId: $unit) {
    wanted filled missing doubled orphaned withoutCandidate
    cities { city isGap } } }"""
SEATS = """query($unit: ID!) {
  layoutSeats(layout: "one_x_n", form: PUBLIC, unitId: $unit, state: MISSING, first: 20) {
    nodes { seat platform label unit { code } candidate { code } why } } }"""
ADVISERS = "query { advocates(first: 10) { nodes { name authorClass } } }"
LEAD = """query($id: ID!) { lead(id: $id) { status staff { code } unit { code } city
  post { id url } account { handle }
  decisions { tieBreak staff { code } explanation { kos manager }
    candidates { step isChosen staff { code } } } } }"""
EARNED = """query($staff: ID!) { ledger(staffId: $staff, first: 10) { nodes { amount cause } } }"""


async def set_up(world: World) -> Stage:
    stage = await Stage.open(world, CASE["brand"])
    await stage.bring_in("units", CASE["units"])
    await stage.bring_in("staff", CASE["staff"])
    root = (await stage.ask("{ units(first: 1, kind: BRAND) { nodes { code } } }"))["units"]
    code = root["nodes"][0]["code"]
    rows = [
        {**row, "unit_code": code if row["unit_code"] == "ROOT" else row["unit_code"]}
        for row in CASE["accounts"]
    ]
    await stage.bring_in("accounts", rows)
    return stage


async def test_s1_the_layout_names_what_is_missing_in_public_and_in_private(world: World) -> None:
    stage = await set_up(world)

    for form in ("public", "private"):
        expected = CASE["layout"][form]
        found = (await stage.ask(REPORT, form=form.upper()))["layoutReport"]
        assert {name: found[name] for name in expected} == expected, form
        if form == "public":
            gaps = [city["city"] for city in found["cities"] if city["isGap"]]
            assert gaps == CASE["layout"]["city_gaps"]
    for store, told in CASE["layout"]["missing_people"].items():
        seats = (await stage.ask(SEATS, unit=stage.units[store]))["layoutSeats"]["nodes"]
        people = [seat for seat in seats if seat["seat"] == "KOS"]
        assert {seat["unit"]["code"] for seat in people} == {store}
        assert len(people) == told["of"]
        proposed = [seat["candidate"]["code"] for seat in people if seat["candidate"]]
        assert proposed, store
        assert set(proposed) <= set(told["candidates"])
        assert all(seat["why"] for seat in people if seat["candidate"])


async def test_s1_a_region_sees_its_part_of_the_layout_alone(world: World) -> None:
    stage = await set_up(world)
    manager = stage.acting(Role.REGION_MANAGER, unit="HN")

    own = (await stage.ask(REPORT, by=manager, form="PUBLIC"))["layoutReport"]

    # one region on two platforms, one store with six seats
    assert (own["wanted"], own["filled"]) == (8, 0)


async def test_s1_a_lay_adviser_is_no_seller_and_has_a_class_of_their_own(world: World) -> None:
    stage = await set_up(world)
    told = CASE["adviser"]
    facts = {"unitId": stage.units["SH01"], "name": told["name"], "phone": told["phone"]}

    added = await stage.do("addAdvocate", facts, "id authorClass")
    for fact in told["history"]:
        given = {
            "id": added["id"],
            "kind": fact["kind"].upper(),
            "happenedOn": fact["happened_on"].isoformat(),
            "proof": fact["proof"],
        }
        await stage.do("recordRelation", given, "authorClass")

    (shown,) = (await stage.ask(ADVISERS))["advocates"]["nodes"]
    assert shown == {"name": told["name"], "authorClass": told["shows"]}
    assert told["name"] not in stage.staff


async def test_s1_a_lead_from_a_staff_note_reaches_its_author(world: World) -> None:
    stage = await set_up(world)
    author = CASE["note"]["author"]
    seller = stage.acting(Role.KOS, staff=author)
    rule = {"trigger": "LEAD_ACCEPTED", "amount": 20, "currency": "points"}
    await stage.do("setIncentiveRule", rule, "version")

    campaign = await stage.launch(CASE["note"]["template"], _campaign())
    await stage.hand_out(campaign)
    post = next(
        each for each in await stage.posts() if each["staff"] == {"id": stage.staff[author]}
    )
    url = await stage.publish_note(post, by=seller)
    lead_id = await stage.capture(postUrl=url, **CASE["lead"])
    offered = (await stage.ask(LEAD, id=lead_id))["lead"]
    await stage.do("acceptLead", {"id": lead_id}, "status", by=seller)
    await stage.settle()

    assert (offered["status"], offered["staff"]) == ("OFFERED", {"code": author})
    assert (offered["post"]["id"], offered["unit"]) == (post["id"], {"code": "HZ01"})
    (decision,) = offered["decisions"]
    chosen = [each for each in decision["candidates"] if each["isChosen"]]
    assert [(each["step"], each["staff"]["code"]) for each in chosen] == [("AUTHOR", author)]
    earned = (await stage.ask(EARNED, by=seller, staff=stage.staff[author]))["ledger"]["nodes"]
    assert earned == [{"amount": 20, "cause": lead_id}]


def _campaign() -> Json:
    target: Any = {"platforms": ["XIAOHONGSHU"]}
    return {**CASE["note"]["campaign"], "target": target}
