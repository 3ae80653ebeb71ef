"""Lifting the middle: placed, gap, lesson, task, retest, and the figures that steer it."""

from datetime import datetime, timedelta

import pytest

from account_svc.models import period_before, period_bounds, period_of
from account_svc.use_cases.lift import PLACE, tier_timers
from shared.access import Role
from shared.clock import now
from shared.inbox import Inbox
from shared.timers import Due
from tests.account_svc.earning import accepted, deliver
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_account, make_persona, make_staff, make_unit
from tests.account_svc.studying import HALF_RIGHT, RIGHT, make_course, take
from tests.caller import Json

THIS_MONTH = period_of(now())
LAST_MONTH = period_before(THIS_MONTH)


def soon(days: int = 7) -> str:
    return (now() + timedelta(days=days)).isoformat()


async def sell(api: Api, inbox: Inbox, leads: dict[str, int], sellers: list[Json]) -> None:
    """How many leads each of the sellers accepted, by month."""
    for period, each in leads.items():
        at = period_bounds(period)[0] + timedelta(hours=12)
        facts = [
            accepted(seller, at=at)
            for seller, number in zip(sellers, _digits(each), strict=True)
            for _ in range(number)
        ]
        await deliver(api, inbox, *facts)


def _digits(number: int) -> list[int]:
    return [int(digit) for digit in str(number)]


async def make_team(api: Api, size: int = 5) -> tuple[Json, list[Json]]:
    store = await make_unit(api)
    persona = await make_persona(api)
    sellers = [await make_staff(api, store) for _ in range(size)]
    for seller in sellers:
        await make_account(api, seller, persona_id=persona["id"])
    return store, sellers


async def place(api: Api, period: str | None = None, **rules: object) -> Json:
    """The month as it is once the worker's timer has rung."""
    asked = await api.post("/tiers/place", {"period": period or THIS_MONTH, **rules})
    assert asked["placed_at"] is None
    await ring(api)
    return next(
        each for each in (await api.get("/tiers"))["items"] if each["period"] == asked["period"]
    )


async def ring(api: Api) -> datetime | None:
    """What the worker does when the timer rings."""
    due = Due(api.brand_id, PLACE, api.brand_id, now(), attempt=0)
    return await tier_timers(api.sessions)[PLACE](due)


async def tier(api: Api, seller: Json) -> str | None:
    (item,) = (await api.post("/tiers/by-staff", {"ids": [seller["id"]]}))["items"]
    found: str | None = item["placements"][0]["tier"]
    return found


async def assess(api: Api, seller: Json, **scores: int) -> None:
    await api.post("/skill-assessments", {"staff_id": seller["id"], "scores": scores})


async def teach(api: Api, skill: str) -> Json:
    course = await make_course(api)
    await api.post("/skill-courses", {"skill": skill, "course_id": course["id"]})
    return course


async def assign(api: Api, seller: Json, **body: object) -> Json:
    given = {"staff_id": seller["id"], "due_at": soon(), **body}
    return await api.post("/lift-tasks", given)


async def status(api: Api, task: Json) -> tuple[str, int]:
    (found,) = (await api.by_ids("/lift-tasks", task["id"]))["items"]
    return found["status"], found["retests"]


async def test_a13_people_are_placed_by_the_month_s_results_within_their_league(
    api: Api, inbox: Inbox
) -> None:
    small, few = await make_team(api, 4)
    _, many = await make_team(api, 5)
    await api.request(
        "PUT",
        "/race-policy",
        json={
            "leagues": [
                {"code": "small", "name": "小店"},
                {"code": "large", "name": "旗舰店", "min_sellers": 5},
            ]
        },
    )
    await sell(api, inbox, {THIS_MONTH: 1000}, few)
    await sell(api, inbox, {THIS_MONTH: 98732}, many)

    made = await place(api)

    assert (made["people"], made["metric"], made["top_percent"]) == (9, "leads_accepted", 20)
    assert [await tier(api, each) for each in few] == ["top", "middle", "middle", "middle"]
    assert [await tier(api, each) for each in many] == ["top", "middle", "middle", "middle", "tail"]
    (item,) = (await api.post("/tiers/by-staff", {"ids": [few[0]["id"]]}))["items"]
    assert item["placements"] == [
        {
            "period": THIS_MONTH,
            "metric": "leads_accepted",
            "league": "small",
            "result": 1,
            "skill": None,
            "score": 0.875,
            "tier": "top",
        }
    ]
    assert small["id"]


