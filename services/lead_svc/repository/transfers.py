"""SQL of transfers and their steps. Whoever changes one locks its contact first."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import TransferNotFound
from lead_svc.models import Contact, Transfer, TransferStatus, TransferStepTaken
from lead_svc.repository import contacts
from lead_svc.repository.leads import EVERYTHING, within
from shared.access import Extent


async def find_for_update(
    session: AsyncSession, brand_id: UUID, transfer_id: UUID, extent: Extent = EVERYTHING
) -> tuple[Contact, Transfer] | None:
    """The transfer and its contact, both locked, the contact first."""
    mine = (
        Transfer.brand_id == brand_id,
        Transfer.id == transfer_id,
        within(extent, brand_id, Transfer),
    )
    contact_id = await session.scalar(select(Transfer.contact_id).where(*mine))
    if contact_id is None:
        return None
    contact = await contacts.get_for_update(session, brand_id, contact_id)
    transfer = await session.scalar(
        select(Transfer).where(*mine).with_for_update().execution_options(populate_existing=True)
    )
    return None if transfer is None else (contact, transfer)


async def get_for_update(
    session: AsyncSession, brand_id: UUID, transfer_id: UUID, extent: Extent
) -> tuple[Contact, Transfer]:
    found = await find_for_update(session, brand_id, transfer_id, extent)
    if found is None:
        raise TransferNotFound("no such transfer")
    return found


async def list_open(
    session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID]
) -> dict[UUID, Transfer]:
    """The open transfers of these contacts, which are locked, by contact; locked too."""
    rows = await session.scalars(
        select(Transfer)
        .where(
            Transfer.brand_id == brand_id,
            Transfer.contact_id.in_(contact_ids),
            Transfer.status == TransferStatus.OPEN,
        )
        .order_by(Transfer.id)
        .with_for_update()
    )
    return {transfer.contact_id: transfer for transfer in rows}


async def count(session: AsyncSession, brand_id: UUID, contact_id: UUID) -> int:
    number = await session.scalar(
        select(func.count())
        .select_from(Transfer)
        .where(Transfer.brand_id == brand_id, Transfer.contact_id == contact_id)
    )
    return number or 0


async def list_steps(
    session: AsyncSession, brand_id: UUID, transfer_id: UUID
) -> Sequence[TransferStepTaken]:
    statement = (
        select(TransferStepTaken)
        .where(TransferStepTaken.brand_id == brand_id, TransferStepTaken.transfer_id == transfer_id)
        .order_by(TransferStepTaken.number)
    )
    return (await session.scalars(statement)).all()


async def move(session: AsyncSession, brand_id: UUID, from_id: UUID, to_id: UUID) -> list[UUID]:
    """Give the transfers of one contact to another; their ids."""
    moved = await session.scalars(
        update(Transfer)
        .where(Transfer.brand_id == brand_id, Transfer.contact_id == from_id)
        .values(contact_id=to_id)
        .returning(Transfer.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(moved.all())


async def clear_notes(session: AsyncSession, brand_id: UUID, contact_ids: Sequence[UUID]) -> None:
    await session.execute(
        update(Transfer)
        .where(Transfer.brand_id == brand_id, Transfer.contact_id.in_(contact_ids))
        .values(note=None, note_subject_id=None)
        .execution_options(synchronize_session=False)
    )
