"""Bodies of handovers."""

from datetime import datetime
from typing import Annotated, Any

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from account_svc.models import ItemKind, ItemStatus, PolicyFact
from account_svc.models.facts import Facts
from shared.events.account import HandoverStatus, Ownership
from shared.ids import AccountId, HandoverId, HandoverItemId, StaffId, typed


class OwnershipIn(Facts):
    ownership: Ownership
    reference: Annotated[str, Field(min_length=1, max_length=500)]
    """Where it is written: a contract, a signed consent."""


class HandoverOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: HandoverId
    staff_id: StaffId
    status: HandoverStatus
    taker_ids: list[StaffId]
    awaited_ids: list[AccountId]
    """Accounts whose customers and communities have not been listed yet."""
    starts_at: datetime
    opened_by: str
    opened_at: datetime
    finished_at: datetime | None
    cancel_reason: str | None
    version: int


class HandoverItemOut(BaseModel):
    id: HandoverItemId
    handover_id: HandoverId
    kind: ItemKind
    account_id: AccountId | None
    things: int
    """How many there are of it; of leads and contacts, what was given to others; of drafts, drafts
    and queued posts."""
    status: ItemStatus
    taker_id: StaffId | None
    due_at: datetime | None
    waits_for: PolicyFact | None
    """The platform's limit that the step waits for."""
    refusal: str | None
    attempts: int
    changed_at: datetime


class ItemCountOut(BaseModel):
    kind: ItemKind
    status: ItemStatus
    items: int
    things: int
    next_at: datetime | None
    """When the first of them is due."""


class HandoverProgressOut(BaseModel):
    handover_id: HandoverId
    counts: list[ItemCountOut]


def handover_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_HANDOVER in the shape of HandoverOut."""
    return {
        **row,
        "id": typed("handover", row["id"]),
        "staff_id": typed("staff", row["staff_id"]),
        "taker_ids": [typed("staff", each) for each in row["taker_ids"]],
        "awaited_ids": [typed("acct", each) for each in row["awaited_ids"]],
    }


def item_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_ITEM in the shape of HandoverItemOut."""
    return {
        **row,
        "id": typed("hitem", row["id"]),
        "handover_id": typed("handover", row["handover_id"]),
        "account_id": row["account_id"] and typed("acct", row["account_id"]),
        "taker_id": row["taker_id"] and typed("staff", row["taker_id"]),
    }


def count_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of progress in the shape of ItemCountOut."""
    shaped = {**row}
    del shaped["handover_id"]
    return shaped
