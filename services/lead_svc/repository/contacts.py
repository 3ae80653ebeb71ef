"""SQL of contacts, what names them and whom they met."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import ContactNotFound
from lead_svc.models import Contact, ContactIdentity, Lead, Touchpoint
from shared.ids import uuid7
from shared.tables import DataKeyRow

Found = TypeVar("Found")


def require_found(found: Found | None) -> Found:
    """What was looked for; ContactNotFound when there is none."""
    if not found:
        raise ContactNotFound("no such contact")
    return found


async def get_for_update(session: AsyncSession, brand_id: UUID, contact_id: UUID) -> Contact:
    """The contact, or the one it was merged into."""
    contact = await session.scalar(
        select(Contact)
        .where(Contact.brand_id == brand_id, Contact.id == contact_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    contact = require_found(contact)
    if contact.merged_into_id is not None:
        return await get_for_update(session, brand_id, contact.merged_into_id)
    return contact


async def is_erased(session: AsyncSession, brand_id: UUID, contact_id: UUID) -> bool:
    erased_at = await session.scalar(
        select(Contact.erased_at).where(Contact.brand_id == brand_id, Contact.id == contact_id)
    )
    return erased_at is not None


async def lock_many(
    session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID]
) -> list[Contact]:
    """The contacts, oldest first; locked in one order, so that two writers never cross."""
    return list(
        await session.scalars(
            select(Contact)
            .where(Contact.brand_id == brand_id, Contact.id.in_(contact_ids))
            .order_by(Contact.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


async def find_by_identities(
    session: AsyncSession, brand_id: UUID, indexes: Sequence[tuple[str, bytes]]
) -> dict[tuple[str, bytes], UUID]:
    """Which contact each (kind, blind index) names."""
    rows = await session.execute(
        select(ContactIdentity.kind, ContactIdentity.value_index, ContactIdentity.contact_id).where(
            ContactIdentity.brand_id == brand_id,
            ContactIdentity.value_index.in_([index for _, index in indexes]),
        )
    )
    wanted = set(indexes)
    return {
        (kind, index): contact_id for kind, index, contact_id in rows if (kind, index) in wanted
    }


async def add_identities(
    session: AsyncSession, brand_id: UUID, contact_id: UUID, indexes: Sequence[tuple[str, bytes]]
) -> int:
    """Claim these for the contact; how many were still free. Waits for a concurrent claim."""
    added = await session.scalars(
        insert(ContactIdentity)
        .values(
            [
                {
                    "id": uuid7(),
                    "brand_id": brand_id,
                    "contact_id": contact_id,
                    "kind": kind,
                    "value_index": index,
                }
                for kind, index in sorted(indexes)
            ]
        )
        .on_conflict_do_nothing(index_elements=["brand_id", "kind", "value_index"])
        .returning(ContactIdentity.id)
    )
    return len(added.all())


async def move_identities(
    session: AsyncSession, brand_id: UUID, from_id: UUID, to_id: UUID
) -> list[UUID]:
    moved = await session.scalars(
        update(ContactIdentity)
        .where(ContactIdentity.brand_id == brand_id, ContactIdentity.contact_id == from_id)
        .values(contact_id=to_id)
        .returning(ContactIdentity.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(moved.all())


async def move_leads(
    session: AsyncSession, brand_id: UUID, from_id: UUID, to_id: UUID
) -> list[UUID]:
    """Give the leads and touchpoints of one contact to another; the leads' ids."""
    await session.execute(
        update(Touchpoint)
        .where(Touchpoint.brand_id == brand_id, Touchpoint.contact_id == from_id)
        .values(contact_id=to_id)
        .execution_options(synchronize_session=False)
    )
    moved = await session.scalars(
        update(Lead)
        .where(Lead.brand_id == brand_id, Lead.contact_id == from_id)
        .values(contact_id=to_id)
        .returning(Lead.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(moved.all())


async def add_touchpoint(session: AsyncSession, touchpoint: Touchpoint) -> None:
    session.add(touchpoint)
    await session.flush()  # attribution reads it back in this transaction


async def list_touchpoints(
    session: AsyncSession, brand_id: UUID, contact_id: UUID, *, since: datetime, until: datetime
) -> list[Touchpoint]:
    """Newest first; ends included."""
    return list(
        await session.scalars(
            select(Touchpoint)
            .where(
                Touchpoint.brand_id == brand_id,
                Touchpoint.contact_id == contact_id,
                Touchpoint.at.between(since, until),
            )
            .order_by(Touchpoint.at.desc(), Touchpoint.id.desc())
            .limit(100)
        )
    )


async def list_merged_ids(session: AsyncSession, brand_id: UUID, contact_id: UUID) -> list[UUID]:
    """The contact and all that were merged into it, at any depth."""
    found = [contact_id]
    level = [contact_id]
    while level:
        level = list(
            await session.scalars(
                select(Contact.id).where(
                    Contact.brand_id == brand_id, Contact.merged_into_id.in_(level)
                )
            )
        )
        found.extend(level)
    return found


async def list_receipt_ids(
    session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID]
) -> list[UUID]:
    """Every delivery that spoke of these contacts."""
    from_leads = select(Lead.receipt_id).where(
        Lead.brand_id == brand_id, Lead.contact_id.in_(contact_ids)
    )
    from_touches = select(Touchpoint.receipt_id).where(
        Touchpoint.brand_id == brand_id, Touchpoint.contact_id.in_(contact_ids)
    )
    return list(await session.scalars(from_leads.union(from_touches)))


async def destroy_keys(session: AsyncSession, brand_id: UUID, subject_ids: Sequence[UUID]) -> None:
    await session.execute(
        delete(DataKeyRow).where(
            DataKeyRow.brand_id == brand_id, DataKeyRow.subject_id.in_(subject_ids)
        )
    )


async def clear_identities(
    session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID]
) -> None:
    await session.execute(
        delete(ContactIdentity).where(
            ContactIdentity.brand_id == brand_id, ContactIdentity.contact_id.in_(contact_ids)
        )
    )
