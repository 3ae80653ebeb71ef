"""What happens to the people who sell."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import StaffCodeTaken, UnknownUnit
from account_svc.models import Staff, StaffFacts
from account_svc.repository import org
from account_svc.repository import staff as repository
from account_svc.repository.constraints import refusing
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.events.account import (
    StaffAbsent,
    StaffChanged,
    StaffDeparted,
    StaffJoined,
    StaffReturned,
)
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal


async def add_staff(
    session: AsyncSession, principal: Principal, vault: Vault, unit_id: UUID, facts: StaffFacts
) -> Staff:
    brand_id = principal.brand_id
    await _require_unit(session, principal, unit_id)
    staff_id = uuid7()
    data_key = await vault.create_key(session, brand_id, staff_id)
    staff = Staff(
        id=staff_id,
        brand_id=brand_id,
        unit_id=unit_id,
        joined_at=now(),
        **facts.model_dump(exclude={"name", "phone"}),
        **seal_person(vault, data_key, brand_id, staff_id, facts),
    )
    taken = StaffCodeTaken(
        "another person has this code, upper and lower case being the same", field="/code"
    )
    async with refusing(session, ("uq_staff_brand_id_code", "uq_staff_folded_code"), taken):
        session.add(staff)
        outbox.add(session, staff, StaffJoined(**staff.facts()))
    _note(session, principal, "staff.add", staff)
    return staff


async def mark_absent(
    session: AsyncSession,
    principal: Principal,
    vault: Vault,
    staff_id: UUID,
    *,
    from_at: datetime,
    until_at: datetime | None,
    reason: str,
) -> Staff:
    """The person takes no leads in that time. Why is sealed: it is often about health."""
    staff = await _get(session, principal, staff_id)
    sealed = await _seal_reason(session, vault, staff, "absence_reason", reason)
    staff.mark_absent(from_at, until_at, sealed)
    outbox.add(session, staff, StaffAbsent(staff_id=staff.id, from_at=from_at, until_at=until_at))
    _note(session, principal, "staff.mark_absent", staff)
    return staff


async def end_absence(session: AsyncSession, principal: Principal, staff_id: UUID) -> Staff:
    staff = await _get(session, principal, staff_id)
    staff.end_absence()
    outbox.add(session, staff, StaffReturned(staff_id=staff.id))
    _note(session, principal, "staff.return", staff)
    return staff


async def depart(
    session: AsyncSession, principal: Principal, vault: Vault, staff_id: UUID, *, reason: str
) -> Staff:
    """The person sells no more. Their accounts stay as they are until somebody takes them over."""
    staff = await _get(session, principal, staff_id)
    sealed = await _seal_reason(session, vault, staff, "departure_reason", reason)
    staff.depart(now(), sealed)
    outbox.add(session, staff, StaffDeparted(staff_id=staff.id))
    _note(session, principal, "staff.depart", staff)
    return staff


async def transfer(
    session: AsyncSession, principal: Principal, staff_id: UUID, unit_id: UUID
) -> Staff:
    """A new home unit; both units are in the caller's extent."""
    staff = await _get(session, principal, staff_id)
    staff.require_present()
    await _require_unit(session, principal, unit_id)
    if staff.unit_id == unit_id:
        return staff
    staff.unit_id = unit_id
    outbox.add(session, staff, StaffChanged(**staff.facts()))
    _note(session, principal, "staff.transfer", staff)
    return staff


def seal_person(
    vault: Vault, data_key: bytes, brand_id: UUID, staff_id: UUID, facts: StaffFacts
) -> dict[str, bytes | None]:
    """The columns that keep name and phone."""
    sealed: dict[str, bytes | None] = {
        "name_sealed": seal(data_key, facts.name.encode(), brand_id, staff_id, "name"),
        "phone_sealed": None,
        "phone_index": None,
    }
    if facts.phone is not None:
        phone = facts.phone.encode()
        sealed["phone_sealed"] = seal(data_key, phone, brand_id, staff_id, "phone")
        sealed["phone_index"] = vault.index(brand_id, "phone", facts.phone)
    return sealed


async def _seal_reason(
    session: AsyncSession, vault: Vault, staff: Staff, field: str, reason: str
) -> bytes:
    data_key = await vault.create_key(session, staff.brand_id, staff.id)
    return seal(data_key, reason.encode(), staff.brand_id, staff.id, field)


async def _get(session: AsyncSession, principal: Principal, staff_id: UUID) -> Staff:
    return await repository.get_staff_for_update(
        session, principal.brand_id, principal.extent, staff_id
    )


async def _require_unit(session: AsyncSession, principal: Principal, unit_id: UUID) -> None:
    if await org.find_unit(session, principal.brand_id, principal.extent, unit_id) is None:
        raise UnknownUnit("no such unit", field="/unit_id")


def _note(session: AsyncSession, principal: Principal, action: str, staff: Staff) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("staff", staff.id),
        unit=typed("unit", staff.unit_id),
    )
