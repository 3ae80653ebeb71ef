"""The adviser's rules as data: `rules.toml`."""

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.account import Platform

FILE = Path(__file__).parent / "rules.toml"

Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]


class Condition(StrEnum):
    WIDE_MARKET = "wide_market"
    FIERCE_RIVALRY = "fierce_rivalry"
    MANY_OUTLETS = "many_outlets"
    ACTIVE_AUDIENCE = "active_audience"
    LASTING_BUDGET = "lasting_budget"
    LONG_DECISION = "long_decision"


class Level(StrEnum):
    MET = "met"
    PARTLY = "partly"
    UNMET = "unmet"


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConditionRule(_Rule):
    name: Condition
    weight: Annotated[int, Field(ge=1)]
    needed: bool
    met: Text
    unmet: Text


class PlatformRule(_Rule):
    name: Platform
    industries: tuple[Text, ...]
    fits: Text


class OutletsRule(_Rule):
    met: Annotated[int, Field(ge=1)]
    partly: Annotated[int, Field(ge=1)]

    def level(self, stores: int) -> Level:
        if stores >= self.met:
            return Level.MET
        return Level.PARTLY if stores >= self.partly else Level.UNMET


class FitRules(_Rule):
    go_at: Share
    answered_at: Share
    outlets: OutletsRule
    condition: tuple[ConditionRule, ...]
    platform: tuple[PlatformRule, ...]

    @model_validator(mode="after")
    def _every_condition_once(self) -> Self:
        names = [rule.name for rule in self.condition]
        if sorted(names) != sorted(Condition):
            raise ValueError("each of the six conditions has one row")
        return self


@cache
def fit_rules() -> FitRules:
    return FitRules.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
