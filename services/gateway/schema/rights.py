"""Rights of people, and why somebody does not have one (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.schema.values import MissingCause
from gateway.upstream import Service
from shared.events.account import Right


@strawberry.type(description="A course without whose certificate a right is not there.")
class MissingCourse:
    course_id: strawberry.ID
    code: str
    name: str
    cause: MissingCause
    expired_at: Instant | None


@strawberry.type(description="Why a right is not there; the message says it in words.")
class RightDenial:
    code: str
    message: str
    courses: list[MissingCourse]


@strawberry.type(description="Whether a person may do something at an instant.")
class RightState:
    right: Right
    is_held: bool
    expires_at: Instant | None = strawberry.field(
        description="Null for a right that needs no course, and with a denial."
    )
    denial: RightDenial | None


@strawberry.type
class StaffRights:
    staff_id: str
    rights: list[RightState]


RIGHTS_BY_STAFF = Batch("staff_id", StaffRights, Service.ACCOUNT, "/rights/by-staff")
