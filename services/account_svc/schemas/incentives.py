"""Bodies of rules, ledger entries, statements and balances."""

from datetime import datetime
from typing import Any
from uuid import UUID

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
    formula: str | None
    monthly_budget: int | None
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
    debit: str
    credit: str
    """The accounts that it moves from and to: `rewards/<trigger>` and the seller; a counter-entry
    names them the other way round, for the absolute amount."""
    amount: int
    currency: Currency
    earned_at: datetime
    reverses_id: EntryId | None


class StatementLineOut(BaseModel):
    """What one trigger's causes of a month came to. `payable` is `earned` less `taken_back` less
    `over_budget`, what was earned after the month's budget was used up."""

    trigger: Trigger
    currency: Currency
    entries: int
    earned: int
    taken_back: int
    over_budget: int
    payable: int


class StatementOut(BaseModel):
    """A person's month as it stands: a late void lowers it, and makes room in the budget."""

    staff_id: StaffId
    period: str
    lines: list[StatementLineOut]


class BalanceOut(BaseModel):
    """Both sides of an account; over all accounts of a currency they are equal."""

    account: str
    currency: Currency
    debit: int
    credit: int


class BalancesOut(BaseModel):
    period: str
    items: list[BalanceOut]


def rule_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_RULE in the shape of RuleOut."""
    return {**row, "id": typed("rule", row["id"])}


def entry_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_ENTRY in the shape of LedgerEntryOut."""
    sides = f"rewards/{row['trigger']}", typed("staff", row["staff_id"])
    debit, credit = sides if row["reverses_id"] is None else reversed(sides)
    return {
        **{name: value for name, value in row.items() if name != "trigger"},
        "id": typed("entry", row["id"]),
        "debit": debit,
        "credit": credit,
        "staff_id": typed("staff", row["staff_id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "rule_id": typed("rule", row["rule_id"]),
        "reverses_id": row["reverses_id"] and typed("entry", row["reverses_id"]),
    }


def statement_json(staff_id: UUID, period: str, rows: list[asyncpg.Record]) -> dict[str, Any]:
    """Rows of a statement in the shape of StatementOut."""
    lines = [
        {**row, "payable": row["earned"] - row["taken_back"] - row["over_budget"]} for row in rows
    ]
    return {"staff_id": typed("staff", staff_id), "period": period, "lines": lines}
