"""Six skills against what personas want, of people and up the tree."""

from typing import Any

import pytest

from account_svc.models import PersonaKind
from account_svc.models.talent import DEFAULT_PROFILES, Skill
from shared.access import Role
from tests.account_svc.making import Api, make_account, make_persona, make_staff, make_unit
from tests.caller import Json


async def assess(api: Api, staff: Json, **scores: int) -> Json:
    return await api.post("/skill-assessments", {"staff_id": staff["id"], "scores": scores})


async def play(api: Api, staff: Json, **persona: Any) -> Json:
    """The persona that the person plays from now on, on an account of their own."""
    made = await make_persona(api, **persona)
    await make_account(api, staff, persona_id=made["id"])
    return made


async def want(api: Api, score: int, **of: str) -> Json:
    return await api.post("/wanted-profiles", {**of, "scores": dict.fromkeys(Skill, score)})


async def profile(api: Api, staff: Json) -> dict[str, Json]:
    (item,) = (await api.post("/talent/by-staff", {"ids": [staff["id"]]}))["items"]
    return {each["skill"]: each for each in item["skills"]}


async def unit_profile(api: Api, unit: Json) -> dict[str, Json]:
    (item,) = (await api.post("/talent/by-units", {"ids": [unit["id"]]}))["items"]
    return {each["skill"]: each for each in item["skills"]}


async def test_a5_a_profile_has_all_six_skills_and_the_gaps_to_the_default(
    api: Api, seller: Json
) -> None:
    await play(api, seller, kind="topic_expert")

    answer = await assess(api, seller, content=60, tools=90)

    found = await profile(api, seller)
    wanted = DEFAULT_PROFILES[PersonaKind.TOPIC_EXPERT]
    assert [each["skill"] for each in answer["skills"]] == list(Skill)
    assert {skill: each["wanted"] for skill, each in found.items()} == wanted
    assert (found["content"]["score"], found["content"]["gap"]) == (60, 25)
    assert (found["tools"]["score"], found["tools"]["gap"]) == (90, 0)
    assert (found["social_media"]["score"], found["social_media"]["gap"]) == (None, None)


async def test_a5_a_persona_s_own_profile_counts_before_its_kind_s_and_that_before_the_default(
    api: Api, seller: Json
) -> None:
    persona = await play(api, seller)
    by_default = (await profile(api, seller))["tools"]["wanted"]

    await want(api, 40, persona_kind="shopping_assistant")
    by_kind = (await profile(api, seller))["tools"]["wanted"]
    await want(api, 55, persona_id=persona["id"])
    await want(api, 50, persona_id=persona["id"])

    assert (by_default, by_kind) == (60, 40)
    assert (await profile(api, seller))["tools"]["wanted"] == 50
    profiles = (await api.get("/wanted-profiles"))["items"]
    assert [(each["persona_kind"], each["origin"]) for each in profiles] == [
        ("shopping_assistant", "brand"),
        (None, "brand"),
        ("topic_expert", "default"),
        ("private_partner", "default"),
    ]


async def test_a5_who_plays_two_personas_fits_both_and_a_retired_account_wants_nothing(
    api: Api, seller: Json
) -> None:
    await want(api, 80, persona_kind="private_partner")
    await play(api, seller)
    partner = await make_persona(api, kind="private_partner")
    account = await make_account(api, seller, persona_id=partner["id"])

    both = (await profile(api, seller))["tools"]["wanted"]
    await api.post(f"/accounts/{account['id']}/retire", {"reason": "停用"})

    assert both == 80
    assert (await profile(api, seller))["tools"]["wanted"] == 60


async def test_a5_who_plays_no_persona_has_scores_and_no_gaps(api: Api, seller: Json) -> None:
    await assess(api, seller, tools=10)

    tools = (await profile(api, seller))["tools"]

    assert (tools["score"], tools["wanted"], tools["gap"]) == (10, None, None)
    assert (await unit_profile(api, {"id": seller["unit_id"]}))["tools"]["people"] == 0


async def test_a5_the_history_keeps_who_saw_what_and_when(api: Api, seller: Json) -> None:
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(seller["unit_id"],))
    await assess(manager, seller, tools=40)
    await assess(api, seller, tools=55)

    history = (await api.get("/skill-assessments", staff_id=seller["id"], skill="tools"))["items"]

    assert [(each["score"], each["assessed_by"]) for each in history] == [
        (55, "test-admin"),
        (40, "test-store_manager"),
    ]
    assert (await profile(api, seller))["tools"]["assessed_at"] == history[0]["assessed_at"]
    assert (await api.audited())[-1][1:] == ("skill.assess", seller["id"])


