"""Where people stand by month, and the steering figures of units (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Long
from gateway.schema.values import Metric, Tier
from gateway.upstream import Service


@strawberry.type(description="A person's month among the people of their store's league.")
class Placement:
    period: str
    metric: Metric
    league: str | None
    result: Long
    skill: float | None = strawberry.field(description="The mean of the skills assessed.")
    score: float = strawberry.field(
        description="The part of the league that stands below, by result and skill."
    )
    tier: Tier | None = strawberry.field(description="Null where too few are to be compared.")


@strawberry.type
class StaffTiers:
    staff_id: str
    placements: list[Placement]


@strawberry.type(description="A month of the people of a unit and of all below.")
class LiftFigures:
    period: str
    people: int
    top: int
    middle: int
    tail: int
    median_result: float
    lower_quartile_result: float
    moved_up: int = strawberry.field(description="From the month before.")
    moved_down: int
    stayed: int
    came: int = strawberry.field(description="Who was not placed in the month before.")


@strawberry.type
class UnitLift:
    unit_id: str
    periods: list[LiftFigures]


TIERS_BY_STAFF = Batch("staff_id", StaffTiers, Service.ACCOUNT, "/tiers/by-staff")


def lift_by_unit(months: int) -> Batch[UnitLift]:
    return Batch("unit_id", UnitLift, Service.ACCOUNT, f"/tiers/by-units?months={months}")
