"""Bodies of rights: what they need, who holds them, and why somebody does not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from account_svc.models.facts import Facts
from account_svc.rights import Cause, Verdict, denial_of
from shared.events.account import Right
from shared.ids import CourseId, StaffId, typed
from shared.instants import Instant


class RequireCoursesIn(Facts):
    """A right without courses is open to everybody."""

    right: Right
    course_ids: Annotated[list[CourseId], Field(max_length=20)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.course_ids)) != len(self.course_ids):
            raise ValueError("course_ids: each at most once")
        return self


class CheckRightIn(Facts):
    staff_id: StaffId
    right: Right
    at: Instant | None = None
    """Left out: now."""


class RequirementOut(BaseModel):
    """Version 0 stands for a right that the brand has asked no course for yet."""

    model_config = ConfigDict(from_attributes=True)

    right: Right
    version: int
    course_ids: list[CourseId]
    valid_from: datetime | None


class RequirementsOut(BaseModel):
    items: list[RequirementOut]


class MissingCourseOut(BaseModel):
    course_id: CourseId
    code: str
    name: str
    cause: Cause
    expired_at: datetime | None


class DenialOut(BaseModel):
    """Why the right is not there; the message says it in words."""

    code: Literal["certificate_missing", "staff_departed"]
    message: str
    courses: list[MissingCourseOut]


class RightStateOut(BaseModel):
    """`expires_at` is None for a right that needs no course, and with a denial."""

    right: Right
    is_held: bool
    expires_at: datetime | None
    denial: DenialOut | None


class StaffRightsOut(BaseModel):
    staff_id: StaffId
    rights: list[RightStateOut]


def requirement_json(right: Right, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the right needs, in the shape of RequirementOut."""
    if row is None:
        return {"right": right, "version": 0, "course_ids": [], "valid_from": None}
    return {**row, "course_ids": [typed("course", each) for each in row["course_ids"]]}


def verdict_json(verdict: Verdict, courses: Mapping[UUID, Any]) -> dict[str, Any]:
    """A verdict in the shape of RightStateOut; `courses` has code and name of what is missing."""
    return {
        "right": verdict.right,
        "is_held": verdict.is_held,
        "expires_at": verdict.expires_at,
        "denial": None if verdict.is_held else _denial(verdict, courses),
    }


def _denial(verdict: Verdict, courses: Mapping[UUID, Any]) -> dict[str, Any]:
    message = denial_of(verdict, courses)
    if verdict.is_departed:
        return {"code": "staff_departed", "message": message, "courses": []}
    return {
        "code": "certificate_missing",
        "message": message,
        "courses": [
            {
                "course_id": typed("course", missing.course_id),
                "code": courses[missing.course_id]["code"],
                "name": courses[missing.course_id]["name"],
                "cause": missing.cause,
                "expired_at": missing.expired_at,
            }
            for missing in verdict.missing
        ],
    }
