"""How far people have come with their courses (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.upstream import Service


@strawberry.type(description="How far a person has come with a course.")
class CourseProgress:
    course_id: strawberry.ID
    lessons_done: list[int] = strawberry.field(
        description="Places from 0, of the course as it is now."
    )
    lessons_left: int
    attempts_left: int
    next_attempt_at: Instant | None


@strawberry.type
class StaffCourses:
    staff_id: str
    courses: list[CourseProgress]


COURSES_BY_STAFF = Batch("staff_id", StaffCourses, Service.ACCOUNT, "/enrolments/by-staff")
