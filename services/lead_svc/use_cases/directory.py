"""Keep the org tree and the sellers as their events say they are."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models.offer import WITHDRAW
from lead_svc.repository import directory, offers
from shared import timers
from shared.clock import now
from shared.events.account import UnitAdded


async def place_unit(session: AsyncSession, brand_id: UUID, unit: UnitAdded) -> None:
    await directory.save_unit(session, brand_id, unit)
    await move_unit(session, brand_id, unit.unit_id, unit.ancestor_ids)


async def move_unit(
    session: AsyncSession, brand_id: UUID, unit_id: UUID, ancestor_ids: list[UUID]
) -> None:
    """Put the unit and all below it under the last but one of `ancestor_ids`.

    Events of two units come in any order, so the path is taken from the parent's row where there
    is one: its newest place is the true one.
    """
    path = ancestor_ids
    if len(ancestor_ids) > 1:
        parents_path = await directory.find_path(session, brand_id, ancestor_ids[-2])
        path = [*parents_path, unit_id] if parents_path else ancestor_ids
    await directory.set_path(session, brand_id, unit_id, path)


async def mark_absent(
    session: AsyncSession,
    brand_id: UUID,
    staff_id: UUID,
    from_at: datetime,
    until_at: datetime | None,
) -> None:
    """Note the absence; offers that are open when it begins go to somebody else."""
    await directory.set_absence(session, brand_id, staff_id, from_at, until_at)
    await withdraw_offers(session, brand_id, staff_id, max(from_at, now()))


async def mark_departed(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> None:
    await directory.set_departed(session, brand_id, staff_id)
    await withdraw_offers(session, brand_id, staff_id, now())


async def withdraw_offers(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, at: datetime
) -> None:
    """Take back at that time what is on offer to the seller now, if they are still away then."""
    # By timer, one small transaction per offer: routing locks the lead before the seller, and this
    # transaction has locked the seller already.
    for offer_id in await offers.list_open_ids(session, brand_id, staff_id):
        await timers.schedule(session, brand_id, WITHDRAW, offer_id, at)
