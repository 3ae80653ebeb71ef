"""SQL of offers and policies, and the lock on the sellers of a decision."""

from collections.abc import Collection
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Offer, OfferStatus, RoutingPolicy, Seller
from lead_svc.routing import Policy


async def get_policy(session: AsyncSession, brand_id: UUID) -> Policy:
    """The brand's newest version, or the rules that hold for brands without their own."""
    row = await session.scalar(
        select(RoutingPolicy)
        .where(RoutingPolicy.brand_id == brand_id)
        .order_by(RoutingPolicy.version.desc())
        .limit(1)
    )
    return (
        Policy() if row is None else msgspec.convert({**row.rules, "version": row.version}, Policy)
    )


async def lock_sellers(
    session: AsyncSession, brand_id: UUID, staff_ids: Collection[UUID]
) -> dict[UUID, Seller]:
    """The sellers, locked in one order, so that two writers never cross."""
    found = await session.scalars(
        select(Seller)
        .where(Seller.brand_id == brand_id, Seller.id.in_(staff_ids))
        .order_by(Seller.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {seller.id: seller for seller in found}


async def find_open_offer(session: AsyncSession, brand_id: UUID, lead_id: UUID) -> Offer | None:
    """The lead's open offer, locked; the caller holds the lead."""
    offer: Offer | None = await session.scalar(
        select(Offer)
        .where(
            Offer.brand_id == brand_id,
            Offer.lead_id == lead_id,
            Offer.status == OfferStatus.OPEN,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return offer


async def find_offer_to(
    session: AsyncSession, brand_id: UUID, lead_id: UUID, staff_id: UUID
) -> Offer | None:
    """What this seller was once offered of the lead."""
    offer: Offer | None = await session.scalar(
        select(Offer).where(
            Offer.brand_id == brand_id, Offer.lead_id == lead_id, Offer.staff_id == staff_id
        )
    )
    return offer


async def find_lead_of(session: AsyncSession, brand_id: UUID, offer_id: UUID) -> UUID | None:
    lead_id: UUID | None = await session.scalar(
        select(Offer.lead_id).where(Offer.brand_id == brand_id, Offer.id == offer_id)
    )
    return lead_id


async def list_tried(session: AsyncSession, brand_id: UUID, lead_id: UUID) -> list[UUID]:
    """Sellers who had the lead on offer, in order."""
    return list(
        await session.scalars(
            select(Offer.staff_id)
            .where(Offer.brand_id == brand_id, Offer.lead_id == lead_id)
            .order_by(Offer.attempt)
        )
    )


async def list_open_ids(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> list[UUID]:
    return list(
        await session.scalars(
            select(Offer.id).where(
                Offer.brand_id == brand_id,
                Offer.staff_id == staff_id,
                Offer.status == OfferStatus.OPEN,
            )
        )
    )


async def next_policy_version(session: AsyncSession, brand_id: UUID) -> int:
    newest = await session.scalar(
        select(func.max(RoutingPolicy.version)).where(RoutingPolicy.brand_id == brand_id)
    )
    return (newest or 0) + 1
