"""Skills of people and of units, and what is wanted of them (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.schema.values import Skill
from gateway.upstream import Service


@strawberry.type(description="A skill of a person, from 0 to 100.")
class SkillProfile:
    skill: Skill
    score: int | None = strawberry.field(description="Null before the first assessment.")
    assessed_at: Instant | None
    wanted: int | None = strawberry.field(description="Null for who plays no persona.")
    gap: int | None = strawberry.field(description="How much is missing; never below 0.")


@strawberry.type
class StaffTalent:
    staff_id: str
    skills: list[SkillProfile]


@strawberry.type(description="A skill over everybody who plays a persona in a unit or below.")
class UnitSkill:
    skill: Skill
    people: int
    assessed: int
    people_below: int = strawberry.field(description="Whose score is below what is wanted.")
    median_score: float | None
    lower_quartile_score: float | None
    median_wanted: float | None
    median_gap: float | None


@strawberry.type
class UnitTalent:
    unit_id: str
    skills: list[UnitSkill]


TALENT_BY_STAFF = Batch("staff_id", StaffTalent, Service.ACCOUNT, "/talent/by-staff")
TALENT_BY_UNIT = Batch("unit_id", UnitTalent, Service.ACCOUNT, "/talent/by-units")
