"""Events of the other services: the account directory and what became of leads and deals."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import AccountEntry, DealOutcome, UnitEntry
from content_svc.repository import directory, outcomes
from content_svc.use_cases import customers, leftovers
from shared.consumer import Handler
from shared.events import Event, Received
from shared.events.account import (
    AccountActivated,
    AccountChanged,
    AccountEvent,
    AccountHandedOver,
    AccountPaired,
    AccountRegistered,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    AccountSuspended,
    CertificateEarned,
    CertificateExpired,
    CommunitiesAssigned,
    CustomersAssigned,
    DraftsAssigned,
    HandoverCancelled,
    HandoverFinished,
    HandoverOpened,
    StaffChanged,
    StaffDeparted,
    StaffJoined,
    UnitAdded,
    UnitChanged,
    UnitMoved,
)
from shared.events.lead import (
    LARGEST_DEAL,
    DealEvent,
    DealVoided,
    DealWon,
    LeadAccepted,
    LeadQualified,
    LeadVoided,
)

TOPICS = ("kos.account", "kos.deal", "kos.handover", "kos.lead", "kos.org", "kos.staff")


async def on_unit_added(session: AsyncSession, received: Received[UnitAdded]) -> None:
    """Also for UnitChanged, which tells the same facts."""
    event = received.event
    await directory.put_unit(
        session,
        UnitEntry(
            brand_id=received.brand_id,
            unit_id=event.unit_id,
            parent_id=event.ancestor_ids[-2] if len(event.ancestor_ids) > 1 else None,
            ancestor_ids=event.ancestor_ids,
            kind=event.kind,
            code=event.code,
            name=event.name,
            city_code=event.city_code,
            city=event.city,
        ),
    )


async def on_unit_moved(session: AsyncSession, received: Received[UnitMoved]) -> None:
    event = received.event
    await directory.move_unit(session, received.brand_id, event.unit_id, event.ancestor_ids)


async def on_staff_joined(session: AsyncSession, received: Received[StaffJoined]) -> None:
    event = received.event
    await directory.put_staff(
        session,
        received.brand_id,
        event.staff_id,
        unit_id=event.unit_id,
        is_departed=False,
    )


async def on_staff_departed(session: AsyncSession, received: Received[StaffDeparted]) -> None:
    await directory.put_staff(
        session,
        received.brand_id,
        received.event.staff_id,
        unit_id=None,
        is_departed=True,
    )


async def on_certificate_earned(
    session: AsyncSession, received: Received[CertificateEarned]
) -> None:
    await directory.put_right(session, received.brand_id, received.event)


async def on_certificate_expired(
    session: AsyncSession, received: Received[CertificateExpired]
) -> None:
    event = received.event
    await directory.remove_right(session, received.brand_id, event.staff_id, event.right)


async def on_account_registered(
    session: AsyncSession, received: Received[AccountRegistered]
) -> None:
    """Also for AccountChanged, which tells the same facts."""
    event = received.event
    await directory.put_account(
        session,
        AccountEntry(
            brand_id=received.brand_id,
            account_id=event.account_id,
            platform=event.platform,
            handle=event.handle,
            display_name=event.display_name or event.handle,
            domain=event.domain,
            seat=event.seat,
            unit_id=event.unit_id,
            staff_id=event.staff_id,
            persona_id=event.persona_id,
            persona_kind=event.persona_kind,
            status=event.status,
        ),
    )


def _becomes(
    status: AccountStatus,
) -> Callable[[AsyncSession, Received[AccountEvent]], Awaitable[None]]:
    async def on_status(session: AsyncSession, received: Received[AccountEvent]) -> None:
        await directory.set_account_status(
            session, received.brand_id, received.event.account_id, status
        )

    return on_status


async def on_account_handed_over(
    session: AsyncSession, received: Received[AccountHandedOver]
) -> None:
    event = received.event
    await directory.hand_account_over(
        session,
        received.brand_id,
        event.account_id,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
    )


async def on_account_paired(session: AsyncSession, received: Received[AccountPaired]) -> None:
    event = received.event
    await directory.pair_account(
        session,
        received.brand_id,
        event.account_id,
        persona_id=event.persona_id,
        kind=event.persona_kind,
    )


async def on_lead_qualified(session: AsyncSession, received: Received[LeadQualified]) -> None:
    event = received.event
    await outcomes.put_lead(session, received.brand_id, event.lead_id, **_credit(event))


async def on_lead_accepted(session: AsyncSession, received: Received[LeadAccepted]) -> None:
    event = received.event
    await outcomes.put_lead(
        session, received.brand_id, event.lead_id, is_accepted=True, **_credit(event)
    )


async def on_lead_voided(session: AsyncSession, received: Received[LeadVoided]) -> None:
    await outcomes.put_lead(session, received.brand_id, received.event.lead_id, is_voided=True)


async def on_deal_won(session: AsyncSession, received: Received[DealWon]) -> None:
    await outcomes.put_deal(session, _deal(received, is_voided=False))


async def on_deal_voided(session: AsyncSession, received: Received[DealVoided]) -> None:
    await outcomes.put_deal(session, _deal(received, is_voided=True))


def _deal(received: Received[Any], *, is_voided: bool) -> DealOutcome:
    event: DealEvent = received.event
    return DealOutcome(
        brand_id=received.brand_id,
        deal_id=event.deal_id,
        amount_minor=min(max(event.amount_minor, 0), LARGEST_DEAL),
        currency=event.currency,
        is_voided=is_voided,
        **_credit(event),
    )


def _credit(event: LeadQualified | LeadAccepted | DealEvent) -> dict[str, Any]:
    return {
        "post_id": event.post_id,
        "account_id": event.account_id,
        "campaign_id": event.campaign_id,
    }


async def on_handover_opened(session: AsyncSession, received: Received[HandoverOpened]) -> None:
    await customers.open_books(session, received.brand_id, received.event)
    await leftovers.tell(session, received.brand_id, received.event)


async def on_handover_finished(session: AsyncSession, received: Received[HandoverFinished]) -> None:
    await customers.forget(session, received.brand_id, received.event.handover_id)


async def on_customers_assigned(
    session: AsyncSession, received: Received[CustomersAssigned]
) -> None:
    await customers.assign(session, received.brand_id, received.event)


async def on_handover_cancelled(
    session: AsyncSession, received: Received[HandoverCancelled]
) -> None:
    await customers.cancel(session, received.brand_id, received.event)


async def on_communities_assigned(
    session: AsyncSession, received: Received[CommunitiesAssigned]
) -> None:
    await customers.assign_communities(session, received.brand_id, received.event)


async def on_drafts_assigned(session: AsyncSession, received: Received[DraftsAssigned]) -> None:
    await leftovers.hand_over(session, received.brand_id, received.event)


HANDLERS: dict[type[Event], Handler] = {
    UnitAdded: on_unit_added,
    UnitChanged: on_unit_added,
    UnitMoved: on_unit_moved,
    StaffJoined: on_staff_joined,
    StaffChanged: on_staff_joined,
    StaffDeparted: on_staff_departed,
    CertificateEarned: on_certificate_earned,
    CertificateExpired: on_certificate_expired,
    AccountRegistered: on_account_registered,
    AccountChanged: on_account_registered,
    AccountActivated: _becomes(AccountStatus.ACTIVE),
    AccountRestricted: _becomes(AccountStatus.RESTRICTED),
    AccountSuspended: _becomes(AccountStatus.SUSPENDED),
    AccountHandedOver: on_account_handed_over,
    AccountRetired: _becomes(AccountStatus.RETIRED),
    AccountPaired: on_account_paired,
    LeadQualified: on_lead_qualified,
    LeadAccepted: on_lead_accepted,
    LeadVoided: on_lead_voided,
    DealWon: on_deal_won,
    DealVoided: on_deal_voided,
    HandoverOpened: on_handover_opened,
    HandoverCancelled: on_handover_cancelled,
    HandoverFinished: on_handover_finished,
    CustomersAssigned: on_customers_assigned,
    CommunitiesAssigned: on_communities_assigned,
    DraftsAssigned: on_drafts_assigned,
}
