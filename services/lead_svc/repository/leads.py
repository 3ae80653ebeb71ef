"""SQL of leads, receipts and deals as commands need them."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute as Column

from lead_svc.errors import DealNotFound, LeadNotFound
from lead_svc.models import Connection, Deal, DealStatus, Lead, Receipt, Transfer
from lead_svc.repository.units import below
from shared.access import Extent

EVERYTHING = Extent(unit_ids=None, staff_id=None)


def within(
    extent: Extent, brand_id: UUID, table: type[Lead | Deal | Transfer]
) -> ColumnElement[bool]:
    """The rows that the extent covers: all, those of subtrees of units, or one seller's."""
    return covers(extent, brand_id, staff=table.staff_id, unit=table.unit_id)


def covers(
    extent: Extent, brand_id: UUID, *, staff: Column[Any], unit: Column[Any]
) -> ColumnElement[bool]:
    """Whether the extent covers what these columns say whose it is."""
    if extent.staff_id is not None:
        return staff == extent.staff_id
    if extent.unit_ids is not None:
        subquery = below(brand=":brand", units="cast(:units as uuid[])")
        covered = text(subquery).bindparams(brand=brand_id, units=list(extent.unit_ids))
        return unit.in_(covered)
    return true()


async def get_for_update(
    session: AsyncSession, brand_id: UUID, lead_id: UUID, extent: Extent = EVERYTHING
) -> Lead:
    lead: Lead | None = await session.scalar(
        select(Lead)
        .where(Lead.brand_id == brand_id, Lead.id == lead_id, within(extent, brand_id, Lead))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return require_found(lead)


async def get_by_source(
    session: AsyncSession, brand_id: UUID, connection_id: UUID, source_lead_id: str
) -> Lead:
    """The lead that its sender calls so; it is known to exist."""
    lead = await session.scalar(
        select(Lead)
        .where(
            Lead.brand_id == brand_id,
            Lead.connection_id == connection_id,
            Lead.source_lead_id == source_lead_id,
        )
        .execution_options(populate_existing=True)
    )
    return require_found(lead)


Found = TypeVar("Found")


def require_found(found: Found | None) -> Found:
    """What was looked for; LeadNotFound when there is none."""
    if not found:
        raise LeadNotFound("no such lead")
    return found


async def add_receipt(session: AsyncSession, receipt: Receipt) -> bool:
    """Keep the delivery; False when the same came over the same connection before."""
    added = await session.scalar(
        insert(Receipt).values(_columns(receipt)).on_conflict_do_nothing().returning(Receipt.id)
    )
    return added is not None


async def add_connection(session: AsyncSession, connection: Connection) -> None:
    """Add the connection, unless a twin was faster."""
    await session.execute(insert(Connection).values(_columns(connection)).on_conflict_do_nothing())


def _columns(row: Receipt | Connection) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in type(row).__table__.columns}


async def get_receipt(
    session: AsyncSession, brand_id: UUID, receipt_id: UUID
) -> tuple[Receipt, Connection]:
    """A receipt that is known to exist, with the connection it came over."""
    row = await session.execute(
        select(Receipt, Connection)
        .join(
            Connection,
            (Connection.brand_id == Receipt.brand_id) & (Connection.id == Receipt.connection_id),
        )
        .where(Receipt.brand_id == brand_id, Receipt.id == receipt_id)
    )
    receipt, connection = row.one()
    return receipt, connection


async def get_deal_for_update(
    session: AsyncSession, brand_id: UUID, deal_id: UUID, extent: Extent
) -> Deal:
    deal: Deal | None = await session.scalar(
        select(Deal)
        .where(Deal.brand_id == brand_id, Deal.id == deal_id, within(extent, brand_id, Deal))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if deal is None:
        raise DealNotFound("no such deal")
    return deal


async def list_won_deals(session: AsyncSession, brand_id: UUID, lead_id: UUID) -> list[Deal]:
    return list(
        await session.scalars(
            select(Deal)
            .where(
                Deal.brand_id == brand_id, Deal.lead_id == lead_id, Deal.status == DealStatus.WON
            )
            .order_by(Deal.id)
            .with_for_update()
        )
    )
