"""SQL of customers who are moved."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import (
    AccountEntry,
    ContentHandover,
    CustomerBook,
    CustomerMove,
    MoveStatus,
    MovingCustomer,
)
from shared.ids import uuid7
from shared.tables import DataKeyRow

_UNASKED = (MoveStatus.ASSIGNED, MoveStatus.ASKING)


async def open_handover(
    session: AsyncSession, brand_id: UUID, handover_id: UUID
) -> ContentHandover:
    """This service's part of the handover, locked; made when it is not there."""
    await session.execute(
        upsert(ContentHandover)
        .values(brand_id=brand_id, id=handover_id, version=0)
        .on_conflict_do_nothing()
    )
    return await session.get_one(ContentHandover, (brand_id, handover_id), with_for_update=True)


async def is_cancelled(session: AsyncSession, brand_id: UUID, handover_id: UUID) -> bool:
    cancelled_at = await session.scalar(
        select(ContentHandover.cancelled_at).where(
            ContentHandover.brand_id == brand_id, ContentHandover.id == handover_id
        )
    )
    return cancelled_at is not None


async def books_of(session: AsyncSession, brand_id: UUID, handover_id: UUID) -> Sequence[UUID]:
    found = await session.scalars(
        select(CustomerBook.id).where(
            CustomerBook.brand_id == brand_id, CustomerBook.handover_id == handover_id
        )
    )
    return found.all()


async def forget(session: AsyncSession, brand_id: UUID, book_ids: Sequence[UUID]) -> None:
    """Nobody can read any more who the customers and communities of these books were."""
    await session.execute(
        delete(DataKeyRow).where(
            DataKeyRow.brand_id == brand_id, DataKeyRow.subject_id.in_(book_ids)
        )
    )


async def is_at_rest(session: AsyncSession, book: CustomerBook) -> bool:
    """Nothing is to be asked or looked up."""
    statement = select(MovingCustomer.id).where(
        MovingCustomer.brand_id == book.brand_id,
        MovingCustomer.book_id == book.id,
        MovingCustomer.status.in_((*_UNASKED, MoveStatus.WAITING)),
    )
    return await session.scalar(statement.limit(1)) is None


async def open_book(
    session: AsyncSession, brand_id: UUID, handover_id: UUID, account_id: UUID
) -> UUID:
    """The id of the book of this account in this handover."""
    row = {"brand_id": brand_id, "handover_id": handover_id, "account_id": account_id}
    await session.execute(
        upsert(CustomerBook).values(id=uuid7(), version=0, **row).on_conflict_do_nothing()
    )
    book = await find_book(session, **row)
    assert book is not None
    return book.id


async def find_book(
    session: AsyncSession, brand_id: UUID, handover_id: UUID, account_id: UUID
) -> CustomerBook | None:
    book: CustomerBook | None = await session.scalar(
        select(CustomerBook).where(
            CustomerBook.brand_id == brand_id,
            CustomerBook.handover_id == handover_id,
            CustomerBook.account_id == account_id,
        )
    )
    return book


async def get_book_for_update(session: AsyncSession, brand_id: UUID, book_id: UUID) -> CustomerBook:
    return await session.get_one(CustomerBook, (brand_id, book_id), with_for_update=True)


async def handles(
    session: AsyncSession, brand_id: UUID, account_ids: Sequence[UUID]
) -> dict[UUID, str]:
    rows = await session.execute(
        select(AccountEntry.account_id, AccountEntry.handle).where(
            AccountEntry.brand_id == brand_id, AccountEntry.account_id.in_(account_ids)
        )
    )
    return {row.account_id: row.handle for row in rows}


async def moves_since(
    session: AsyncSession, brand_id: UUID, indexes: Sequence[bytes], since: datetime
) -> dict[bytes, list[datetime]]:
    """By customer: when the platform took moves of theirs."""
    rows = await session.execute(
        select(CustomerMove.customer_index, CustomerMove.accepted_at)
        .where(
            CustomerMove.brand_id == brand_id,
            CustomerMove.customer_index.in_(indexes),
            CustomerMove.accepted_at > since,
        )
        .order_by(CustomerMove.accepted_at)
    )
    found: dict[bytes, list[datetime]] = {}
    for index, accepted_at in rows:
        found.setdefault(index, []).append(accepted_at)
    return found


async def add_customers(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(insert(MovingCustomer), rows)


async def add_moves(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(insert(CustomerMove), rows)


async def assign(
    session: AsyncSession,
    book: CustomerBook,
    customer_ids: Sequence[UUID],
    *,
    call_id: UUID,
    taker_account_id: UUID,
) -> None:
    await session.execute(
        update(MovingCustomer)
        .where(
            MovingCustomer.brand_id == book.brand_id,
            MovingCustomer.book_id == book.id,
            MovingCustomer.id.in_(customer_ids),
            MovingCustomer.status.in_((MoveStatus.LISTED, MoveStatus.ANSWERED)),
        )
        .values(
            status=MoveStatus.ASSIGNED,
            call_id=call_id,
            taker_account_id=taker_account_id,
            asked_at=None,
            look_at=None,
        )
    )


async def next_call(session: AsyncSession, book: CustomerBook) -> Sequence[MovingCustomer]:
    """The customers of one call that is to be made, or made to the end."""
    call_id = await session.scalar(
        select(MovingCustomer.call_id)
        .where(
            MovingCustomer.brand_id == book.brand_id,
            MovingCustomer.book_id == book.id,
            MovingCustomer.status.in_(_UNASKED),
        )
        .order_by(MovingCustomer.call_id)
        .limit(1)
    )
    if call_id is None:
        return []
    return (
        await session.scalars(
            select(MovingCustomer)
            .where(
                MovingCustomer.brand_id == book.brand_id,
                MovingCustomer.book_id == book.id,
                MovingCustomer.call_id == call_id,
                MovingCustomer.status.in_(_UNASKED),
            )
            .order_by(MovingCustomer.id)
            .with_for_update()
        )
    ).all()


async def to_look_at(
    session: AsyncSession, book: CustomerBook, at: datetime
) -> Sequence[MovingCustomer]:
    """Customers whose move should have taken effect, of one taker."""
    due = select(MovingCustomer).where(
        MovingCustomer.brand_id == book.brand_id,
        MovingCustomer.book_id == book.id,
        MovingCustomer.status == MoveStatus.WAITING,
        MovingCustomer.look_at <= at,
    )
    first = await session.scalar(due.order_by(MovingCustomer.look_at).limit(1))
    if first is None:
        return []
    same = due.where(MovingCustomer.taker_account_id == first.taker_account_id)
    return (await session.scalars(same.order_by(MovingCustomer.id).with_for_update())).all()


async def next_look(session: AsyncSession, book: CustomerBook) -> datetime | None:
    found: datetime | None = await session.scalar(
        select(func.min(MovingCustomer.look_at)).where(
            MovingCustomer.brand_id == book.brand_id,
            MovingCustomer.book_id == book.id,
            MovingCustomer.status == MoveStatus.WAITING,
        )
    )
    return found
