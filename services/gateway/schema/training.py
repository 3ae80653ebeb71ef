"""Courses, exams, certificates, and which rights need them (account_svc)."""

from http import HTTPStatus
from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, is_id
from gateway.relations import to_one
from gateway.rows import Kind, read_items, read_one, resource
from gateway.schema.accounts import STAFF, Staff
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_for, run_on, send
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.rights import RightState
from gateway.schema.scalars import Instant
from gateway.upstream import Refused, Service
from shared.events.account import Right


@strawberry.type
class Lesson:
    title: str
    body: str


@resource
class Course(Node):
    code: str
    name: str
    lessons: list[Lesson]
    lessons_first: bool = strawberry.field(
        description="The exam begins only after every lesson was worked through."
    )
    question_count: int
    pass_percent: int
    attempts_allowed: int
    wait_minutes: int
    validity_days: int
    revision: int
    revised_at: Instant


@strawberry.type(description="A question as this attempt had it; answers are places from 0.")
class ExamQuestion:
    text: str
    options: list[str]
    answer: list[int] | None = strawberry.field(
        description="For the person and head office, once the attempt is graded."
    )
    is_right: bool | None
    right_options: list[int] | None = strawberry.field(
        description="For the person and head office, once the attempt is passed."
    )


@resource
class ExamAttempt(Node):
    revision: int = strawberry.field(description="Of the course, when the attempt began.")
    started_at: Instant
    graded_at: Instant | None
    pass_percent: int
    right_answers: int | None
    score_percent: int | None
    is_passed: bool | None
    questions: list[ExamQuestion]
    staff_id: strawberry.Private[str | None]
    course_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    course: Course | None = to_one("course_id", "course")


@resource
class Certificate(Node):
    earned_at: Instant
    expires_at: Instant = strawberry.field(description="From this instant it no longer counts.")
    staff_id: strawberry.Private[str | None]
    course_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    course: Course | None = to_one("course_id", "course")


@resource
class Enrolment:
    lessons_done: list[int] = strawberry.field(
        description="Places from 0, of the course as it is now."
    )
    lessons_left: int
    attempts_left: int
    next_attempt_at: Instant | None
    staff_id: strawberry.Private[str | None]
    course_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    course: Course | None = to_one("course_id", "course")


@resource
class RightRequirement:
    right: Right
    version: int
    course_ids: list[strawberry.ID]
    valid_from: Instant | None


COURSES = Kind("course", Course, Service.ACCOUNT, "/courses")
ATTEMPTS = Kind("attempt", ExamAttempt, Service.ACCOUNT, "/exam-attempts")
CERTIFICATES = Kind("cert", Certificate, Service.ACCOUNT, "/certificates")

CourseResult: TypeAlias = Annotated[Course | Refusal, strawberry.union("CourseResult")]
ExamAttemptResult: TypeAlias = Annotated[
    ExamAttempt | Refusal, strawberry.union("ExamAttemptResult")
]
EnrolmentResult: TypeAlias = Annotated[Enrolment | Refusal, strawberry.union("EnrolmentResult")]
RightRequirementResult: TypeAlias = Annotated[
    RightRequirement | Refusal, strawberry.union("RightRequirementResult")
]


@strawberry.input
class LessonInput:
    title: str
    body: str | None = None


@strawberry.input
class QuestionInput:
    text: str
    options: list[str]
    right_options: list[int] = strawberry.field(description="Places among the options, from 0.")


@strawberry.input
class AddCourseInput(Command):
    code: str
    name: str
    lessons: list[LessonInput] | None = None
    lessons_first: bool | None = None
    questions: list[QuestionInput]
    validity_days: int
    pass_percent: int | None = None
    attempts_allowed: int | None = None
    wait_minutes: int | None = None


