"""The limits of drift as data: `rules.toml`."""

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).parent / "rules.toml"

Share = Annotated[float, Field(ge=0, le=1)]


class DriftField(StrEnum):
    NAME = "name"
    PICTURE = "picture"
    BIO = "bio"
    STORE = "store"
    TONE = "tone"
    TABOO_WORDS = "taboo_words"
    INTERESTS = "interests"


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldRule(_Rule):
    name: DriftField
    weight: Annotated[int, Field(ge=1)]
    fails_below: Share


class DriftRules(_Rule):
    passes_at: Share
    known_at: Share
    picture_bits: Annotated[int, Field(ge=0, le=64)]
    field: tuple[FieldRule, ...]

    @model_validator(mode="after")
    def _every_field_once(self) -> Self:
        if sorted(rule.name for rule in self.field) != sorted(DriftField):
            raise ValueError("each of the seven fields has one row")
        return self


@cache
def drift_rules() -> DriftRules:
    return DriftRules.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
