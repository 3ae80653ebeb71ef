"""The rules of health as data: `rules.toml`."""

import tomllib
from datetime import date, datetime, time
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.account import HealthLevel, Platform

FILE = Path(__file__).parent / "rules.toml"
ZONE = ZoneInfo("Asia/Shanghai")

Text = Annotated[str, Field(min_length=1)]
Points = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[int, Field(ge=1, le=365)]
Percent = Annotated[int, Field(ge=0, le=10_000)]


class Cause(StrEnum):
    TOKEN_MISSING = "token_missing"  # noqa: S105 - words for what is wrong with a token
    TOKEN_ENDED = "token_ended"  # noqa: S105
    TOKEN_ENDS_SOON = "token_ends_soon"  # noqa: S105
    SILENT = "silent"
    UNANSWERED = "unanswered"
    STATUS_EXPIRED = "status_expired"
    STATUS_ENDS_SOON = "status_ends_soon"
    DRAFTS_HELD = "drafts_held"
    POSTS_REFUSED = "posts_refused"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"
    SET_BACK = "set_back"
    OFF_BRAND = "off_brand"
    FOLLOWERS_FELL = "followers_fell"
    FOLLOWERS_JUMPED = "followers_jumped"


NEEDS = {
    Cause.TOKEN_MISSING: {"days", "platforms"},
    Cause.TOKEN_ENDS_SOON: {"days"},
    Cause.SILENT: {"days"},
    Cause.UNANSWERED: {"days", "hours", "most"},
    Cause.STATUS_ENDS_SOON: {"days"},
    Cause.DRAFTS_HELD: {"days", "most"},
    Cause.POSTS_REFUSED: {"days", "most"},
    Cause.SET_BACK: {"days"},
    Cause.FOLLOWERS_FELL: {"percent", "least"},
    Cause.FOLLOWERS_JUMPED: {"percent", "least"},
}
"""What a rule tells beside its points; no other rule tells anything."""


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    cause: Cause
    points: Points
    """Taken from 100; for each draft, post or lead where there may be several."""
    most: Points | None = None
    """Taken for several together."""
    days: Days | None = None
    hours: Annotated[int, Field(ge=1)] | None = None
    percent: Percent | None = None
    least: Annotated[int, Field(ge=1)] | None = None
    platforms: tuple[Platform, ...] | None = None
    valid_from: date
    valid_to: date | None = None
    judgement: Text
    """Why it weighs as much: our own word where no source gives one."""

    @model_validator(mode="after")
    def _tells_what_its_cause_needs(self) -> Self:
        told = {
            name
            for name in ("days", "hours", "most", "percent", "least", "platforms")
            if getattr(self, name) is not None
        }
        if told != NEEDS.get(self.cause, set()):
            raise ValueError(f"{self.cause} needs {sorted(NEEDS.get(self.cause, set()))}")
        return self

    def holds_at(self, at: datetime) -> bool:
        begun = start_of(self.valid_from) <= at
        return begun and (self.valid_to is None or at < start_of(self.valid_to))


class HealthRules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    good: Points
    fair: Points
    poor: Points
    """The least score of each level; below is critical."""
    better_by: Points
    """So far over a level's least a score betters to it at once."""
    better_after_hours: Annotated[int, Field(ge=1, le=24 * 14)]
    """Nearer to it, after having been of that level for so long."""
    rule: tuple[Rule, ...]

    @model_validator(mode="after")
    def _levels_descend(self) -> Self:
        if not self.good > self.fair > self.poor:
            raise ValueError("the levels' scores descend")
        steps = (100 - self.good, self.good - self.fair, self.fair - self.poor)
        if self.better_by > min(steps):
            raise ValueError("`better_by` reaches over a whole level")
        return self

    def level(self, score: int) -> HealthLevel:
        for level, least in (
            (HealthLevel.GOOD, self.good),
            (HealthLevel.FAIR, self.fair),
            (HealthLevel.POOR, self.poor),
        ):
            if score >= least:
                return level
        return HealthLevel.CRITICAL

    def holding(self, at: datetime) -> list[Rule]:
        return [rule for rule in self.rule if rule.holds_at(at)]

    def turns(self) -> set[datetime]:
        """When other rules begin to hold."""
        days = {day for rule in self.rule for day in (rule.valid_from, rule.valid_to) if day}
        return {start_of(day) for day in days}


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)


@cache
def health_rules() -> HealthRules:
    return HealthRules.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