async def test_a5_units_roll_up_by_median_and_lower_quartile(api: Api) -> None:
    region = await make_unit(api, kind="region")
    stores = [await make_unit(api, region) for _ in range(2)]
    await want(api, 60, persona_kind="shopping_assistant")
    persona = await make_persona(api)
    for store, scores in zip(stores, ([20, 40, 60], [80, 100]), strict=True):
        for score in scores:
            staff = await make_staff(api, store)
            await make_account(api, staff, persona_id=persona["id"])
            await assess(api, staff, tools=score)
    unassessed = await make_staff(api, stores[0])
    await make_account(api, unassessed, persona_id=persona["id"])
    gone = await make_staff(api, stores[0])
    await make_account(api, gone, persona_id=persona["id"])
    await assess(api, gone, tools=0)
    await api.post(f"/staff/{gone['id']}/depart", {"reason": "离职"})

    of_store = (await unit_profile(api, stores[0]))["tools"]
    of_region = (await unit_profile(api, region))["tools"]

    assert of_store == {
        "skill": "tools",
        "people": 4,
        "assessed": 3,
        "people_below": 2,
        "median_score": 40.0,
        "lower_quartile_score": 30.0,
        "median_wanted": 60.0,
        "median_gap": 20.0,
    }
    assert (of_region["people"], of_region["assessed"], of_region["people_below"]) == (6, 5, 2)
    assert (of_region["median_score"], of_region["lower_quartile_score"]) == (60.0, 40.0)


async def test_a5_an_empty_unit_has_no_figures(api: Api) -> None:
    found = await unit_profile(api, await make_unit(api))

    assert list(found) == list(Skill)
    assert (found["tools"]["people"], found["tools"]["median_score"]) == (0, None)


async def test_a5_managers_see_their_part_and_sellers_themselves(api: Api, seller: Json) -> None:
    other = await make_staff(api)
    await assess(api, other, tools=10)
    await assess(api, seller, tools=20)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(seller["unit_id"],))
    me = api.acting(Role.KOS, staff_id=seller["id"])

    seen = await manager.post("/talent/by-staff", {"ids": [seller["id"], other["id"]]})
    my_unit = await me.post("/talent/by-units", {"ids": [seller["unit_id"]]})

    assert [item["staff_id"] for item in seen["items"]] == [seller["id"]]
    assert seen["missing"] == [other["id"]]
    assert my_unit == {"items": [], "missing": [seller["unit_id"]]}
    assert len((await me.get("/skill-assessments"))["items"]) == 1
    refused = await manager.refuse(
        "/skill-assessments", {"staff_id": other["id"], "scores": {"tools": 1}}
    )
    assert refused["status"] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scores": {"tools": 101}}, "/scores/tools"),
        ({"scores": {"cooking": 1}}, "/scores/cooking/[key]"),
        ({"scores": {}}, "/scores"),
    ],
)
async def test_a5_scores_out_of_bounds_are_refused(
    api: Api, seller: Json, body: Json, field: str
) -> None:
    refused = await api.refuse("/skill-assessments", {"staff_id": seller["id"], **body})

    assert (refused["status"], refused["field"]) == (422, field)


async def test_a5_a_wanted_profile_is_of_a_kind_or_of_one_persona(api: Api, other_api: Api) -> None:
    scores = dict.fromkeys(Skill, 50)
    foreign = await make_persona(other_api)

    of_none = await api.refuse("/wanted-profiles", {"scores": scores})
    unknown = await api.refuse("/wanted-profiles", {"persona_id": foreign["id"], "scores": scores})

    assert of_none["status"] == 422
    assert (unknown["code"], unknown["field"]) == ("unknown_persona", "/persona_id")


async def test_a5_who_departed_is_not_assessed(api: Api, seller: Json) -> None:
    await api.post(f"/staff/{seller['id']}/depart", {"reason": "离职"})

    refused = await api.refuse(
        "/skill-assessments", {"staff_id": seller["id"], "scores": {"tools": 1}}
    )

    assert refused["code"] == "staff_departed"
