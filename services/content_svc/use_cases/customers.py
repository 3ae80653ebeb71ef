"""Customers and communities of members who leave: what the plan asks for."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.repository import customers as repository
from shared import timers
from shared.clock import now
from shared.events.account import (
    CommunitiesAssigned,
    CustomersAssigned,
    HandoverCancelled,
    HandoverOpened,
)

WORK = "customers.work"


async def open_books(session: AsyncSession, brand_id: UUID, event: HandoverOpened) -> None:
    """The customers of these accounts are to be listed, unless it is cancelled by now."""
    handover = await repository.open_handover(session, brand_id, event.handover_id)
    if handover.cancelled_at is not None:
        return
    for account_id in event.customers_of:
        book_id = await repository.open_book(session, brand_id, event.handover_id, account_id)
        await timers.schedule(session, brand_id, WORK, book_id, now())


async def assign(session: AsyncSession, brand_id: UUID, event: CustomersAssigned) -> None:
    """The customers are to be moved to the taker, in one call."""
    await _assign(session, brand_id, event, event.customer_ids)


async def assign_communities(
    session: AsyncSession, brand_id: UUID, event: CommunitiesAssigned
) -> None:
    """The communities are to have the taker as owner, in one call."""
    await _assign(session, brand_id, event, event.community_ids)


async def _assign(
    session: AsyncSession,
    brand_id: UUID,
    event: CustomersAssigned | CommunitiesAssigned,
    ids: Sequence[UUID],
) -> None:
    book = await repository.find_book(session, brand_id, event.handover_id, event.account_id)
    if book is None:
        return
    await repository.assign(
        session,
        book,
        ids,
        call_id=event.call_id,
        taker_account_id=event.taker_account_id,
    )
    await timers.schedule(session, brand_id, WORK, book.id, now())


async def cancel(session: AsyncSession, brand_id: UUID, event: HandoverCancelled) -> None:
    """Nothing new is asked of the platform; what it has taken is followed to its end."""
    handover = await repository.open_handover(session, brand_id, event.handover_id)
    if handover.cancelled_at is not None:
        return
    handover.cancelled_at = now()
    for book_id in await repository.books_of(session, brand_id, event.handover_id):
        await timers.schedule(session, brand_id, WORK, book_id, now())


async def forget(session: AsyncSession, brand_id: UUID, handover_id: UUID) -> None:
    """The handover is over: who they were is of no use any more."""
    books = await repository.books_of(session, brand_id, handover_id)
    await repository.forget(session, brand_id, books)
