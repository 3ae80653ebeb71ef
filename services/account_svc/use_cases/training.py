"""Courses, attempts at their exams, and the certificates that a passed one gives."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    AttemptNotFound,
    AttemptOpen,
    CourseCodeTaken,
    ExamOfAnother,
    StaffErased,
)
from account_svc.models import Certificate, Course, Enrolment, Exam, ExamAttempt, Staff
from account_svc.models.course_facts import CourseContent, CourseFacts
from account_svc.repository import staff as people
from account_svc.repository import training as repository
from account_svc.repository.constraints import refusing
from account_svc.use_cases import lift, rights
from shared import audit
from shared.access import Principal, Role
from shared.clock import now
from shared.ids import typed, uuid7


async def add_course(
    session: AsyncSession, principal: Principal, facts: CourseFacts
) -> tuple[Course, Exam]:
    at = now()
    course = Course(
        id=uuid7(),
        brand_id=principal.brand_id,
        code=facts.code,
        revision=1,
        created_at=at,
        revised_at=at,
        **_settings(facts),
    )
    taken = CourseCodeTaken("another course has this code", field="/code")
    async with refusing(session, "uq_course_brand_id_code", taken):
        session.add(course)
    exam = _exam_of(course, facts)
    session.add(exam)
    _note(session, principal, "course.add", course)
    return course, exam


async def revise_course(
    session: AsyncSession, principal: Principal, course_id: UUID, content: CourseContent
) -> tuple[Course, Exam]:
    """A new revision: attempts that have begun keep their exam, certificates their expiry."""
    course = await repository.get_course_for_update(session, principal.brand_id, course_id)
    course.revision += 1
    course.revised_at = now()
    for name, value in _settings(content).items():
        setattr(course, name, value)
    exam = _exam_of(course, content)
    session.add(exam)
    _note(session, principal, "course.revise", course)
    return course, exam


async def complete_lesson(
    session: AsyncSession, principal: Principal, course_id: UUID, staff_id: UUID, place: int
) -> tuple[Course, Enrolment]:
    """The person has worked through the lesson at this place of the course as it is now."""
    staff = await _examinee(session, principal, staff_id)
    course, _ = await repository.get_course_with_exam(session, staff.brand_id, course_id)
    enrolment = await repository.get_enrolment(session, staff.brand_id, staff_id, course_id)
    enrolment.complete_lesson(course, place)
    audit.record(
        session,
        actor=principal.actor,
        action="lesson.complete",
        subject=typed("staff", staff_id),
        course=typed("course", course_id),
        lesson=place,
        revision=course.revision,
    )
    return course, enrolment


async def start_attempt(
    session: AsyncSession, principal: Principal, course_id: UUID, staff_id: UUID
) -> tuple[ExamAttempt, Exam]:
    at, brand_id = now(), principal.brand_id
    staff = await _examinee(session, principal, staff_id)
    course, exam = await repository.get_course_with_exam(session, brand_id, course_id)
    open_id = await repository.find_open_attempt(session, brand_id, staff_id, course_id)
    if open_id is not None:
        raise AttemptOpen(f"{typed('attempt', open_id)} has begun and waits for its answers")
    enrolment = await repository.get_enrolment(session, brand_id, staff_id, course_id)
    enrolment.begin_attempt(course, at)
    attempt = ExamAttempt(
        id=uuid7(),
        brand_id=brand_id,
        staff_id=staff.id,
        course_id=course.id,
        exam_id=exam.id,
        actor=principal.actor,
        started_at=at,
    )
    session.add(attempt)
    _note_exam(session, principal, "exam.start", attempt)
    return attempt, exam


async def submit_attempt(
    session: AsyncSession, principal: Principal, attempt_id: UUID, answers: list[list[int]]
) -> tuple[ExamAttempt, Exam]:
    """Grade the answers. A passed exam is a certificate, and what rights follow is announced."""
    brand_id = principal.brand_id
    attempt = await repository.get_attempt(session, brand_id, attempt_id)
    if await people.find_staff(session, brand_id, principal.extent, attempt.staff_id) is None:
        raise AttemptNotFound("no such attempt")
    staff = await _examinee(session, principal, attempt.staff_id)
    await session.refresh(attempt)  # the person is locked now, and their attempts with them
    exam = await repository.get_exam(session, brand_id, attempt.exam_id)
    at = now()
    attempt.grade(exam, answers, at)
    course, _ = await repository.get_course_with_exam(session, brand_id, attempt.course_id)
    enrolment = await repository.get_enrolment(session, brand_id, staff.id, course.id)
    if attempt.is_passed:
        enrolment.begin_anew()
        await _certify(session, course, attempt)
        await rights.announce_and_watch(session, brand_id, [staff], at)
    else:
        enrolment.next_attempt_at = at + timedelta(minutes=course.wait_minutes)
    await lift.retest(session, attempt)
    _note_exam(session, principal, "exam.submit", attempt, is_passed=attempt.is_passed)
    return attempt, exam


async def reopen_exam(
    session: AsyncSession, principal: Principal, course_id: UUID, staff_id: UUID
) -> tuple[Course, Enrolment]:
    """Let a person who has used up their attempts, or who has to wait, in again at once."""
    staff = await people.get_staff_for_update(
        session, principal.brand_id, principal.extent, staff_id
    )
    staff.require_present()
    course, _ = await repository.get_course_with_exam(session, staff.brand_id, course_id)
    enrolment = await repository.get_enrolment(session, staff.brand_id, staff_id, course_id)
    enrolment.begin_anew()
    audit.record(
        session,
        actor=principal.actor,
        action="exam.reopen",
        subject=typed("staff", staff_id),
        course=typed("course", course_id),
    )
    return course, enrolment


async def _certify(session: AsyncSession, course: Course, attempt: ExamAttempt) -> None:
    """From the moment of passing for the course's days; never shorter than what was there."""
    assert attempt.graded_at is not None
    expires_at = attempt.graded_at + timedelta(days=course.validity_days)
    last = await repository.last_expiry(session, course.brand_id, attempt.staff_id, course.id)
    session.add(
        Certificate(
            id=uuid7(),
            brand_id=course.brand_id,
            staff_id=attempt.staff_id,
            course_id=course.id,
            attempt_id=attempt.id,
            earned_at=attempt.graded_at,
            expires_at=expires_at if last is None else max(expires_at, last.expires_at),
        )
    )
    await session.flush()  # the rights are judged by what the database holds


