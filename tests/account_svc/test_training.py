"""Courses and exams: what is shown when, how attempts are counted, what a passed one gives."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text

from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_staff, make_unit
from tests.account_svc.studying import (
    HALF_RIGHT,
    QUESTIONS,
    RIGHT,
    certify,
    instant,
    make_course,
    start,
    submit,
    take,
)
from tests.caller import Json, uuid_of


def as_seller(api: Api, staff: Json) -> Api:
    return api.acting(Role.KOS, staff_id=staff["id"])


async def test_a10_no_answer_of_the_service_holds_the_right_answers_before_the_grade(
    api: Api, seller: Json
) -> None:
    me = as_seller(api, seller)

    course = await make_course(api)
    attempt = await start(me, course, seller)
    failed = await submit(me, attempt, HALF_RIGHT)

    told = [
        course,
        attempt,
        await api.get("/courses"),
        await api.by_ids("/courses", course["id"]),
        await api.post(f"/courses/{course['id']}/revise", REVISION),
        await me.get("/exam-attempts"),
    ]
    assert "right_options': [" not in str(told)
    assert [each["text"] for each in attempt["questions"]] == [each["text"] for each in QUESTIONS]
    assert {each["is_right"] for each in attempt["questions"]} == {None}
    assert [each["is_right"] for each in failed["questions"]] == [True, False]


REVISION = {"name": "直播进阶", "questions": QUESTIONS, "validity_days": 10}


async def test_a10_the_server_grades_and_a_passed_exam_is_a_certificate(
    api: Api, seller: Json
) -> None:
    course = await make_course(api, validity_days=30)

    passed = await take(as_seller(api, seller), course, seller, RIGHT)

    (certificate,) = (await api.get("/certificates"))["items"]
    assert (passed["score_percent"], passed["right_answers"], passed["is_passed"]) == (100, 2, True)
    assert [each["right_options"] for each in passed["questions"]] == [[1], [0, 1]]
    assert certificate == {
        "id": certificate["id"],
        "staff_id": seller["id"],
        "course_id": course["id"],
        "attempt_id": passed["id"],
        "earned_at": passed["graded_at"],
        "expires_at": certificate["expires_at"],
    }
    assert instant(certificate["expires_at"]) - instant(passed["graded_at"]) == timedelta(days=30)
    assert [action for _, action, _ in await api.audited()][-2:] == ["exam.start", "exam.submit"]


@pytest.mark.parametrize(("pass_percent", "is_passed"), [(50, True), (51, False)])
async def test_a10_the_pass_mark_is_the_least_that_passes(
    api: Api, seller: Json, pass_percent: int, is_passed: bool
) -> None:
    course = await make_course(api, pass_percent=pass_percent)

    graded = await take(api, course, seller, HALF_RIGHT)

    assert (graded["score_percent"], graded["is_passed"]) == (50, is_passed)
    assert len((await api.get("/certificates"))["items"]) == int(is_passed)


async def test_a10_the_exam_comes_after_the_lessons_where_the_course_says_so(
    api: Api, graph: Graph, seller: Json
) -> None:
    lessons = [{"title": "开播前"}, {"title": "报价"}, {"title": "下播后"}]
    course = await make_course(api, lessons=lessons, lessons_first=True)
    me = as_seller(api, seller)
    path, body = f"/courses/{course['id']}/start-attempt", {"staff_id": seller["id"]}
    done = f"/courses/{course['id']}/complete-lesson"

    for lesson in (2, 0, 2):
        progress = await me.post(done, {**body, "lesson": lesson})
    refused = await me.refuse(path, body)
    unknown = await me.refuse(done, {**body, "lesson": 3})
    of_another = await api.acting(Role.KOS, staff_id=(await make_staff(api))["id"]).refuse(
        done, {**body, "lesson": 1}
    )
    read = await graph.ask(me.principal, COURSES, id=seller["id"])
    await me.post(done, {**body, "lesson": 1})
    begun = await me.post(path, body)

    assert (progress["lessons_done"], progress["lessons_left"]) == ([0, 2], 1)
    assert (refused["status"], refused["code"]) == (409, "lessons_left")
    assert refused["detail"] == "the exam comes after the lessons; left: 报价"
    assert (unknown["field"], unknown["code"]) == ("/lesson", "unknown_lesson")
    assert of_another["status"] == 404
    assert read["staffMember"]["courses"] == [
        {"courseId": course["id"], "lessonsDone": [0, 2], "lessonsLeft": 1, "attemptsLeft": 3}
    ]
    assert begun["course_id"] == course["id"]


async def test_a10_another_revision_has_other_lessons(api: Api, seller: Json) -> None:
    course = await make_course(api)
    done, body = f"/courses/{course['id']}/complete-lesson", {"staff_id": seller["id"]}
    await api.post(done, {**body, "lesson": 0})
    lessons = [{"title": "新一课"}, {"title": "新二课"}]
    await api.post(f"/courses/{course['id']}/revise", {**REVISION, "lessons": lessons})

    (before,) = await courses_of(api, seller)
    after = await api.post(done, {**body, "lesson": 1})

    assert (before["lessons_done"], before["lessons_left"]) == ([], 2)
    assert (after["lessons_done"], after["lessons_left"]) == ([1], 1)
    assert (await courses_of(api, seller))[0]["lessons_done"] == [1]


COURSES = """query($id: ID!) { staffMember(id: $id) {
  courses { courseId lessonsDone lessonsLeft attemptsLeft } } }"""


async def courses_of(api: Api, staff: Json) -> list[Json]:
    (item,) = (await api.post("/enrolments/by-staff", {"ids": [staff["id"]]}))["items"]
    found: list[Json] = item["courses"]
    return found


async def test_a10_attempts_are_counted_and_a_manager_lets_in_again(api: Api, seller: Json) -> None:
    course = await make_course(api, attempts_allowed=2)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(seller["unit_id"],))
    path, body = f"/courses/{course['id']}/start-attempt", {"staff_id": seller["id"]}
    for _ in range(2):
        await take(api, course, seller, HALF_RIGHT)

    refused = await api.refuse(path, body)
    reopened = await manager.post(
        f"/courses/{course['id']}/reopen-exam", {**body, "reason": "复训后"}
    )

    assert (refused["status"], refused["code"]) == (409, "attempts_exhausted")
    assert (reopened["attempts_left"], reopened["next_attempt_at"]) == (2, None)
    assert (await take(api, course, seller, RIGHT))["is_passed"]


async def test_a10_between_two_attempts_the_person_waits(api: Api, seller: Json) -> None:
    course = await make_course(api, wait_minutes=60)
    failed = await take(api, course, seller, HALF_RIGHT)
    path, body = f"/courses/{course['id']}/start-attempt", {"staff_id": seller["id"]}

    refused = await api.refuse(path, body)
    with time_machine.travel(now() + timedelta(minutes=60), tick=True):
        second = await api.post(path, body)

    may_begin_at = instant(failed["graded_at"]) + timedelta(minutes=60)
    assert refused["code"] == "attempt_too_early"
    assert may_begin_at.isoformat() in refused["detail"]
    assert second["graded_at"] is None


async def test_a10_one_attempt_at_a_time_and_each_is_graded_once(api: Api, seller: Json) -> None:
    course = await make_course(api)
    attempt = await start(api, course, seller)

    second = await api.refuse(f"/courses/{course['id']}/start-attempt", {"staff_id": seller["id"]})
    await submit(api, attempt, HALF_RIGHT)
    again = await api.refuse(f"/exam-attempts/{attempt['id']}/submit", {"answers": RIGHT})

    assert second["code"] == "attempt_open"
    assert attempt["id"] in second["detail"]
    assert again["code"] == "attempt_graded"


@pytest.mark.parametrize(
    ("answers", "field"),
    [([[1]], "/answers"), ([[1], [3]], "/answers/1"), ([[0, 0], [1]], "/answers/0")],
)
async def test_a10_answers_that_do_not_fit_are_refused_and_cost_nothing(
    api: Api, seller: Json, answers: list[list[int]], field: str
) -> None:
    attempt = await start(api, await make_course(api), seller)

    refused = await api.refuse(f"/exam-attempts/{attempt['id']}/submit", {"answers": answers})

    assert (refused["status"], refused["code"], refused["field"]) == (422, "wrong_answers", field)
    assert (await submit(api, attempt, RIGHT))["is_passed"]


async def test_a10_an_attempt_is_graded_by_the_questions_it_began_with(
    api: Api, seller: Json
) -> None:
    course = await make_course(api)
    attempt = await start(api, course, seller)
    other = [{**QUESTIONS[0], "right_options": [0]}]

    revised = await api.post(f"/courses/{course['id']}/revise", {**REVISION, "questions": other})

    graded = await submit(api, attempt, RIGHT)
    assert (revised["revision"], revised["question_count"]) == (2, 1)
    assert (graded["revision"], graded["is_passed"]) == (1, True)


async def test_a10_nobody_takes_the_exam_of_another_or_sees_their_answers(
    api: Api, seller: Json
) -> None:
    course = await make_course(api)
    colleague = await make_staff(api, {"id": seller["unit_id"]})
    other = as_seller(api, colleague)
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(seller["unit_id"],))
    both = replace(
        manager,
        principal=replace(
            manager.principal,
            roles=frozenset({Role.STORE_MANAGER, Role.KOS}),
            staff_id=uuid_of(colleague["id"]),
        ),
    )
    body = {"staff_id": seller["id"]}
    await take(as_seller(api, seller), course, seller, RIGHT)

    invisible = await other.refuse(f"/courses/{course['id']}/start-attempt", body)
    of_another = await both.refuse(f"/courses/{course['id']}/start-attempt", body)
    (seen,) = (await both.get("/exam-attempts"))["items"]

    assert (invisible["status"], of_another["status"]) == (404, 403)
    assert of_another["code"] == "exam_of_another"
    assert seen["is_passed"] is True
    assert {str(each["answer"]) + str(each["right_options"]) for each in seen["questions"]} == {
        "NoneNone"
    }


async def test_a10_who_departed_or_was_erased_earns_nothing_new(
    api: Api, seller: Json, sessions: Sessions
) -> None:
    course = await make_course(api)
    unit = await make_unit(api)
    erased = await make_staff(api, unit)
    begun = [await start(api, course, each) for each in (seller, erased)]
    await api.post(f"/staff/{seller['id']}/depart", {"reason": "离职"})
    async with brand_session(sessions, api.brand_id) as session:
        await session.execute(
            text("delete from data_key where subject_id = :id"), {"id": uuid_of(erased["id"])}
        )

    codes = [
        (await api.refuse(f"/exam-attempts/{attempt['id']}/submit", {"answers": RIGHT}))["code"]
        for attempt in begun
    ]
    again = await api.refuse(f"/courses/{course['id']}/start-attempt", {"staff_id": erased["id"]})

    assert codes == ["staff_departed", "staff_erased"]
    assert again["code"] == "staff_erased"
    assert (await api.get("/certificates"))["items"] == []


async def test_a10_renewing_in_time_extends_and_never_shortens(api: Api, seller: Json) -> None:
    course = await make_course(api, validity_days=30)
    first = await certify(api, course, seller)
    with time_machine.travel(now() + timedelta(days=20), tick=True):
        second = await certify(api, course, seller)
        await api.post(f"/courses/{course['id']}/revise", {**REVISION, "validity_days": 1})
        third = await certify(api, course, seller)

    assert instant(second["expires_at"]) - instant(second["earned_at"]) == timedelta(days=30)
    assert instant(second["expires_at"]) > instant(first["expires_at"])
    assert third["expires_at"] == second["expires_at"]


async def test_a10_courses_say_what_is_wrong_with_them(api: Api) -> None:
    course = await make_course(api)
    bad = {**QUESTIONS[0], "right_options": [3]}

    taken = await api.refuse("/courses", {**REVISION, "code": course["code"]})
    no_option = await api.refuse("/courses", {**REVISION, "code": "N", "questions": [bad]})

    assert (taken["code"], taken["field"]) == ("course_code_taken", "/code")
    assert (no_option["status"], no_option["field"]) == (422, "/questions/0")


async def test_a10_a_key_makes_starting_an_exam_repeatable(api: Api, seller: Json) -> None:
    course = await make_course(api)
    path, body = f"/courses/{course['id']}/start-attempt", {"staff_id": seller["id"]}

    first = await api.post(path, body, key="start-1")
    again = await api.post(path, body, key="start-1")

    assert first == again
    assert len((await api.get("/exam-attempts"))["items"]) == 1
