"""Bodies of the race and its rules."""

from typing import Any

import asyncpg
from pydantic import BaseModel

from account_svc.models import RaceRules
from account_svc.schemas.periods import Month
from shared.ids import UnitId, typed


class RacePolicyIn(RaceRules):
    from_period: Month | None = None
    """The first month that is raced by these rules, as `2026-11`; this month if left out."""


class RacePolicyOut(RaceRules):
    version: int
    """0: the rules of a brand that has set none."""


class StandingOut(BaseModel):
    """A store's month. `score` is what the rules rank by; `previous_points` is the same store's
    month before; `sellers` are those of the month's beginning."""

    rank: int
    store_id: UnitId
    league: str
    score: float
    is_eligible: bool
    ineligible_because: str | None
    points: int
    accepted_leads: int
    deals: int
    voided_leads: int
    sellers: int
    previous_points: int


def standing_json(row: asyncpg.Record, rules: RaceRules) -> dict[str, Any]:
    """A row of the race in the shape of StandingOut."""
    because = None
    if not row["is_eligible"]:
        taken = row["accepted_leads"] + row["voided_leads"]
        because = (
            f"{row['voided_leads']} of {taken} leads were voided; "
            f"at most {rules.max_voided_percent} % may be"
        )
    return {**row, "store_id": typed("unit", row["store_id"]), "ineligible_because": because}
