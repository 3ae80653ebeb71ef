"""Bodies of courses, attempts and certificates, and what of an exam each caller gets to see."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from pydantic import BaseModel, Field

from account_svc.models import Course, Enrolment, Exam, ExamAttempt
from account_svc.models.course_facts import Lesson, OptionPlace
from account_svc.models.facts import Facts
from account_svc.schemas.staff import Reason
from shared.access import Principal, Role
from shared.ids import AttemptId, CertificateId, CourseId, StaffId, typed


class StartAttemptIn(Facts):
    staff_id: StaffId


class CompleteLessonIn(Facts):
    staff_id: StaffId
    lesson: Annotated[int, Field(ge=0, le=99)]
    """Its place in the course, from 0."""


class SubmitAttemptIn(Facts):
    """By question the places of the chosen options, from 0."""

    answers: Annotated[
        list[Annotated[list[OptionPlace], Field(max_length=20)]], Field(max_length=200)
    ]


class ReopenExamIn(Facts):
    staff_id: StaffId
    reason: Reason


class CourseOut(BaseModel):
    """Its questions are shown in attempts alone."""

    id: CourseId
    code: str
    name: str
    lessons: list[Lesson]
    lessons_first: bool
    question_count: int
    pass_percent: int
    attempts_allowed: int
    wait_minutes: int
    validity_days: int
    revision: int
    revised_at: datetime


class AttemptQuestionOut(BaseModel):
    """`answer` and `is_right` are there once the attempt is graded, `right_options` once it is
    passed; all three for the person and head office alone."""

    text: str
    options: list[str]
    answer: list[int] | None
    is_right: bool | None
    right_options: list[int] | None


class AttemptOut(BaseModel):
    id: AttemptId
    staff_id: StaffId
    course_id: CourseId
    revision: int
    started_at: datetime
    graded_at: datetime | None
    pass_percent: int
    right_answers: int | None
    """How many."""
    score_percent: int | None
    is_passed: bool | None
    questions: list[AttemptQuestionOut]


class CourseProgressOut(BaseModel):
    """`next_attempt_at` is None where nothing has to be waited for."""

    course_id: CourseId
    lessons_done: list[int]
    """Places from 0, of the course as it is now."""
    lessons_left: int
    attempts_left: int
    next_attempt_at: datetime | None


class EnrolmentOut(CourseProgressOut):
    staff_id: StaffId


class StaffCoursesOut(BaseModel):
    staff_id: StaffId
    courses: list[CourseProgressOut]
    """Those that the person has begun."""


class CertificateOut(BaseModel):
    """It counts from `earned_at` until just before `expires_at`."""

    id: CertificateId
    staff_id: StaffId
    course_id: CourseId
    attempt_id: AttemptId
    earned_at: datetime
    expires_at: datetime


def course_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_COURSE in the shape of CourseOut."""
    return {**row, "id": typed("course", row["id"]), "lessons": orjson.loads(row["lessons"])}


def course_out(course: Course, exam: Exam) -> CourseOut:
    return CourseOut(
        id=course.id,
        code=course.code,
        name=course.name,
        lessons=[Lesson(**lesson) for lesson in course.lessons],
        lessons_first=course.lessons_first,
        question_count=len(exam.questions),
        pass_percent=exam.pass_percent,
        attempts_allowed=course.attempts_allowed,
        wait_minutes=course.wait_minutes,
        validity_days=course.validity_days,
        revision=course.revision,
        revised_at=course.revised_at,
    )


def attempt_json(row: asyncpg.Record, principal: Principal) -> dict[str, Any]:
    """A row of SELECT_ATTEMPT in the shape of AttemptOut."""
    shown = {
        **row,
        "id": typed("attempt", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "course_id": typed("course", row["course_id"]),
        "questions": _questions(
            orjson.loads(row["questions"]),
            None if row["answers"] is None else orjson.loads(row["answers"]),
            is_passed=bool(row["is_passed"]),
            shows_answers=_shows_answers(principal, row["staff_id"]),
        ),
    }
    del shown["answers"]
    return shown


def attempt_out(attempt: ExamAttempt, exam: Exam, principal: Principal) -> AttemptOut:
    questions = _questions(
        exam.questions,
        attempt.answers,
        is_passed=bool(attempt.is_passed),
        shows_answers=_shows_answers(principal, attempt.staff_id),
    )
    return AttemptOut(
        id=attempt.id,
        staff_id=attempt.staff_id,
        course_id=attempt.course_id,
        revision=exam.revision,
        started_at=attempt.started_at,
        graded_at=attempt.graded_at,
        pass_percent=exam.pass_percent,
        right_answers=attempt.right_answers,
        score_percent=attempt.score_percent,
        is_passed=attempt.is_passed,
        questions=[AttemptQuestionOut(**question) for question in questions],
    )


def _shows_answers(principal: Principal, staff_id: object) -> bool:
    """Colleagues who have yet to pass, a manager among them, learn nothing from another's exam."""
    return principal.staff_id == staff_id or Role.BRAND_ADMIN in principal.roles


def _questions(
    questions: list[dict[str, Any]],
    answers: list[list[int]] | None,
    *,
    is_passed: bool,
    shows_answers: bool,
) -> list[dict[str, Any]]:
    shown = []
    for place, question in enumerate(questions):
        right = question["right_options"]
        answer = answers[place] if answers is not None and shows_answers else None
        shown.append(
            {
                "text": question["text"],
                "options": question["options"],
                "answer": answer,
                "is_right": None if answer is None else set(answer) == set(right),
                "right_options": right if is_passed and answer is not None else None,
            }
        )
    return shown


def courses_json(staff_ids: list[UUID], rows: list[asyncpg.Record]) -> dict[str, dict[str, Any]]:
    """Rows of enrolments in the shape of StaffCoursesOut, by the person's typed id."""
    found: dict[str, dict[str, Any]] = {
        typed("staff", staff_id): {"staff_id": typed("staff", staff_id), "courses": []}
        for staff_id in staff_ids
    }
    for row in rows:
        progress = {name: value for name, value in row.items() if name != "staff_id"}
        progress["course_id"] = typed("course", row["course_id"])
        found[typed("staff", row["staff_id"])]["courses"].append(progress)
    return found


def enrolment_out(course: Course, enrolment: Enrolment) -> EnrolmentOut:
    done = enrolment.done_of(course)
    return EnrolmentOut(
        staff_id=enrolment.staff_id,
        course_id=enrolment.course_id,
        lessons_done=done,
        lessons_left=len(course.lessons) - len(done),
        attempts_left=max(0, course.attempts_allowed - enrolment.attempts_used),
        next_attempt_at=enrolment.next_attempt_at,
    )


def certificate_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_CERTIFICATE in the shape of CertificateOut."""
    return {
        **row,
        "id": typed("cert", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "course_id": typed("course", row["course_id"]),
        "attempt_id": typed("attempt", row["attempt_id"]),
    }
