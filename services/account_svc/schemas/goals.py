"""Bodies of goals, and of how far they are reached."""

from collections import defaultdict
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from account_svc.models.facts import Facts
from account_svc.models.forecast import Method
from account_svc.models.goal import COUNTED, LARGEST_TARGET, GoalPeriod, Metric, goal_bounds
from account_svc.models.progress import Hours, Plan, Planned, measure
from account_svc.repository.goals import Owner, Snapshot
from shared.ids import GoalId, StaffId, UnitId, typed

Target = Annotated[int, Field(ge=0, le=LARGEST_TARGET)]
"""0 takes the goal back."""


class UnitTargetIn(Facts):
    unit_id: UnitId
    target: Target


class StaffTargetIn(Facts):
    staff_id: StaffId
    target: Target


class GoalsIn(Facts):
    period: GoalPeriod
    metric: Metric


class UnitGoalsIn(GoalsIn):
    """Of a unit named twice the last target counts."""

    goals: Annotated[list[UnitTargetIn], Field(min_length=1, max_length=500)]


class StaffGoalsIn(GoalsIn):
    """Of a person named twice the last target counts."""

    goals: Annotated[list[StaffTargetIn], Field(min_length=1, max_length=500)]


class GoalOut(BaseModel):
    """One version; of a unit with all below it, or of a person."""

    id: GoalId
    unit_id: UnitId | None
    staff_id: StaffId | None
    period: str
    metric: Metric
    version: int
    target: int
    is_current: bool
    """No later version has replaced it."""
    set_by: str
    set_at: datetime


class GoalsOut(BaseModel):
    items: list[GoalOut]


class ForecastOut(BaseModel):
    """`value` is None where `refusal` says that the data is not enough for any method."""

    value: int | None
    method: Method | None
    days: int
    """That the method saw."""
    backtest_percent: float | None
    """By how much the method, told all but the last seven days, would have missed their sum."""
    refusal: str | None


class GoalsBelowOut(BaseModel):
    """The goals that a unit's own is made of: a unit's stands for all below it, and below a unit
    without one its children's do."""

    goals: int
    target: int
    gap: int | None
    """The unit's own target less theirs: what nobody below has for a goal. Negative: they have
    more than the unit. None without an own goal."""


class ProgressOut(BaseModel):
    metric: Metric
    target: int | None
    actual: int
    elapsed: float
    """Part of the period's working time that is over, from 0 to 1."""
    reached: float | None
    """Part of the target; at an even pace it equals `elapsed`."""
    expected: int | None
    """What an even pace would have reached by now."""
    forecast: ForecastOut
    below: GoalsBelowOut | None


class UnitProgressOut(BaseModel):
    unit_id: UnitId
    period: str
    metrics: list[ProgressOut]


class StaffProgressOut(BaseModel):
    staff_id: StaffId
    period: str
    metrics: list[ProgressOut]


def goal_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_GOAL in the shape of GoalOut."""
    return {
        **row,
        "id": typed("goal", row["id"]),
        "unit_id": row["unit_id"] and typed("unit", row["unit_id"]),
        "staff_id": row["staff_id"] and typed("staff", row["staff_id"]),
    }


def progress_json(
    snapshot: Snapshot, owner: Owner, period: str, at: datetime
) -> dict[str, dict[str, Any]]:
    """The progress of each owner, by typed id."""
    bounds = goal_bounds(period)
    counted: dict[tuple[UUID, str], dict[date, tuple[int, int]]] = defaultdict(dict)
    for row in snapshot.days:
        counted[row["owner_id"], row["trigger"]][row["day"]] = row["number"], row["amount"]
    targets = {
        (row["owner_id"], row["metric"]): row["target"] for row in snapshot.goals if row["target"]
    }
    plans = {
        metric: Plan(
            Planned(row["path"], row["target"], is_of_person=row["is_of_person"])
            for row in snapshot.below
            if row["metric"] == metric and row["target"]
        )
        for metric in Metric
    }

    def one(row: asyncpg.Record, metric: Metric) -> dict[str, Any]:
        days = {
            day: amount if metric is Metric.DEAL_VALUE else number
            for day, (number, amount) in counted[row["id"], COUNTED[metric]].items()
        }
        target = targets.get((row["id"], metric))
        hours = Hours(row["opens_at"], row["closes_at"])
        found = measure(days, target, bounds, at, hours)
        below = None
        if owner == "unit":
            goals, total = plans[metric].below(row["path"])
            gap = None if target is None else target - total
            below = {"goals": goals, "target": total, "gap": gap}
        return {
            "metric": metric,
            "target": target,
            "actual": found.actual,
            "elapsed": found.elapsed,
            "reached": found.reached,
            "expected": found.expected,
            "forecast": found.forecast,
            "below": below,
        }

    return {
        typed(owner, row["id"]): {
            f"{owner}_id": typed(owner, row["id"]),
            "period": period,
            "metrics": [one(row, metric) for metric in Metric],
        }
        for row in snapshot.owners
    }
