"""Bodies of tiers, of the courses that train skills, and of the tasks that lift."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from pydantic import BaseModel, ConfigDict

from account_svc.models.facts import Facts
from account_svc.models.goal import Metric
from account_svc.models.lift import LiftStatus, Tier, TierRules
from account_svc.models.talent import Skill
from account_svc.schemas.periods import Month
from shared.ids import AttemptId, CourseId, LiftId, StaffId, UnitId, typed
from shared.instants import Instant


class PlaceIn(TierRules):
    period: Month | None = None
    """This month if left out."""


class TieringOut(TierRules):
    """`placed_at` is null until the people are placed by these rules; what the month said before
    stays until then."""

    period: str
    people: int | None
    placed_by: str
    asked_at: datetime
    placed_at: datetime | None


class TieringsOut(BaseModel):
    items: list[TieringOut]


class PlacementOut(BaseModel):
    """A person's month among the people of their store's league. `score` is the part of them that
    stands below, by result and skill; no tier where there are too few to compare."""

    period: str
    metric: Metric
    league: str | None
    result: int
    skill: float | None
    score: float
    tier: Tier | None


class StaffTiersOut(BaseModel):
    staff_id: StaffId
    placements: list[PlacementOut]


class LiftFiguresOut(BaseModel):
    """A month of the people of a unit and of all below, by where they worked then. Moves are from
    the month before."""

    period: str
    people: int
    top: int
    middle: int
    tail: int
    median_result: float
    lower_quartile_result: float
    moved_up: int
    moved_down: int
    stayed: int
    came: int
    """Who was not placed in the month before."""


class UnitLiftOut(BaseModel):
    unit_id: UnitId
    periods: list[LiftFiguresOut]


class SkillCourseIn(Facts):
    skill: Skill
    course_id: CourseId


class SkillCourseOut(SkillCourseIn):
    set_by: str
    set_at: datetime


class SkillCoursesOut(BaseModel):
    items: list[SkillCourseOut]


class AssignLiftIn(Facts):
    staff_id: StaffId
    skill: Skill | None = None
    """The one with the largest gap if left out."""
    due_at: Instant


class LiftTaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: LiftId
    staff_id: StaffId
    period: str
    tier: Tier
    skill: Skill
    gap: int
    course_id: CourseId
    status: LiftStatus
    due_at: datetime
    is_overdue: bool
    assigned_by: str
    assigned_at: datetime
    done_at: datetime | None
    retests: int
    attempt_id: AttemptId | None
    """The last retest."""
    closed_at: datetime | None


def task_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_TASK in the shape of LiftTaskOut."""
    return {
        **row,
        "id": typed("lift", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "course_id": typed("course", row["course_id"]),
        "attempt_id": row["attempt_id"] and typed("attempt", row["attempt_id"]),
    }


def tiering_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_TIERINGS in the shape of TieringOut."""
    return {**_without(row, "rules"), **orjson.loads(row["rules"])}


def skill_course_json(row: asyncpg.Record) -> dict[str, Any]:
    return {**row, "course_id": typed("course", row["course_id"])}


def placements_json(rows: Iterable[asyncpg.Record]) -> dict[str, dict[str, Any]]:
    """The months of each person, by typed id; who was never placed has none."""
    found = {}
    for staff_id, of_one in groupby(rows, key=lambda row: row["staff_id"]):
        placements = [_without(row, "staff_id") for row in of_one if row["period"] is not None]
        found[typed("staff", staff_id)] = {
            "staff_id": typed("staff", staff_id),
            "placements": placements,
        }
    return found


def figures_json(units: list[UUID], rows: list[asyncpg.Record]) -> dict[str, dict[str, Any]]:
    """The months of each unit, by typed id."""
    found: dict[str, dict[str, Any]] = {
        typed("unit", unit_id): {"unit_id": typed("unit", unit_id), "periods": []}
        for unit_id in units
    }
    for row in rows:
        found[typed("unit", row["owner_id"])]["periods"].append(_without(row, "owner_id"))
    return found


def _without(row: asyncpg.Record, key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}
