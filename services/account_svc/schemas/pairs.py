"""Bodies of profiles as they were seen, and of pairs."""

from datetime import datetime
from typing import Any

import asyncpg
import orjson
from pydantic import BaseModel, ConfigDict

from account_svc.drift import DriftField, DriftState
from account_svc.models import ProfileFacts
from shared.ids import AccountId, PersonaId, StaffId, UnitId, typed

_DENIALS = {
    DriftState.UNCHECKED: "the two accounts have not been compared: too little of them was seen",
    DriftState.FAILED: "the two accounts are no longer one persona: see the fields that differ",
}


class ProfileOut(ProfileFacts):
    model_config = ConfigDict(from_attributes=True)

    account_id: AccountId
    observed_by: str
    observed_at: datetime


class PairFieldOut(BaseModel):
    field: DriftField
    score: float | None
    """The weakest side, 0 to 1; None when it cannot be known."""
    reason: str


class PairOut(BaseModel):
    """A public account and its seller's private one, of one persona."""

    account_id: AccountId
    private_account_id: AccountId | None
    staff_id: StaffId
    unit_id: UnitId
    persona_id: PersonaId
    state: DriftState
    score: float | None
    may_open_transfer: bool
    """Whether customers may be led from the public account to the private one."""
    denial: str | None
    fields: list[PairFieldOut]
    checked_at: datetime | None


def pair_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_PAIR in the shape of PairOut."""
    private = row["private_account_id"]
    denial = (
        "the seller has no private account of this persona"
        if private is None
        else _DENIALS.get(DriftState(row["state"]))
    )
    return {
        "account_id": typed("acct", row["account_id"]),
        "private_account_id": private and typed("acct", private),
        "staff_id": typed("staff", row["staff_id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "persona_id": typed("persona", row["persona_id"]),
        "state": row["state"],
        "score": row["score"],
        "may_open_transfer": denial is None,
        "denial": denial,
        "fields": orjson.loads(row["fields"]),
        "checked_at": row["checked_at"],
    }