async def test_a13_a_unit_is_steered_by_median_lower_quartile_and_moves(
    api: Api, inbox: Inbox
) -> None:
    store, sellers = await make_team(api)
    await sell(api, inbox, {LAST_MONTH: 12345, THIS_MONTH: 52349}, sellers)
    await place(api, LAST_MONTH)
    newcomer = await make_staff(api, store)
    await place(api)
    await place(api)
    nothing_waits = await ring(api)

    (item,) = (await api.post("/tiers/by-units", {"ids": [store["id"]]}))["items"]

    assert item["periods"][0] == {
        "period": THIS_MONTH,
        "people": 6,
        "top": 1,
        "middle": 4,
        "tail": 1,
        "median_result": 3.5,
        "lower_quartile_result": 2.25,
        "moved_up": 1,
        "moved_down": 0,
        "stayed": 4,
        "came": 1,
    }
    assert item["periods"][1]["period"] == LAST_MONTH
    assert (item["periods"][1]["median_result"], item["periods"][1]["came"]) == (3.0, 5)
    assert await tier(api, newcomer) == "tail"
    assert nothing_waits is None


async def test_a13_a_gap_becomes_a_task_that_the_retest_closes(api: Api, inbox: Inbox) -> None:
    _, sellers = await make_team(api)
    tail = sellers[0]
    await sell(api, inbox, {THIS_MONTH: 12345}, sellers)
    await place(api)
    await assess(api, tail, content=50, selling_sense=20)
    course = await teach(api, "selling_sense")
    me = api.acting(Role.KOS, staff_id=tail["id"])

    task = await assign(api, tail)
    done = await me.post(f"/lift-tasks/{task['id']}/complete")
    await take(me, course, tail, HALF_RIGHT)
    reopened = await status(api, task)
    again = await me.post(f"/lift-tasks/{task['id']}/complete")
    await take(me, course, tail, RIGHT)

    assert (task["tier"], task["skill"], task["gap"]) == ("tail", "selling_sense", 60)
    assert (task["course_id"], task["status"]) == (course["id"], "assigned")
    assert (done["status"], reopened, again["status"]) == ("done", ("reopened", 1), "done")
    assert await status(api, task) == ("closed", 2)
    (attempt, _) = (await api.get("/exam-attempts", staff_id=tail["id"]))["items"]
    (closed,) = (await me.get("/lift-tasks", status="closed"))["items"]
    assert closed["attempt_id"] == attempt["id"]
    assert closed["closed_at"] == attempt["graded_at"]
    audited = [action for _, action, subject in await api.audited() if subject == task["id"]]
    assert audited == [
        "lift.assign",
        "lift.complete",
        "lift.retest",
        "lift.complete",
        "lift.retest",
    ]


async def test_a13_an_exam_that_began_before_the_task_is_no_retest(api: Api, inbox: Inbox) -> None:
    _, sellers = await make_team(api)
    await sell(api, inbox, {THIS_MONTH: 12345}, sellers)
    await place(api)
    await assess(api, sellers[1], tools=10)
    course = await teach(api, "tools")
    begun = await api.post(f"/courses/{course['id']}/start-attempt", {"staff_id": sellers[1]["id"]})

    task = await assign(api, sellers[1], skill="tools")
    await api.post(f"/exam-attempts/{begun['id']}/submit", {"answers": RIGHT})

    assert await status(api, task) == ("assigned", 0)


async def test_a13_who_is_not_to_be_lifted_or_has_no_gap_or_course_is_refused_by_that_fact(
    api: Api, inbox: Inbox
) -> None:
    _, sellers = await make_team(api)
    await sell(api, inbox, {THIS_MONTH: 12345}, sellers)
    middle = sellers[2]

    async def code(seller: Json, **body: object) -> str:
        given = {"staff_id": seller["id"], "due_at": soon(), **body}
        refused: str = (await api.refuse("/lift-tasks", given))["code"]
        return refused

    unplaced = await code(middle)
    await place(api)
    at_the_top = await code(sellers[4])
    without_gap = await code(middle)
    await assess(api, middle, content=10)
    without_course = await code(middle, skill="content")
    other_skill = await code(middle, skill="tools")
    overdue = await code(middle, due_at=soon(-1))
    await teach(api, "content")
    task = await assign(api, middle)
    twice = await code(middle)
    await api.post(f"/lift-tasks/{task['id']}/complete")
    done_twice = await api.refuse(f"/lift-tasks/{task['id']}/complete")

    assert (unplaced, at_the_top) == ("not_to_lift", "not_to_lift")
    assert (without_gap, other_skill) == ("no_gap", "no_gap")
    assert (without_course, overdue) == ("no_course_for_skill", "due_in_the_past")
    assert (twice, done_twice["code"]) == ("lift_open", "lift_not_open")


async def test_a13_a_month_to_come_is_not_placed(api: Api) -> None:
    problem = await api.refuse("/tiers/place", {"period": "2099-12"})

    assert (problem["status"], problem["code"], problem["field"]) == (
        422,
        "period_not_begun",
        "/period",
    )


