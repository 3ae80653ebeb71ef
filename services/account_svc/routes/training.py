"""Courses, attempts at exams and certificates over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models.course_facts import CourseContent, CourseFacts
from account_svc.repository import training as repository
from account_svc.schemas.training import (
    AttemptOut,
    CertificateOut,
    CompleteLessonIn,
    CourseOut,
    EnrolmentOut,
    ReopenExamIn,
    StaffCoursesOut,
    StartAttemptIn,
    SubmitAttemptIn,
    attempt_json,
    attempt_out,
    certificate_json,
    course_json,
    course_out,
    courses_json,
    enrolment_out,
)
from account_svc.use_cases import training as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import AttemptId, CourseId, StaffId, UnitId
from shared.reading import batch_of, fetch_by_ids, fetch_page, page_of
from shared.web import (
    Batch,
    ByIds,
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    json_response,
)

reads = APIRouter(tags=["training"], route_class=ReadRoute)
commands = APIRouter(tags=["training"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayReadCourses = Annotated[Principal, Depends(MATRIX.allow("course.read"))]
MayReadExams = Annotated[Principal, Depends(MATRIX.allow("exam.read"))]
MayReadCertificates = Annotated[Principal, Depends(MATRIX.allow("certificate.read"))]
MayTakeExams = Annotated[Principal, Depends(MATRIX.allow("exam.take"))]


@reads.get("/courses", response_model=Page[CourseOut])
async def list_courses(
    request: Request, principal: MayReadCourses, cursor: CursorQuery
) -> Response:
    """Newest first."""
    conditions = repository.all_courses(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_COURSE, conditions, cursor)
    return json_response(page_of(rows, has_next, course_json))


@reads.post("/courses/by-ids", response_model=Batch[CourseOut])
async def get_courses(request: Request, principal: MayReadCourses, body: ByIds) -> Response:
    ids = body.uuids("course")
    conditions = repository.all_courses(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_COURSE, conditions, ids)
    return json_response(batch_of(rows, "course", ids, course_json))


@commands.post("/courses", status_code=201, response_model=CourseOut)
async def add_course(
    body: CourseFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("course.add"))],
) -> CourseOut:
    return course_out(*await use_cases.add_course(session, principal, body))


@commands.post("/courses/{course_id}/revise", response_model=CourseOut)
async def revise_course(
    course_id: CourseId,
    body: CourseContent,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("course.revise"))],
) -> CourseOut:
    return course_out(*await use_cases.revise_course(session, principal, course_id, body))


@commands.post("/courses/{course_id}/start-attempt", status_code=201, response_model=AttemptOut)
async def start_attempt(
    course_id: CourseId, body: StartAttemptIn, session: Transaction, principal: MayTakeExams
) -> AttemptOut:
    """The questions, without the right answers. It counts as an attempt from now on."""
    attempt, exam = await use_cases.start_attempt(session, principal, course_id, body.staff_id)
    return attempt_out(attempt, exam, principal)


@commands.post("/courses/{course_id}/complete-lesson", response_model=EnrolmentOut)
async def complete_lesson(
    course_id: CourseId, body: CompleteLessonIn, session: Transaction, principal: MayTakeExams
) -> EnrolmentOut:
    """The person has worked through a lesson of the course; once more changes nothing."""
    return enrolment_out(
        *await use_cases.complete_lesson(session, principal, course_id, body.staff_id, body.lesson)
    )


@reads.post("/enrolments/by-staff", response_model=Batch[StaffCoursesOut])
async def get_enrolments(request: Request, principal: MayReadExams, body: ByIds) -> Response:
    """How far each person has come with the courses that they have begun."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        seen, rows = await repository.fetch_enrolments(
            connection, principal.brand_id, principal.extent, body.uuids("staff")
        )
    found = courses_json(seen, rows)
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})


@commands.post("/courses/{course_id}/reopen-exam", response_model=EnrolmentOut)
async def reopen_exam(
    course_id: CourseId,
    body: ReopenExamIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("exam.reopen"))],
) -> EnrolmentOut:
    """Let a person in again who has used up their attempts, or has to wait."""
    return enrolment_out(*await use_cases.reopen_exam(session, principal, course_id, body.staff_id))


@commands.post("/exam-attempts/{attempt_id}/submit", response_model=AttemptOut)
async def submit_attempt(
    attempt_id: AttemptId, body: SubmitAttemptIn, session: Transaction, principal: MayTakeExams
) -> AttemptOut:
    attempt, exam = await use_cases.submit_attempt(session, principal, attempt_id, body.answers)
    return attempt_out(attempt, exam, principal)


@reads.get("/exam-attempts", response_model=Page[AttemptOut])
async def list_attempts(
    *,
    request: Request,
    principal: MayReadExams,
    cursor: CursorQuery,
    staff_id: StaffId | None = None,
    course_id: CourseId | None = None,
    unit_id: UnitId | None = None,
) -> Response:
    """Newest first. `unit_id` includes all units below."""
    conditions = repository.narrow(
        repository.visible_attempts(principal.brand_id, principal.extent),
        staff_id=staff_id,
        course_id=course_id,
        unit_id=unit_id,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_ATTEMPT, conditions, cursor)
    return json_response(page_of(rows, has_next, partial(attempt_json, principal=principal)))


@reads.post("/exam-attempts/by-ids", response_model=Batch[AttemptOut])
async def get_attempts(request: Request, principal: MayReadExams, body: ByIds) -> Response:
    ids = body.uuids("attempt")
    conditions = repository.visible_attempts(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_ATTEMPT, conditions, ids)
    return json_response(batch_of(rows, "attempt", ids, partial(attempt_json, principal=principal)))


@reads.get("/certificates", response_model=Page[CertificateOut])
async def list_certificates(
    *,
    request: Request,
    principal: MayReadCertificates,
    cursor: CursorQuery,
    staff_id: StaffId | None = None,
    course_id: CourseId | None = None,
    unit_id: UnitId | None = None,
) -> Response:
    """Newest first, those that have expired as well. `unit_id` includes all units below."""
    conditions = repository.narrow(
        repository.visible_certificates(principal.brand_id, principal.extent),
        staff_id=staff_id,
        course_id=course_id,
        unit_id=unit_id,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(
            connection, repository.SELECT_CERTIFICATE, conditions, cursor
        )
    return json_response(page_of(rows, has_next, certificate_json))


@reads.post("/certificates/by-ids", response_model=Batch[CertificateOut])
async def get_certificates(
    request: Request, principal: MayReadCertificates, body: ByIds
) -> Response:
    ids = body.uuids("cert")
    conditions = repository.visible_certificates(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_CERTIFICATE, conditions, ids)
    return json_response(batch_of(rows, "cert", ids, certificate_json))
