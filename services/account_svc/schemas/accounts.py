"""Bodies of accounts and personas."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from account_svc.models import (
    STARTS,
    AccountFacts,
    Domain,
    PersonaKind,
    Seat,
    StatusState,
)
from account_svc.models.facts import Facts
from account_svc.models.platform_status import state_at
from shared.events.account import AccountStatus, Ownership, Platform, PlatformStatus
from shared.ids import AccountId, PersonaId, StaffId, UnitId, typed


def _a_start(status: AccountStatus) -> AccountStatus:
    if status not in STARTS:
        raise ValueError("an account starts as planned, pending or active")
    return status


class AccountIn(AccountFacts):
    unit_id: UnitId
    staff_id: StaffId | None = None
    persona_id: PersonaId | None = None
    status: Annotated[AccountStatus, AfterValidator(_a_start)] = AccountStatus.PLANNED


class ReasonIn(Facts):
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ActivateIn(Facts):
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class HandOverIn(ReasonIn):
    staff_id: StaffId


class PairIn(Facts):
    persona_id: PersonaId


class AccountOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: AccountId
    platform: Platform
    handle: str
    platform_id: str | None
    display_name: str
    domain: Domain
    seat: Seat
    unit_id: UnitId
    staff_id: StaffId | None
    persona_id: PersonaId | None
    status: AccountStatus
    status_reason: str | None
    status_changed_at: datetime
    ownership: Ownership | None
    version: int


class AccountChangeOut(BaseModel):
    """One step of an account's life."""

    account_id: AccountId
    from_status: AccountStatus | None
    to_status: AccountStatus
    staff_id: StaffId | None
    reason: str | None
    actor: str
    at: datetime


class PlatformStatusOut(BaseModel):
    """What was seen on the platform, and what of it holds now."""

    platform_status: PlatformStatus
    state: StatusState
    is_held: bool
    valid_from: datetime
    valid_to: datetime | None
    reference: str
    noted_by: str
    noted_at: datetime


class AccountStatusesOut(BaseModel):
    """Every note, the latest first; the first about a status that has begun holds."""

    account_id: AccountId
    statuses: list[PlatformStatusOut]


class PersonaOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: PersonaId
    kind: PersonaKind
    name: str
    bio: str
    tone: str
    taboo_words: list[str]
    interests: list[str]
    name_pattern: str | None
    picture_hash: str | None


def account_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_ACCOUNT in the shape of AccountOut."""
    return {
        **row,
        "id": typed("acct", row["id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "staff_id": row["staff_id"] and typed("staff", row["staff_id"]),
        "persona_id": row["persona_id"] and typed("persona", row["persona_id"]),
    }


def change_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_CHANGE in the shape of AccountChangeOut."""
    shaped = {
        **row,
        "account_id": typed("acct", row["account_id"]),
        "staff_id": row["staff_id"] and typed("staff", row["staff_id"]),
    }
    del shaped["id"]
    return shaped


def statuses_json(
    account_id: UUID, notes: Sequence[asyncpg.Record], at: datetime
) -> dict[str, Any]:
    """Notes of one account, the latest first, in the shape of AccountStatusesOut."""
    told: set[str] = set()
    statuses = []
    for note in notes:
        state = StatusState.SUPERSEDED
        if note["platform_status"] not in told:
            if note["valid_from"] <= at:
                told.add(note["platform_status"])
            state = state_at(
                at,
                is_held=note["is_held"],
                valid_from=note["valid_from"],
                valid_to=note["valid_to"],
            )
        status = {**note, "state": state}
        del status["account_id"]
        statuses.append(status)
    return {"account_id": typed("acct", account_id), "statuses": statuses}


def persona_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_PERSONA in the shape of PersonaOut."""
    return {**row, "id": typed("persona", row["id"])}
