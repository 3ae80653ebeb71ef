"""SQL of what somebody who leaves hands on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Contact, Lead, LeadHandover, LeadStatus, SellerRight


async def add(
    session: AsyncSession,
    brand_id: UUID,
    handover_id: UUID,
    *,
    staff_id: UUID,
    taker_ids: Sequence[UUID],
) -> None:
    """Begin with it, unless it is begun already."""
    await session.execute(
        insert(LeadHandover)
        .values(
            brand_id=brand_id,
            id=handover_id,
            staff_id=staff_id,
            taker_ids=list(taker_ids),
            leads=0,
            contacts=0,
            version=0,
        )
        .on_conflict_do_nothing()
    )


async def find_for_update(
    session: AsyncSession, brand_id: UUID, handover_id: UUID
) -> LeadHandover | None:
    return await session.get(LeadHandover, (brand_id, handover_id), with_for_update=True)


async def open_leads_of(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, size: int
) -> Sequence[Lead]:
    """Leads that the person owns and that are not closed, locked."""
    statement = (
        select(Lead)
        .where(
            Lead.brand_id == brand_id,
            Lead.staff_id == staff_id,
            Lead.status == LeadStatus.ACCEPTED,
            Lead.closed_at.is_(None),
        )
        .order_by(Lead.id)
        .limit(size)
        .with_for_update()
    )
    return (await session.scalars(statement)).all()


async def contacts_of(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, size: int
) -> Sequence[Contact]:
    """Contacts that are the person's, locked."""
    statement = (
        select(Contact)
        .where(
            Contact.brand_id == brand_id,
            Contact.owner_staff_id == staff_id,
            Contact.merged_into_id.is_(None),
            Contact.erased_at.is_(None),
        )
        .order_by(Contact.id)
        .limit(size)
        .with_for_update()
    )
    return (await session.scalars(statement)).all()


async def who_follows(
    session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID], among: Sequence[UUID]
) -> dict[UUID, UUID]:
    """By contact: who of these owns its newest lead."""
    rows = await session.execute(
        select(Lead.contact_id, Lead.staff_id)
        .where(
            Lead.brand_id == brand_id,
            Lead.contact_id.in_(contact_ids),
            Lead.staff_id.in_(among),
            Lead.status == LeadStatus.ACCEPTED,
        )
        .order_by(Lead.id)
    )
    return {
        contact_id: staff_id
        for contact_id, staff_id in rows
        if contact_id is not None and staff_id is not None
    }


async def certified(
    session: AsyncSession, brand_id: UUID, staff_ids: Sequence[UUID], right: str, at: datetime
) -> set[UUID]:
    rows = await session.scalars(
        select(SellerRight.staff_id).where(
            SellerRight.brand_id == brand_id,
            SellerRight.staff_id.in_(staff_ids),
            SellerRight.right == right,
            SellerRight.expires_at > at,
        )
    )
    return set(rows)