async def test_a13_managers_lift_their_own_part(api: Api, inbox: Inbox) -> None:
    store, sellers = await make_team(api)
    other = await make_unit(api)
    await sell(api, inbox, {THIS_MONTH: 12345}, sellers)
    await place(api)
    await assess(api, sellers[0], tools=10)
    await teach(api, "tools")
    elsewhere = api.acting(Role.STORE_MANAGER, unit_ids=(other["id"],))
    here = api.acting(Role.STORE_MANAGER, unit_ids=(store["id"],))
    colleague = api.acting(Role.KOS, staff_id=sellers[1]["id"])

    refused = await elsewhere.refuse(
        "/lift-tasks", {"staff_id": sellers[0]["id"], "due_at": soon()}
    )
    task = await assign(here, sellers[0])

    assert refused["status"] == 404
    assert (await colleague.refuse(f"/lift-tasks/{task['id']}/complete"))["status"] == 404
    assert (await elsewhere.get("/lift-tasks"))["items"] == []
    assert (await colleague.get("/lift-tasks"))["items"] == []
    assert [each["id"] for each in (await here.get("/lift-tasks"))["items"]] == [task["id"]]
    assert (await colleague.post("/tiers/by-units", {"ids": [store["id"]]}))["items"] == []


@pytest.mark.parametrize(
    ("rules", "field"),
    [({"top_percent": 60, "tail_percent": 40}, "/"), ({"least_group": 0}, "/least_group")],
)
async def test_a13_rules_that_leave_no_middle_are_refused(
    api: Api, rules: Json, field: str
) -> None:
    refused = await api.refuse("/tiers/place", rules)

    assert refused["status"] == 422
    assert refused["field"] == field


ASK_TO_PLACE = """mutation($input: PlacePeopleInput!) { placePeople(input: $input) {
  ... on Tiering { period metric placedAt } ... on Problem { code } } }"""
TEACH = """mutation($input: SetSkillCourseInput!) { setSkillCourse(input: $input) {
  ... on SkillCourse { skill course { id } } ... on Problem { code } } }"""
ASSIGN = """mutation($input: AssignLiftInput!) { assignLift(input: $input) {
  ... on LiftTask { id skill gap status course { id } } ... on Problem { code message } } }"""
COMPLETE = """mutation($input: CompleteLiftInput!) { completeLift(input: $input) {
  ... on LiftTask { status } ... on Problem { code } } }"""
READ = """query($unit: ID!, $staff: ID!) {
  tierings { period people topPercent }
  unit(id: $unit) { lift { period people top middle tail medianResult lowerQuartileResult } }
  staffMember(id: $staff) { placements { period tier league result } }
  liftTasks(first: 5, unitId: $unit) { nodes { status isOverdue staff { id } retest { id } } } }"""


async def test_a13_the_whole_way_through_the_gateway(api: Api, graph: Graph, inbox: Inbox) -> None:
    store, sellers = await make_team(api)
    await sell(api, inbox, {THIS_MONTH: 12345}, sellers)
    await assess(api, sellers[0], tools=10)
    course = await make_course(api)
    admin = api.principal
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(store["id"],)).principal
    me = api.acting(Role.KOS, staff_id=sellers[0]["id"])

    placed = await graph.ask(admin, ASK_TO_PLACE, input={"metric": "LEADS_ACCEPTED"})
    await ring(api)
    taught = await graph.ask(admin, TEACH, input={"skill": "TOOLS", "courseId": course["id"]})
    given = {"staffId": sellers[0]["id"], "dueAt": soon()}
    task = (await graph.ask(manager, ASSIGN, input=given))["assignLift"]
    top = await graph.ask(manager, ASSIGN, input={**given, "staffId": sellers[4]["id"]})
    done = await graph.ask(me.principal, COMPLETE, input={"id": task["id"]})
    await take(me, course, sellers[0], RIGHT)
    found = await graph.ask(manager, READ, unit=store["id"], staff=sellers[0]["id"])

    assert placed["placePeople"] == {
        "period": THIS_MONTH,
        "metric": "LEADS_ACCEPTED",
        "placedAt": None,
    }
    assert taught["setSkillCourse"] == {"skill": "TOOLS", "course": {"id": course["id"]}}
    assert (task["skill"], task["gap"], task["course"]) == ("TOOLS", 50, {"id": course["id"]})
    assert top["assignLift"]["message"].startswith("the person is placed at the top")
    assert done["completeLift"] == {"status": "DONE"}
    assert found["tierings"] == [{"period": THIS_MONTH, "people": 5, "topPercent": 20}]
    assert found["unit"]["lift"] == [
        {
            "period": THIS_MONTH,
            "people": 5,
            "top": 1,
            "middle": 3,
            "tail": 1,
            "medianResult": 3.0,
            "lowerQuartileResult": 2.0,
        }
    ]
    assert found["staffMember"]["placements"] == [
        {"period": THIS_MONTH, "tier": "TAIL", "league": "all", "result": 1}
    ]
    (shown,) = found["liftTasks"]["nodes"]
    assert (shown["status"], shown["staff"]) == ("CLOSED", {"id": sellers[0]["id"]})
    assert shown["retest"] is not None
