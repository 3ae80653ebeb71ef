"""SQL of staff."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import StaffNotFound
from account_svc.models import Staff, StaffStatus
from account_svc.repository.org import subtree_ids
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent

SELECT_STAFF = """select s.id, s.unit_id, s.code, s.name_sealed, s.phone_sealed, s.is_seller,
    s.open_lead_capacity, s.skills, s.product_lines, s.languages, s.tier, s.absent_from,
    s.absent_until, s.absence_reason_sealed, s.joined_at, s.departed_at, s.departure_reason_sealed,
    s.version, k.wrapped, k.kek_version
    from staff s left join data_key k on k.brand_id = s.brand_id and k.subject_id = s.id"""


async def find_staff(
    session: AsyncSession, brand_id: UUID, extent: Extent, staff_id: UUID
) -> Staff | None:
    """The person, locked until the end of the transaction."""
    statement = select(Staff).where(Staff.brand_id == brand_id, Staff.id == staff_id)
    if extent.unit_ids is not None:
        statement = statement.where(Staff.unit_id.in_(subtree_ids(brand_id, extent.unit_ids)))
    if extent.staff_id is not None:
        statement = statement.where(Staff.id == extent.staff_id)
    found: Staff | None = await session.scalar(statement.with_for_update())
    return found


async def get_staff_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, staff_id: UUID
) -> Staff:
    staff = await find_staff(session, brand_id, extent, staff_id)
    if staff is None:
        raise StaffNotFound("no such person")
    return staff


async def departed_among(
    session: AsyncSession, brand_id: UUID, staff_ids: Sequence[UUID]
) -> set[UUID]:
    """Those who sell no more; nobody is locked."""
    departed = Staff.departed_at.is_not(None)
    of_these = (Staff.brand_id == brand_id) & Staff.id.in_(staff_ids)
    return set(await session.scalars(select(Staff.id).where(of_these, departed)))


def visible_staff(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("s", brand_id)
    if extent.unit_ids is not None:
        conditions.add(f"s.unit_id = any({SUBTREES})", list(extent.unit_ids))
    conditions.add_given("s.id = ?", extent.staff_id)
    return conditions


def filtered_staff(
    brand_id: UUID,
    extent: Extent,
    *,
    unit_id: UUID | None,
    status: StaffStatus | None,
    q: str | None,
    at: datetime,
) -> Conditions:
    conditions = visible_staff(brand_id, extent)
    if unit_id is not None:
        conditions.add(f"s.unit_id = any({SUBTREES})", [unit_id])
    if status is not None:
        conditions.add(
            """case when s.departed_at is not null then 'departed'
                when s.absent_from <= ? and (s.absent_until is null or ? < s.absent_until)
                then 'absent' else 'active' end = ?""",
            at,
            at,
            status.value,
        )
    if q:
        conditions.add("starts_with(s.code, ?)", q)
    return conditions
