"""SQL of courses, exams, attempts and certificates."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import AttemptNotFound, CourseNotFound
from account_svc.models import Certificate, Course, Enrolment, Exam, ExamAttempt
from account_svc.repository.reading import SUBTREES, Conditions
from account_svc.repository.staff import visible_staff
from shared.access import Extent
from shared.reading import fetch_by_ids
from shared.tables import DataKeyRow

SELECT_COURSE = """select c.id, c.code, c.name, c.lessons, c.lessons_first, c.validity_days,
    c.attempts_allowed, c.wait_minutes, c.revision, c.revised_at, e.pass_percent,
    jsonb_array_length(e.questions) as question_count
    from course c join exam e
        on e.brand_id = c.brand_id and e.course_id = c.id and e.revision = c.revision"""
SELECT_ATTEMPT = """select a.id, a.staff_id, a.course_id, a.started_at, a.graded_at, a.answers,
    a.right_answers, a.score_percent, a.is_passed, e.revision, e.pass_percent, e.questions
    from exam_attempt a
    join exam e on e.brand_id = a.brand_id and e.id = a.exam_id"""
SELECT_CERTIFICATE = """select t.id, t.staff_id, t.course_id, t.attempt_id, t.earned_at,
    t.expires_at from certificate t"""

_ENROLMENTS = """
    select e.staff_id, e.course_id, d.lessons_done,
        jsonb_array_length(c.lessons) - cardinality(d.lessons_done) as lessons_left,
        greatest(0, c.attempts_allowed - e.attempts_used) as attempts_left, e.next_attempt_at
    from enrolment e join course c on c.brand_id = e.brand_id and c.id = e.course_id
    cross join lateral (
        select case when e.revision = c.revision then e.lessons_done else '{}' end) d (lessons_done)
    where e.brand_id = $1 and e.staff_id = any($2::uuid[])
    order by e.staff_id, e.course_id"""


async def get_course_for_update(session: AsyncSession, brand_id: UUID, course_id: UUID) -> Course:
    course: Course | None = await session.scalar(
        select(Course).where(Course.brand_id == brand_id, Course.id == course_id).with_for_update()
    )
    if course is None:
        raise CourseNotFound("no such course")
    return course


async def get_course_with_exam(
    session: AsyncSession, brand_id: UUID, course_id: UUID
) -> tuple[Course, Exam]:
    """The course and its newest exam."""
    of_course = (Exam.brand_id == Course.brand_id) & (Exam.course_id == Course.id)
    found = (
        await session.execute(
            select(Course, Exam)
            .join(Exam, of_course & (Exam.revision == Course.revision))
            .where(Course.brand_id == brand_id, Course.id == course_id)
        )
    ).one_or_none()
    if found is None:
        raise CourseNotFound("no such course")
    return found[0], found[1]


async def courses_by_id(
    session: AsyncSession, brand_id: UUID, course_ids: Sequence[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Code and name of these courses."""
    rows = await session.execute(
        select(Course.id, Course.code, Course.name).where(
            Course.brand_id == brand_id, Course.id.in_(course_ids)
        )
    )
    return {row["id"]: dict(row) for row in rows.mappings()}


async def courses_among(
    session: AsyncSession, brand_id: UUID, course_ids: Sequence[UUID]
) -> set[UUID]:
    """Those of the ids that are courses of the brand."""
    return set(
        await session.scalars(
            select(Course.id).where(Course.brand_id == brand_id, Course.id.in_(course_ids))
        )
    )


async def get_exam(session: AsyncSession, brand_id: UUID, exam_id: UUID) -> Exam:
    return await session.get_one(Exam, (brand_id, exam_id))


async def get_attempt(session: AsyncSession, brand_id: UUID, attempt_id: UUID) -> ExamAttempt:
    attempt = await session.get(ExamAttempt, (brand_id, attempt_id))
    if attempt is None:
        raise AttemptNotFound("no such attempt")
    return attempt


async def find_open_attempt(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, course_id: UUID
) -> UUID | None:
    open_id: UUID | None = await session.scalar(
        select(ExamAttempt.id).where(
            ExamAttempt.brand_id == brand_id,
            ExamAttempt.staff_id == staff_id,
            ExamAttempt.course_id == course_id,
            ExamAttempt.graded_at.is_(None),
        )
    )
    return open_id


async def get_enrolment(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, course_id: UUID
) -> Enrolment:
    """The person's enrolment, made if it is their first; the caller holds the person's lock."""
    key = {"brand_id": brand_id, "staff_id": staff_id, "course_id": course_id}
    await session.execute(insert(Enrolment).values(**key, attempts_used=0).on_conflict_do_nothing())
    return await session.get_one(Enrolment, key, populate_existing=True)


async def fetch_enrolments(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, staff_ids: list[UUID]
) -> tuple[list[UUID], list[asyncpg.Record]]:
    """Those of the people whom the caller may see, and the courses that they have begun."""
    people = await fetch_by_ids(
        connection, "select s.id from staff s", visible_staff(brand_id, extent), staff_ids
    )
    seen = [row["id"] for row in people]
    return seen, await connection.fetch(_ENROLMENTS, brand_id, seen)


async def last_expiry(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, course_id: UUID
) -> Certificate | None:
    """The person's certificate of the course that counts longest."""
    certificate: Certificate | None = await session.scalar(
        select(Certificate)
        .where(
            Certificate.brand_id == brand_id,
            Certificate.staff_id == staff_id,
            Certificate.course_id == course_id,
        )
        .order_by(Certificate.expires_at.desc())
        .limit(1)
    )
    return certificate


async def is_erased(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> bool:
    """A person whose data key is gone."""
    keys = await session.scalar(
        select(func.count())
        .select_from(DataKeyRow)
        .where(DataKeyRow.brand_id == brand_id, DataKeyRow.subject_id == staff_id)
    )
    return keys == 0


def all_courses(brand_id: UUID) -> Conditions:
    return Conditions("c", brand_id)


def visible_attempts(brand_id: UUID, extent: Extent) -> Conditions:
    return _of_visible_staff("a", brand_id, extent)


def visible_certificates(brand_id: UUID, extent: Extent) -> Conditions:
    return _of_visible_staff("t", brand_id, extent)


def narrow(
    conditions: Conditions, *, staff_id: UUID | None, course_id: UUID | None, unit_id: UUID | None
) -> Conditions:
    """The filters of attempts and of certificates. `unit_id` includes all units below."""
    conditions.add_given(f"{conditions.alias}.staff_id = ?", staff_id)
    conditions.add_given(f"{conditions.alias}.course_id = ?", course_id)
    if unit_id is not None:
        conditions.add(_IN_UNITS.format(alias=conditions.alias), [unit_id])
    return conditions


_IN_UNITS = f"""exists (select from staff s where s.brand_id = $1 and s.id = {{alias}}.staff_id
    and s.unit_id = any({SUBTREES}))"""
"""By the unit where the person works now: their papers move with them."""


def _of_visible_staff(alias: str, brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions(alias, brand_id)
    if extent.unit_ids is not None:
        conditions.add(_IN_UNITS.format(alias=alias), list(extent.unit_ids))
    conditions.add_given(f"{alias}.staff_id = ?", extent.staff_id)
    return conditions
