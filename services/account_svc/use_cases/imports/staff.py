"""Staff of a file, a chunk at a time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import Staff, StaffFacts
from account_svc.repository import imports as repository
from account_svc.use_cases.imports.rows import StaffRow
from account_svc.use_cases.imports.tally import TakenMeanwhile, Tally
from account_svc.use_cases.staff import seal_person
from shared import outbox
from shared.clock import now
from shared.events.account import StaffChanged, StaffJoined
from shared.ids import uuid7
from shared.sealing import Vault, unseal
from shared.tables import DataKeyRow

_PERSONAL = {"name", "phone"}
_Added = tuple[int, UUID, UUID, StaffRow]
"""The line, and of a new person the id, the unit's id and the facts."""
_OPEN_FACTS = tuple(name for name in StaffFacts.model_fields if name not in _PERSONAL)


async def take_staff(
    session: AsyncSession,
    brand_id: UUID,
    vault: Vault,
    rows: Sequence[tuple[int, StaffRow]],
    tally: Tally,
) -> None:
    """Add the new people and change the known ones, by a few statements for the whole chunk.

    COPY would be faster but cannot write to tables with row-level security.
    """
    await repository.lock_kind(session, brand_id, "staff")
    units = await repository.unit_ids_by_code(session, brand_id, {row.unit_code for _, row in rows})
    known = await repository.staff_by_code(session, brand_id, {row.code for _, row in rows})
    keys = await vault.keys(session, brand_id, [staff.id for staff in known.values()])
    added: list[_Added] = []
    for line, row in rows:
        unit_id, staff = units.get(row.unit_code), known.get(row.code)
        if unit_id is None:
            tally.refuse(line, "unit_code", "no unit has this code")
        elif staff is None:
            added.append((line, uuid7(), unit_id, row))
        elif staff.departed_at is not None:
            tally.refuse(line, "code", "this person no longer sells for the brand")
        else:
            is_changed = await _change(session, vault, keys.get(staff.id), staff, unit_id, row)
            tally.note_change(is_changed=is_changed)
    if added:
        await _add_all(session, brand_id, vault, added, tally)


async def _add_all(
    session: AsyncSession,
    brand_id: UUID,
    vault: Vault,
    added: Sequence[_Added],
    tally: Tally,
) -> None:
    at = now()
    people: list[dict[str, Any]] = []
    keys: list[dict[str, Any]] = []
    events: list[tuple[StaffJoined, int]] = []
    for _, staff_id, unit_id, row in added:
        data_key, wrapped, kek_version = vault.wrap_new(brand_id, staff_id)
        facts = {name: getattr(row, name) for name in _OPEN_FACTS}
        identity = {"brand_id": brand_id, "id": staff_id, "unit_id": unit_id}
        sealed = seal_person(vault, data_key, brand_id, staff_id, row)
        people.append({**identity, **facts, **sealed, "joined_at": at, "version": 1})
        keys.append(
            {
                "brand_id": brand_id,
                "subject_id": staff_id,
                "kek_version": kek_version,
                "wrapped": wrapped,
                "created_at": at,
            }
        )
        events.append((StaffJoined(staff_id=staff_id, unit_id=unit_id, **facts), 1))
    new = await repository.insert_named(session, Staff, people)
    clashing = {person["code"] for person in people if person["id"] not in new}
    if clashing and await repository.staff_by_code(session, brand_id, clashing):
        raise TakenMeanwhile
    tally.note_added((line, "code", staff_id in new) for line, staff_id, _, _ in added)
    if new:
        await session.execute(insert(DataKeyRow), [key for key in keys if key["subject_id"] in new])
        await outbox.add_many(
            session, brand_id, [each for each in events if each[0].staff_id in new]
        )


async def _change(
    session: AsyncSession,
    vault: Vault,
    data_key: bytes | None,
    staff: Staff,
    unit_id: UUID,
    row: StaffRow,
) -> bool:
    """Make the person as the row says; announced only where it differs.

    An erased person (no key) gets a fresh key: the file says that they are back.
    """
    before = staff.facts()
    staff.unit_id = unit_id
    for name in _OPEN_FACTS:
        if getattr(staff, name) != getattr(row, name):
            setattr(staff, name, getattr(row, name))
    is_announced = staff.facts() != before
    is_personal = data_key is None or not _is_same_person(data_key, staff, row)
    if is_personal:
        data_key = data_key or await vault.create_key(session, staff.brand_id, staff.id)
        sealed = seal_person(vault, data_key, staff.brand_id, staff.id, row)
        for column, value in sealed.items():
            setattr(staff, column, value)
    if is_announced:
        outbox.add(session, staff, StaffChanged(**staff.facts()))
    return is_announced or is_personal


def _is_same_person(data_key: bytes, staff: Staff, row: StaffRow) -> bool:
    """Sealing the same text twice gives different blobs, so both are opened to compare."""
    opened = {
        name: blob and unseal(data_key, blob, staff.brand_id, staff.id, name).decode()
        for name, blob in (("name", staff.name_sealed), ("phone", staff.phone_sealed))
    }
    return opened == {"name": row.name, "phone": row.phone}
