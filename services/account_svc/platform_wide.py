"""The rows that hold for every brand, as `policies.toml` has them."""

import tomllib
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from account_svc.models.policy import PolicyFact, PolicyFacts, PolicyRow
from shared.events.account import Platform

FILE = Path(__file__).parent / "policies.toml"

_ZONE = ZoneInfo("Asia/Shanghai")
Text = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    platform: Platform
    fact: PolicyFact
    number: int | None = None
    words: list[str] | None = None
    valid_from: date
    valid_to: date | None = None
    source: Text
    recorded_on: date
    terms: Text
    second_hand: bool = False


class PlatformWide(BaseModel):
    model_config = ConfigDict(extra="forbid")

    policy: list[_Row]


@cache
def platform_wide_policies() -> tuple[PolicyRow, ...]:
    """Days begin and end by the clocks of Asia/Shanghai."""
    file = PlatformWide.model_validate(tomllib.loads(FILE.read_text(encoding="utf-8")))
    return tuple(map(_read, file.policy))


def _read(row: _Row) -> PolicyRow:
    told = row.model_dump(include={"platform", "fact", "number", "words"})
    facts = PolicyFacts.model_validate({**told, "source": row.source})
    return PolicyRow(
        platform=facts.platform,
        fact=facts.fact,
        number=facts.number,
        words=None if facts.words is None else tuple(facts.words),
        valid_from=_start_of(row.valid_from),
        valid_to=None if row.valid_to is None else _start_of(row.valid_to),
        source=f"{row.source} (recorded {row.recorded_on}; {row.terms})",
        is_second_hand=row.second_hand,
    )


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), _ZONE)