@strawberry.input
class ReviseCourseInput(OnOne):
    name: str
    lessons: list[LessonInput] | None = None
    lessons_first: bool | None = None
    questions: list[QuestionInput]
    validity_days: int
    pass_percent: int | None = None
    attempts_allowed: int | None = None
    wait_minutes: int | None = None


@strawberry.input
class CompleteLessonInput(OnOne):
    staff_id: strawberry.ID
    lesson: int = strawberry.field(description="Its place in the course, from 0.")


@strawberry.input
class StartExamInput(OnOne):
    staff_id: strawberry.ID


@strawberry.input
class SubmitExamInput(OnOne):
    answers: list[list[int]] = strawberry.field(
        description="By question the places of the chosen options, from 0."
    )


@strawberry.input
class ReopenExamInput(OnOneWithReason):
    staff_id: strawberry.ID


@strawberry.input
class RequireCoursesInput(Command):
    right: Right
    course_ids: list[strawberry.ID]


@strawberry.type
class TrainingQuery:
    @strawberry.field
    async def courses(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Course] | None:
        return await connection(info, COURSES, first, after)

    @described("Attempts at exams, newest first.")
    async def exam_attempts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        course_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[ExamAttempt] | None:
        filters = {"staff_id": staff_id, "course_id": course_id, "unit_id": unit_id}
        return await connection(info, ATTEMPTS, first, after, filters)

    @described("Newest first, those that have expired as well.")
    async def certificates(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        course_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[Certificate] | None:
        filters = {"staff_id": staff_id, "course_id": course_id, "unit_id": unit_id}
        return await connection(info, CERTIFICATES, first, after, filters)

    @described("What each right needs now.")
    async def right_requirements(self, info: Info) -> list[RightRequirement] | None:
        return read_items(RightRequirement, await info.context.get(Service.ACCOUNT, "/rights"))

    @described("May this person do it at that instant, or now? A denial names the courses.")
    async def check_right(
        self, info: Info, staff_id: strawberry.ID, right: Right, at: Instant | None = None
    ) -> RightState | None:
        if not is_id(staff_id, STAFF.prefix):
            return None
        asked = {"staff_id": staff_id, "right": right, "at": at}
        try:
            answer = await info.context.ask(Service.ACCOUNT, "/rights/check", asked)
        except Refused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return read_one(RightState, answer)


@strawberry.type
class TrainingMutation:
    @verb("The right answers are taken in and never shown before an attempt is graded.")
    async def add_course(self, info: Info, input: AddCourseInput) -> CourseResult:
        return await run(info, COURSES, input)

    @verb("A new revision; attempts that have begun keep their questions.")
    async def revise_course(self, info: Info, input: ReviseCourseInput) -> CourseResult:
        return await run_on(info, COURSES, input, "revise")

    @verb("The person has worked through a lesson of the course; once more changes nothing.")
    async def complete_lesson(self, info: Info, input: CompleteLessonInput) -> EnrolmentResult:
        return await run_for(info, COURSES, input, "complete-lesson", Enrolment)

    @verb("Begin an attempt at the course's exam: it counts from now on, and shows the questions.")
    async def start_exam(self, info: Info, input: StartExamInput) -> ExamAttemptResult:
        return await run_for(info, COURSES, input, "start-attempt", ExamAttempt)

    @verb("The answers are graded; a passed exam gives a certificate.")
    async def submit_exam(self, info: Info, input: SubmitExamInput) -> ExamAttemptResult:
        return await run_on(info, ATTEMPTS, input, "submit")

    @verb("Let a person in again who has used up their attempts at the course's exam.")
    async def reopen_exam(self, info: Info, input: ReopenExamInput) -> EnrolmentResult:
        return await run_for(info, COURSES, input, "reopen-exam", Enrolment)

    @verb("From now on the right needs a certificate of each of these courses.")
    async def require_courses(
        self, info: Info, input: RequireCoursesInput
    ) -> RightRequirementResult:
        return await send(info, Service.ACCOUNT, "/rights", RightRequirement, input)
