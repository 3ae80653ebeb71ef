"""What others tell of a handover."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.estate import Outcome
from account_svc.models import ItemStatus
from account_svc.use_cases import handover_answers
from account_svc.use_cases.handover_answers import Told
from shared.consumer import Handler
from shared.events import Event, Received
from shared.events.content import (
    CommunitiesAnswered,
    CustomersAnswered,
    CustomersListed,
    DraftsCounted,
    DraftsHandedOver,
)
from shared.events.lead import LeadHandoverCancelled, LeadHandoverEvent, LeadHandoverFinished


async def on_customers_listed(session: AsyncSession, received: Received[CustomersListed]) -> None:
    event = received.event
    await handover_answers.add_customers(
        session,
        received.brand_id,
        event.handover_id,
        account_id=event.account_id,
        customers=[(each.customer_id, each.moved_at) for each in event.customers],
        communities=[(each.community_id, each.moved_at) for each in event.communities],
        is_last=event.is_last,
    )


async def on_customers_answered(
    session: AsyncSession, received: Received[CustomersAnswered]
) -> None:
    event = received.event
    results = [
        Told(each.customer_id, Outcome(each.outcome), each.at, each.reason)
        for each in event.results
    ]
    await handover_answers.take_results(session, received.brand_id, event.handover_id, results)


async def on_communities_answered(
    session: AsyncSession, received: Received[CommunitiesAnswered]
) -> None:
    event = received.event
    results = [
        Told(each.community_id, Outcome(each.outcome), each.at, each.reason)
        for each in event.results
    ]
    await handover_answers.take_results(session, received.brand_id, event.handover_id, results)


def _leads_become(
    status: ItemStatus,
) -> Callable[[AsyncSession, Received[LeadHandoverEvent]], Awaitable[None]]:
    async def on_lead_handover(
        session: AsyncSession, received: Received[LeadHandoverEvent]
    ) -> None:
        event = received.event
        await handover_answers.take_leads(
            session,
            received.brand_id,
            event.handover_id,
            leads=event.leads,
            contacts=event.contacts,
            status=status,
        )

    return on_lead_handover


async def on_drafts_counted(session: AsyncSession, received: Received[DraftsCounted]) -> None:
    event = received.event
    things = {each.account_id: each.drafts + each.posts for each in event.accounts}
    await handover_answers.take_drafts(
        session, received.brand_id, event.handover_id, things, is_done=False
    )


async def on_drafts_handed_over(
    session: AsyncSession, received: Received[DraftsHandedOver]
) -> None:
    event = received.event
    things = {event.account_id: event.drafts + event.posts}
    await handover_answers.take_drafts(
        session, received.brand_id, event.handover_id, things, is_done=True
    )


HANDLERS: Mapping[type[Event], Handler] = {
    CustomersListed: on_customers_listed,
    CustomersAnswered: on_customers_answered,
    CommunitiesAnswered: on_communities_answered,
    DraftsCounted: on_drafts_counted,
    DraftsHandedOver: on_drafts_handed_over,
    LeadHandoverFinished: _leads_become(ItemStatus.DONE),
    LeadHandoverCancelled: _leads_become(ItemStatus.CANCELLED),
}