async def _examinee(session: AsyncSession, principal: Principal, staff_id: UUID) -> Staff:
    """The person, locked; they still sell, are not erased, and nobody else sits at the keys."""
    staff = await people.get_staff_for_update(
        session, principal.brand_id, principal.extent, staff_id
    )
    if principal.staff_id != staff_id and Role.BRAND_ADMIN not in principal.roles:
        raise ExamOfAnother("lessons and exams are taken by the person themselves")
    staff.require_present()
    if await repository.is_erased(session, principal.brand_id, staff_id):
        raise StaffErased("the data of this person was erased")
    return staff


def _settings(content: CourseContent) -> dict[str, Any]:
    return content.model_dump(
        include={
            "name",
            "lessons",
            "lessons_first",
            "validity_days",
            "attempts_allowed",
            "wait_minutes",
        }
    )


def _exam_of(course: Course, content: CourseContent) -> Exam:
    return Exam(
        id=uuid7(),
        brand_id=course.brand_id,
        course_id=course.id,
        revision=course.revision,
        questions=[question.model_dump() for question in content.questions],
        pass_percent=content.pass_percent,
    )


def _note(session: AsyncSession, principal: Principal, action: str, course: Course) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("course", course.id),
        revision=course.revision,
    )


def _note_exam(
    session: AsyncSession,
    principal: Principal,
    action: str,
    attempt: ExamAttempt,
    **details: Any,
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("attempt", attempt.id),
        staff=typed("staff", attempt.staff_id),
        course=typed("course", attempt.course_id),
        **details,
    )
