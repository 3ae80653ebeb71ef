"""How far goals are reached, of units and of people (account_svc)."""

from urllib.parse import urlencode

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Long
from gateway.schema.values import ForecastMethod, Metric
from gateway.upstream import Service


@strawberry.type(description="What the period will end at, by a stated method and its evidence.")
class Forecast:
    value: Long | None = strawberry.field(description="Null where there is not enough data.")
    method: ForecastMethod | None
    days: int = strawberry.field(description="Of data that the method saw.")
    backtest_percent: float | None = strawberry.field(
        description="By how much the method, told all but the last seven days, would have missed "
        "their sum."
    )
    refusal: str | None = strawberry.field(description="Why there is no value.")


@strawberry.type(description="The goals of those below, of which a unit's own is made.")
class GoalsBelow:
    goals: int
    target: Long
    gap: Long | None = strawberry.field(
        description="The unit's own target less theirs: what nobody has for a goal."
    )


@strawberry.type(description="A metric of a period: its goal and how far that is reached.")
class GoalProgress:
    metric: Metric
    target: Long | None
    actual: Long
    elapsed: float = strawberry.field(description="Part of the period's working time, 0 to 1.")
    reached: float | None = strawberry.field(
        description="Part of the target; at an even pace it equals `elapsed`."
    )
    expected: Long | None = strawberry.field(
        description="What an even pace would have reached by now."
    )
    forecast: Forecast
    below: GoalsBelow | None = strawberry.field(description="Of units only.")


@strawberry.type
class UnitProgress:
    unit_id: str
    metrics: list[GoalProgress]


@strawberry.type
class StaffProgress:
    staff_id: str
    metrics: list[GoalProgress]


def progress_by_unit(period: str | None) -> Batch[UnitProgress]:
    path = _in_period("/goal-progress/by-units", period)
    return Batch("unit_id", UnitProgress, Service.ACCOUNT, path)


def progress_by_staff(period: str | None) -> Batch[StaffProgress]:
    path = _in_period("/goal-progress/by-staff", period)
    return Batch("staff_id", StaffProgress, Service.ACCOUNT, path)


def _in_period(path: str, period: str | None) -> str:
    return path if period is None else f"{path}?{urlencode({'period': period})}"
