"""Every statement about connections and receipts that is not the batch writer's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.intake.errors import ConnectionNotFound, ReceiptNotFound
from lead_svc.models import Connection, Lead, LeadStatus, Receipt, ReceiptStatus
from shared.ids import uuid7
from shared.tables import TimerRow


async def list_connections(
    session: AsyncSession, brand_id: UUID, *, first: int, after: UUID | None
) -> Sequence[Connection]:
    """Newest first."""
    statement = select(Connection).where(Connection.brand_id == brand_id)
    if after is not None:
        statement = statement.where(Connection.id < after)
    return (await session.scalars(statement.order_by(Connection.id.desc()).limit(first))).all()


async def list_receipts_by_ids(
    session: AsyncSession, brand_id: UUID, ids: list[UUID]
) -> Sequence[Receipt]:
    statement = select(Receipt).where(Receipt.brand_id == brand_id, Receipt.id.in_(ids))
    return (await session.scalars(statement)).all()


async def list_connections_by_ids(
    session: AsyncSession, brand_id: UUID, ids: list[UUID]
) -> Sequence[Connection]:
    statement = select(Connection).where(Connection.brand_id == brand_id, Connection.id.in_(ids))
    return (await session.scalars(statement)).all()


async def get_connection(session: AsyncSession, brand_id: UUID, connection_id: UUID) -> Connection:
    connection = await session.scalar(
        select(Connection).where(Connection.brand_id == brand_id, Connection.id == connection_id)
    )
    if connection is None:
        raise ConnectionNotFound("no such connection")
    return connection


async def get_connection_for_update(
    session: AsyncSession, brand_id: UUID, connection_id: UUID
) -> Connection:
    connection = await session.scalar(
        select(Connection)
        .where(Connection.brand_id == brand_id, Connection.id == connection_id)
        .with_for_update()
    )
    if connection is None:
        raise ConnectionNotFound("no such connection")
    return connection


async def list_receipts(
    session: AsyncSession,
    brand_id: UUID,
    *,
    status: ReceiptStatus | None,
    connection_id: UUID | None,
    first: int,
    after: UUID | None,
) -> Sequence[Receipt]:
    """Newest first."""
    statement = select(Receipt).where(Receipt.brand_id == brand_id)
    if status is not None:
        statement = statement.where(Receipt.status == status)
    if connection_id is not None:
        statement = statement.where(Receipt.connection_id == connection_id)
    if after is not None:
        statement = statement.where(Receipt.id < after)
    return (await session.scalars(statement.order_by(Receipt.id.desc()).limit(first))).all()


async def get_receipt_for_update(
    session: AsyncSession, brand_id: UUID, receipt_id: UUID
) -> Receipt:
    receipt = await session.scalar(
        select(Receipt)
        .where(Receipt.brand_id == brand_id, Receipt.id == receipt_id)
        .with_for_update()
    )
    if receipt is None:
        raise ReceiptNotFound("no such receipt")
    return receipt


async def add_lead(session: AsyncSession, lead: dict[str, Any]) -> Lead | None:
    """Insert a lead; None if its connection told of it before."""
    return await session.scalar(
        insert(Lead)
        .values(**lead, id=uuid7(), version=0, status=LeadStatus.CAPTURED)
        .on_conflict_do_nothing(index_elements=["brand_id", "connection_id", "source_lead_id"])
        .returning(Lead)
    )


async def get_told_lead_for_update(
    session: AsyncSession, brand_id: UUID, connection_id: UUID, source_lead_id: str
) -> Lead:
    """The lead that its sender calls so; it is there, for its insert found it."""
    lead = await session.scalars(
        select(Lead)
        .where(
            Lead.brand_id == brand_id,
            Lead.connection_id == connection_id,
            Lead.source_lead_id == source_lead_id,
        )
        .with_for_update()
    )
    return lead.one()


async def take_timer(session: AsyncSession, brand_id: UUID, kind: str, subject_id: UUID) -> bool:
    """Remove the timer in this transaction; False if another run has done its work already."""
    taken = await session.scalar(
        delete(TimerRow)
        .where(
            TimerRow.brand_id == brand_id, TimerRow.kind == kind, TimerRow.subject_id == subject_id
        )
        .returning(TimerRow.id)
    )
    return taken is not None
