"""Drafts and queued posts of somebody who leaves: they belong to their account and follow it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.repository import customers, directory, leftovers
from shared import outbox
from shared.events.account import DraftsAssigned, HandoverOpened
from shared.events.content import AccountDrafts, DraftsCounted, DraftsHandedOver


async def tell(session: AsyncSession, brand_id: UUID, event: HandoverOpened) -> None:
    """How much waits on the accounts that are left."""
    handover = await customers.open_handover(session, brand_id, event.handover_id)
    if handover.cancelled_at is not None or not event.account_ids:
        return
    counted = await leftovers.count(session, brand_id, event.account_ids)
    outbox.add(
        session,
        handover,
        DraftsCounted(
            handover_id=handover.id,
            accounts=[
                AccountDrafts(account_id=account_id, drafts=drafts, posts=posts)
                for account_id, drafts, posts in counted
            ],
        ),
    )


async def hand_over(session: AsyncSession, brand_id: UUID, event: DraftsAssigned) -> None:
    """What waits on the account is with whoever runs it now.

    That the account has another owner is told on another topic and may be heard of later: until
    then the posts are given here. Somebody else who runs it by now keeps them.
    """
    handover = await customers.open_handover(session, brand_id, event.handover_id)
    if event.taker_id is not None and await directory.runs(
        session, brand_id, event.account_id, event.from_staff_id
    ):
        await directory.give_posts(
            session, brand_id, event.account_id, staff_id=event.taker_id, unit_id=event.unit_id
        )
    ((account_id, drafts, posts),) = await leftovers.count(session, brand_id, [event.account_id])
    outbox.add(
        session,
        handover,
        DraftsHandedOver(
            handover_id=handover.id, account_id=account_id, drafts=drafts, posts=posts
        ),
    )
