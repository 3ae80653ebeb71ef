"""Bodies of rules, ledger entries and the race."""

from datetime import datetime
from typing import Any

import asyncpg
from pydantic import BaseModel, ConfigDict

from account_svc.models import Currency, Trigger
from shared.ids import EntryId, RuleId, StaffId, UnitId, typed


class RuleOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: RuleId
    trigger: Trigger
    version: int
    amount: int
    rate_bp: int
    currency: Currency
    valid_from: datetime
    is_active: bool


class LedgerEntryOut(BaseModel):
    """`amount` is in points, or in fen when the currency is CNY; negative in a counter-entry."""

    id: EntryId
    staff_id: StaffId
    unit_id: UnitId
    rule_id: RuleId
    rule_version: int
    cause: str
    amount: int
    currency: Currency
    earned_at: datetime
    reverses_id: EntryId | None


class StandingOut(BaseModel):
    """A store's month. `previous_points` is the same store's month before."""

    rank: int
    store_id: UnitId
    points: int
    accepted_leads: int
    deals: int
    previous_points: int


def rule_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_RULE in the shape of RuleOut."""
    return {**row, "id": typed("rule", row["id"])}


def entry_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_ENTRY in the shape of LedgerEntryOut."""
    return {
        **row,
        "id": typed("entry", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "rule_id": typed("rule", row["rule_id"]),
        "reverses_id": row["reverses_id"] and typed("entry", row["reverses_id"]),
    }


def standing_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of the race in the shape of StandingOut."""
    return {**row, "store_id": typed("unit", row["store_id"])}
