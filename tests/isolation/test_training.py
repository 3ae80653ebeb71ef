"""Certificates through the gateway: from the course over the exam to who may take a lead."""

from datetime import timedelta
from typing import Any

import time_machine

from account_svc.use_cases.rights import EXPIRY, SPREAD, right_timers
from shared.access import Principal, Role
from shared.clock import now
from shared.ids import typed
from shared.timers import Due
from tests.isolation.brand import Brand, uuid_of
from tests.isolation.given_rest import QUESTIONS
from tests.isolation.world import World

Json = dict[str, Any]

ADD_COURSE = """mutation($input: AddCourseInput!) { addCourse(input: $input) {
  ... on Course { id code name questionCount } ... on Problem { code message path } } }"""
REQUIRE = """mutation($input: RequireCoursesInput!) { requireCourses(input: $input) {
  ... on RightRequirement { right version courseIds } ... on Problem { code message } } }"""
START = """mutation($input: StartExamInput!) { startExam(input: $input) {
  ... on ExamAttempt { id course { code } questions { text options answer isRight rightOptions } }
  ... on Problem { code message path } } }"""
SUBMIT = """mutation($input: SubmitExamInput!) { submitExam(input: $input) {
  ... on ExamAttempt { isPassed scorePercent staff { id } questions { rightOptions } }
  ... on Problem { code message path } } }"""
CHECK = """query($staff: ID!, $at: DateTime) {
  checkRight(staffId: $staff, right: HANDLING_LEADS, at: $at) {
    isHeld expiresAt denial { code message courses { courseId code name cause expiredAt } } }
  staffMember(id: $staff) { rights { right isHeld } } }"""
CERTIFICATES = """query($staff: ID!, $course: ID!) {
  certificates(staffId: $staff, courseId: $course) { nodes { id expiresAt course { code } } } }"""
POLICY = """mutation($input: SetRoutingPolicyInput!) { setRoutingPolicy(input: $input) {
  ... on RoutingPolicy { requiredRight } ... on Problem { code message path } } }"""


async def ask(world: World, who: Principal, document: str, **variables: Any) -> Json:
    answer = (await world.ask(who, document, variables)).json()
    assert "errors" not in answer, answer
    found: Json = answer["data"]
    return found


async def command(world: World, who: Principal, document: str, **values: Any) -> Json:
    (found,) = (await ask(world, who, document, input=values)).values()
    result: Json = found
    return result


async def require(world: World, brand: Brand, *course_ids: str) -> Json:
    made = await command(
        world, brand.admin, REQUIRE, right="HANDLING_LEADS", courseIds=list(course_ids)
    )
    async with world.database("account") as connection:
        subject = await connection.fetchval(
            "select subject_id from timer where brand_id = $1 and kind = $2 order by due_at desc",
            brand.id,
            SPREAD,
        )
    await ring(world, brand, SPREAD, typed("requirement", subject))
    return made


async def ring(world: World, brand: Brand, kind: str, typed_id: str) -> None:
    """What account_svc's worker does when the timer rings, and what follows from it."""
    timers = right_timers(world.sessions["account"])
    await timers[kind](Due(brand.id, kind, uuid_of(typed_id), now(), attempt=0))
    await world.settle(brand.id)


async def lead_from_a_post(world: World, brand: Brand, number: int) -> tuple[str, Json]:
    """How the lead ended, and why each seller that was looked at was passed over."""
    told = {
        "lead_id": f"certified-{number}",
        "phone": f"1390000000{number}",
        "post_url": brand.words["post_url_east"],
    }
    made = await world.send("lead", brand.admin, "POST", "/leads", json=told)
    await world.settle(brand.id)
    decisions = await world.send(
        "lead", brand.admin, "GET", f"/leads/{made.json()['id']}/decisions"
    )
    (decision,) = decisions.json()["items"]
    causes = {
        each["staff_id"]: each["rejected_because"]
        for each in decision["candidates"]
        if each["rejected_because"] != "not_a_seller"
    }
    return decision["outcome"], causes


async def test_a10_leads_go_to_who_is_certified_and_stop_when_the_certificate_expires(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    brand = brands[0]
    east = brand.east.staff
    seller = brand.acting(Role.KOS, store=brand.east)
    course = await command(
        world,
        brand.admin,
        ADD_COURSE,
        code="L1",
        name="接待线索",
        questions=[
            {"text": each["text"], "options": each["options"], "rightOptions": [1]}
            for each in QUESTIONS
        ],
        validityDays=30,
    )
    required = await require(world, brand, course["id"])
    policy = await command(
        world,
        brand.admin,
        POLICY,
        steps=["AUTHOR", "STORE"],
        offerMinutesByGrade=dict.fromkeys("ABCD", 30),
        maxOffers=3,
        requiredRight="HANDLING_LEADS",
    )

    nobody = await lead_from_a_post(world, brand, 1)
    attempt = await command(world, seller, START, id=course["id"], staffId=east)
    passed = await command(world, seller, SUBMIT, id=attempt["id"], answers=[[1]])
    await world.settle(brand.id)
    to_east = await lead_from_a_post(world, brand, 2)
    held = await ask(world, seller, CHECK, staff=east)
    page = await ask(world, seller, CERTIFICATES, staff=east, course=course["id"])
    (certificate,) = page["certificates"]["nodes"]
    end = certificate["expiresAt"]
    closed = await ask(world, seller, CHECK, staff=east, at=end)
    with time_machine.travel(now() + timedelta(days=30), tick=True):
        world.service_tokens.forget()
        late = await lead_from_a_post(world, brand, 3)
        await ring(world, brand, EXPIRY, east)
        told = world.announced[brand.id][-1].type
    world.service_tokens.forget()

    assert (required["version"], policy["requiredRight"]) == (1, "handling_leads")
    assert nobody == ("pooled", {east: "uncertified"})
    assert attempt["questions"] == [
        {"text": "x", "options": ["x", "y"], "answer": None, "isRight": None, "rightOptions": None}
    ]
    assert (passed["isPassed"], passed["questions"]) == (True, [{"rightOptions": [1]}])
    assert to_east == ("offered", {east: None})
    assert held["checkRight"] == {"isHeld": True, "expiresAt": end, "denial": None}
    assert {"right": "HANDLING_LEADS", "isHeld": True} in held["staffMember"]["rights"]
    denial = closed["checkRight"]["denial"]
    assert denial["code"] == "certificate_missing"
    assert "L1 (接待线索), expired at" in denial["message"]
    assert denial["courses"] == [
        {
            "courseId": course["id"],
            "code": "L1",
            "name": "接待线索",
            "cause": "EXPIRED",
            "expiredAt": end,
        }
    ]
    assert late == ("pooled", {east: "uncertified"})
    assert told == "kos.staff.certificate_expired.v1"
