"""Skills through the gateway: assessed, compared with what is wanted, rolled up."""

from typing import Any

from shared.access import Role
from tests.isolation.brand import Brand
from tests.isolation.world import World

ASSESS = """mutation($input: AssessSkillsInput!) { assessSkills(input: $input) {
  ... on AssessedSkills { assessedAt staff { id } skills { skill score wanted gap } }
  ... on Problem { code message path } } }"""
WANT = """mutation($input: SetWantedProfileInput!) { setWantedProfile(input: $input) {
  ... on WantedProfile { persona { id } personaKind origin scores { tools } }
  ... on Problem { code message path } } }"""
READ = """query($staff: ID!, $unit: ID!) {
  staffMember(id: $staff) { talent { skill score wanted gap } }
  unit(id: $unit) { talent { skill people assessed peopleBelow medianScore lowerQuartileScore } }
  skillAssessments(staffId: $staff, skill: TOOLS) { nodes { score assessedBy staff { id } } } }"""
SIX = ("tools", "content", "productKnowledge", "sellingSense", "socialMedia", "wholeJourneyService")


async def test_a5_a_person_s_gaps_and_a_unit_s_are_read_in_one_query(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    brand = brands[0]
    east = brand.east
    manager, seller = (brand.acting(role, store=east) for role in (Role.STORE_MANAGER, Role.KOS))

    async def ask(who: Any, document: str, **variables: Any) -> Any:
        answer = (await world.ask(who, document, variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def ask_about_east(who: Any) -> Any:
        return await ask(who, READ, staff=east.staff, unit=east.unit)

    wanted = await ask(
        brand.admin,
        WANT,
        input={"personaId": brand.ids["persona"][0], "scores": dict.fromkeys(SIX, 90)},
    )
    assessed = await ask(manager, ASSESS, input={"staffId": east.staff, "scores": {"tools": 75}})
    refused = await ask(
        manager, ASSESS, input={"staffId": brand.west.staff, "scores": {"tools": 75}}
    )
    seen, own = await ask_about_east(manager), await ask_about_east(seller)

    tools = {"skill": "TOOLS", "score": 75, "wanted": 90, "gap": 15}
    assert wanted["setWantedProfile"] == {
        "persona": {"id": brand.ids["persona"][0]},
        "personaKind": None,
        "origin": "BRAND",
        "scores": {"tools": 90},
    }
    assert assessed["assessSkills"]["skills"][0] == tools
    assert refused["assessSkills"]["code"] == "staff_not_found"
    assert seen["staffMember"]["talent"][0] == own["staffMember"]["talent"][0] == tools
    assert seen["unit"]["talent"][0] == {
        "skill": "TOOLS",
        "people": 1,
        "assessed": 1,
        "peopleBelow": 1,
        "medianScore": 75.0,
        "lowerQuartileScore": 75.0,
    }
    assert own["unit"]["talent"] is None
    assert [each["score"] for each in seen["skillAssessments"]["nodes"]] == [75, 60]
