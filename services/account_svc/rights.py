"""Which rights a person has at an instant: derived from certificates, never stored as a yes.

Pure: the same snapshot gives the same answer, for an instant in the past or the future as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shared.events.account import Right


class Cause(StrEnum):
    NEVER_EARNED = "never_earned"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate: it counts from `earned_at` until just before `expires_at`."""

    course_id: UUID
    earned_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """A course without which the right is not there, and when its last certificate expired."""

    course_id: UUID
    expired_at: datetime | None

    @property
    def cause(self) -> Cause:
        return Cause.NEVER_EARNED if self.expired_at is None else Cause.EXPIRED


@dataclass(frozen=True, slots=True)
class Verdict:
    """`expires_at` is None for a right that needs no course, and for one that is denied."""

    right: Right
    is_held: bool
    expires_at: datetime | None = None
    is_departed: bool = False
    missing: tuple[Missing, ...] = ()


def judge(
    right: Right,
    course_ids: Sequence[UUID],
    certificates: Iterable[Held],
    *,
    departed_at: datetime | None,
    at: datetime,
) -> Verdict:
    """May the person do it then? A right needs a valid certificate of each of its courses."""
    if departed_at is not None and departed_at <= at:
        return Verdict(right, is_held=False, is_departed=True)
    earned = [each for each in certificates if each.earned_at <= at]
    ends = {
        course_id: max(
            (each.expires_at for each in earned if each.course_id == course_id), default=None
        )
        for course_id in course_ids
    }
    missing = tuple(
        Missing(course_id, end) for course_id, end in ends.items() if end is None or end <= at
    )
    if missing:
        return Verdict(right, is_held=False, missing=missing)
    return Verdict(
        right, is_held=True, expires_at=min((end for end in ends.values() if end), default=None)
    )


def judge_all(
    courses_of: Mapping[Right, Sequence[UUID]],
    certificates: Sequence[Held],
    *,
    departed_at: datetime | None,
    at: datetime,
) -> list[Verdict]:
    """Every right there is; one without an entry needs no course."""
    return [
        judge(right, courses_of.get(right, ()), certificates, departed_at=departed_at, at=at)
        for right in Right
    ]


def denial_of(verdict: Verdict, courses: Mapping[UUID, Mapping[str, Any]]) -> str:
    """Why the right is not there, in words; `courses` has code and name of what is missing."""
    if verdict.is_departed:
        return f"{verdict.right}: this person no longer sells for the brand"
    words = [_words(missing, courses[missing.course_id]) for missing in verdict.missing]
    return f"{verdict.right} needs the certificate of {'; of '.join(words)}"


def _words(missing: Missing, course: Mapping[str, Any]) -> str:
    named = f"course {course['code']} ({course['name']})"
    if missing.expired_at is None:
        return f"{named}, never earned"
    return f"{named}, expired at {missing.expired_at.isoformat()}"
