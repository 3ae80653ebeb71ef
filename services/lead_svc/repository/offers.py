"""SQL of offers, policies and the sellers that come into question."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Offer, OfferStatus, RoutingPolicy, Seller
from lead_svc.routing import Candidate, Policy, Step

RING_LIMIT = 40
"""Candidates loaded from one unit; those who are able come first, the rest is counted."""

_ABLE = """(s.is_seller and not s.is_departed and s.open_load < s.open_lead_capacity
    and (s.absent_from is null or s.absent_from > :at or s.absent_until <= :at)
    and not (s.id = any(cast(:tried as uuid[]))))"""

_COLUMNS = """s.id as staff_id, s.unit_id, s.is_seller, s.is_departed, s.absent_from,
    s.absent_until, s.open_lead_capacity as capacity, s.open_load, s.last_offered_at,
    (select r.expires_at from seller_right r
        where r.brand_id = s.brand_id and r.staff_id = s.id and r."right" = :right) as right_until,
    (select bool_and(a.status in ('suspended', 'retired')) from seller_account a
        where a.brand_id = s.brand_id and a.staff_id = s.id) is true as is_suspended"""

_ONE = f"""select {_COLUMNS}, 1 as found from seller s
    where s.brand_id = :brand and s.id = :staff"""

MANY = 1_000
"""Sellers are counted up to here: what a decision costs must not grow with the brand."""

_BELOW = f"""select {_COLUMNS}, count(*) over () as found
    from (
        select s.* from org_unit u join seller s on s.brand_id = u.brand_id and s.unit_id = u.id
        where u.brand_id = :brand and u.ancestor_ids @> array[cast(:unit as uuid)]
        limit {MANY + 1}
    ) s
    order by {_ABLE} desc, s.open_load::float8 / greatest(s.open_lead_capacity, 1),
        s.last_offered_at nulls first, s.id
    limit :limit"""

# A region or the whole brand may have 130,000 sellers: those with the fewest open leads, from an
# index.
_MANY_BELOW = f"""select {_COLUMNS}, {MANY} as found
    from seller s
    where s.brand_id = :brand and {_ABLE}
        and s.unit_id = any(array(select u.id from org_unit u
            where u.brand_id = :brand and u.ancestor_ids @> array[cast(:unit as uuid)]))
    order by s.open_load, s.last_offered_at nulls first, s.id
    limit :limit"""
_BRAND = f"""select {_COLUMNS},
        (select count(*) from (select from seller where brand_id = :brand limit {MANY}) few)
            as found
    from seller s
    where s.brand_id = :brand and {_ABLE}
    order by s.open_load, s.last_offered_at nulls first, s.id
    limit :limit"""


@dataclass(frozen=True, slots=True)
class Ring:
    """The candidates of one step and distance; `found` counts those that were not loaded, too, up
    to about MANY."""

    candidates: list[Candidate]
    found: int


@dataclass(frozen=True, slots=True)
class Search:
    """What every look for candidates of one lead has in common."""

    brand_id: UUID
    at: datetime
    tried: Sequence[UUID]
    right: str | None


async def load_author(session: AsyncSession, search: Search, staff_id: UUID) -> Ring:
    rows = await _load(session, search, _ONE, {"staff": staff_id})
    return _ring(rows, Step.AUTHOR, 0)


async def load_below(
    session: AsyncSession, search: Search, unit_id: UUID, step: Step, distance: int
) -> Ring:
    """Sellers of the unit and of every unit below it."""
    given = {"unit": unit_id, "limit": RING_LIMIT}
    rows = await _load(session, search, _BELOW, given)
    if rows and rows[0]["found"] > MANY:
        # One without anybody able has to say who they are and why: then any of them will do.
        rows = await _load(session, search, _MANY_BELOW, given) or rows
    return _ring(rows, step, distance)


async def load_brand(session: AsyncSession, search: Search, distance: int) -> Ring:
    rows = await _load(session, search, _BRAND, {"limit": RING_LIMIT})
    return _ring(rows, Step.BRAND, distance)


async def _load(
    session: AsyncSession, search: Search, statement: str, given: dict[str, object]
) -> Sequence[RowMapping]:
    parameters = {"brand": search.brand_id, "right": search.right, **given}
    if ":at" in statement:
        parameters |= {"at": search.at, "tried": list(search.tried)}
    return (await session.execute(text(statement), parameters)).mappings().all()


def _ring(rows: Sequence[RowMapping], step: Step, distance: int) -> Ring:
    candidates = [
        Candidate(
            step=step, distance=distance, **{str(key): row[key] for key in row if key != "found"}
        )
        for row in rows
    ]
    return Ring(candidates, rows[0]["found"] if rows else 0)


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
