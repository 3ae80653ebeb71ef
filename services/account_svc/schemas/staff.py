"""Bodies of staff, and what of a person each caller gets to see."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field, model_validator

from account_svc.models import Staff, StaffFacts, StaffStatus, status_at
from account_svc.models.facts import Facts, Phone
from shared.clock import now
from shared.ids import StaffId, UnitId, typed
from shared.instants import Instant
from shared.sealing import Vault, unseal

Reason = Annotated[str, Field(min_length=1, max_length=500)]


class StaffIn(StaffFacts):
    unit_id: UnitId


class FindStaffIn(Facts):
    phone: Phone


class MarkAbsentIn(Facts):
    from_at: Instant
    until_at: Instant | None = None
    reason: Reason

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until_at is not None and self.until_at <= self.from_at:
            raise ValueError("until_at must come after from_at")
        return self


class DepartIn(Facts):
    reason: Reason


class TransferIn(Facts):
    unit_id: UnitId


class StaffOut(BaseModel):
    """For callers without the right to see personal data, `name` and `phone` are masked (`陈*`,
    `138****8000`) and the reasons are null. All four are null once the person is erased."""

    id: StaffId
    unit_id: UnitId
    code: str
    name: str | None
    phone: str | None
    is_seller: bool
    open_lead_capacity: int
    skills: list[str]
    product_lines: list[str]
    languages: list[str]
    tier: str
    status: StaffStatus
    absent_from: datetime | None
    absent_until: datetime | None
    absence_reason: str | None
    joined_at: datetime
    departed_at: datetime | None
    departure_reason: str | None
    version: int


def mask_name(name: str) -> str:
    return f"{name[0]}*"


def mask_phone(phone: str) -> str:
    """`+8613800008000` -> `138****8000`."""
    digits = phone.removeprefix("+86").removeprefix("+")
    return f"{digits[:3]}****{digits[-4:]}"


_SEALED = ("name", "phone", "absence_reason", "departure_reason")


def open_person(
    data_key: bytes | None,
    brand_id: UUID,
    staff_id: UUID,
    sealed: Mapping[str, bytes | None],
    *,
    masked: bool,
) -> dict[str, str | None]:
    """What the caller sees of the columns `…_sealed`; nothing of an erased person."""
    if data_key is None:
        return dict.fromkeys(_SEALED)
    opened: dict[str, str | None] = {}
    for field in _SEALED:
        blob = sealed[f"{field}_sealed"]
        text = None if blob is None else unseal(data_key, blob, brand_id, staff_id, field).decode()
        opened[field] = _mask(field, text) if masked and text is not None else text
    return opened


def _mask(field: str, text: str) -> str | None:
    masks = {"name": mask_name, "phone": mask_phone}
    return masks[field](text) if field in masks else None


def staff_json(
    row: asyncpg.Record, brand_id: UUID, vault: Vault, at: datetime, *, masked: bool
) -> dict[str, Any]:
    """A row of SELECT_STAFF in the shape of StaffOut."""
    data_key = None
    if row["wrapped"] is not None:
        data_key = vault.unwrap(row["wrapped"], row["kek_version"], brand_id, row["id"])
    return {
        **open_person(data_key, brand_id, row["id"], row, masked=masked),
        "id": typed("staff", row["id"]),
        "unit_id": typed("unit", row["unit_id"]),
        "code": row["code"],
        "is_seller": row["is_seller"],
        "open_lead_capacity": row["open_lead_capacity"],
        "skills": row["skills"],
        "product_lines": row["product_lines"],
        "languages": row["languages"],
        "tier": row["tier"],
        "status": status_at(
            at,
            departed_at=row["departed_at"],
            absent_from=row["absent_from"],
            absent_until=row["absent_until"],
        ),
        "absent_from": row["absent_from"],
        "absent_until": row["absent_until"],
        "joined_at": row["joined_at"],
        "departed_at": row["departed_at"],
        "version": row["version"],
    }


def staff_out(staff: Staff, data_key: bytes | None, *, masked: bool) -> StaffOut:
    sealed = {f"{field}_sealed": getattr(staff, f"{field}_sealed") for field in _SEALED}
    return StaffOut(
        **staff.facts() | {"id": staff.id},
        **open_person(data_key, staff.brand_id, staff.id, sealed, masked=masked),
        code=staff.code,
        status=staff.status_at(now()),
        absent_from=staff.absent_from,
        absent_until=staff.absent_until,
        joined_at=staff.joined_at,
        departed_at=staff.departed_at,
        version=staff.version,
    )
