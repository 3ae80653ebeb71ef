"""Bodies of suspicions, reviews and appeals."""

from datetime import datetime
from typing import Any, Literal

import asyncpg
from pydantic import BaseModel, ConfigDict

from account_svc.models import AppealStatus, Currency, ReviewOutcome, SuspicionKind
from account_svc.schemas.accounts import ReasonIn
from shared.ids import AppealId, EntryId, ReviewId, StaffId, UnitId, typed


class ReviewIn(ReasonIn):
    outcome: Literal[ReviewOutcome.CLEARED, ReviewOutcome.TAKEN_BACK]


class DecideAppealIn(ReasonIn):
    outcome: Literal[AppealStatus.GRANTED, AppealStatus.REFUSED]


class SuspicionReasonOut(BaseModel):
    kind: SuspicionKind
    message: str
    count: int | None
    """Of entries in the burst, or of the contact's leads."""


class SuspicionOut(BaseModel):
    """An entry that the checks find; it stays paid until somebody rules on it."""

    entry_id: EntryId
    staff_id: StaffId
    unit_id: UnitId
    cause: str
    amount: int
    currency: Currency
    earned_at: datetime
    lead_staff_id: StaffId | None
    """Who was paid for the lead of this deal, when that is somebody else."""
    reasons: list[SuspicionReasonOut]


class ReviewOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: ReviewId
    entry_id: EntryId
    staff_id: StaffId
    unit_id: UnitId
    outcome: ReviewOutcome
    reason: str
    decided_by: str
    decided_at: datetime


class AppealOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: AppealId
    review_id: ReviewId
    entry_id: EntryId
    staff_id: StaffId
    unit_id: UnitId
    reason: str
    opened_by: str
    opened_at: datetime
    status: AppealStatus
    decision: str | None
    """In the words of who decided."""
    decided_by: str | None
    decided_at: datetime | None


def suspicion_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of `fetch_suspects` in the shape of SuspicionOut."""
    return {
        "entry_id": typed("entry", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "cause": row["cause"],
        "amount": row["amount"],
        "currency": row["currency"],
        "earned_at": row["earned_at"],
        "lead_staff_id": row["lead_staff_id"] and typed("staff", row["lead_staff_id"]),
        "reasons": _reasons(row),
    }


def _reasons(row: asyncpg.Record) -> list[dict[str, Any]]:
    found = []
    if row["is_self_entered"]:
        found.append(_reason(SuspicionKind.SELF_MADE, "the seller who is paid entered the lead"))
    if row["burst"] is not None:
        message = f"one of {row['burst']} that the seller was paid for in a short time"
        found.append(_reason(SuspicionKind.BURST, message, count=row["burst"]))
    if row["contact_leads"] is not None:
        message = f"lead {row['contact_leads']} of the same contact"
        found.append(_reason(SuspicionKind.REPEATED_CONTACT, message, count=row["contact_leads"]))
    if row["lead_staff_id"] is not None:
        found.append(_reason(SuspicionKind.CROSS_DEAL, "the deal's lead was paid to another"))
    return found


def _reason(kind: SuspicionKind, message: str, *, count: int | None = None) -> dict[str, Any]:
    return {"kind": kind, "message": message, "count": count}


def review_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_REVIEW in the shape of ReviewOut."""
    return {**row, **_typed_ids(row), "id": typed("review", row["id"])}


def appeal_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_APPEAL in the shape of AppealOut."""
    return {
        **row,
        **_typed_ids(row),
        "id": typed("appeal", row["id"]),
        "review_id": typed("review", row["review_id"]),
    }


def _typed_ids(row: asyncpg.Record) -> dict[str, str]:
    return {
        "entry_id": typed("entry", row["entry_id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "unit_id": typed("unit", row["unit_id"]),
    }
