"""Sales that came of leads, and sales that came to nothing."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import LeadNotOwned
from lead_svc.models import Deal, DealStatus, Lead, LeadStatus
from lead_svc.repository import contacts, leads, offers
from lead_svc.use_cases.contacts import note_stage
from shared import audit, outbox
from shared.access import Extent
from shared.clock import now
from shared.events.lead import DealVoided, DealWon, Stage
from shared.ids import typed, uuid7


async def win_deal(
    session: AsyncSession,
    brand_id: UUID,
    extent: Extent,
    *,
    lead_id: UUID,
    amount_minor: int,
    currency: str,
    closed_at: datetime,
    actor: str,
) -> Deal:
    """The contact of an accepted lead bought: the deal is credited to the lead's owner.

    The contact reaches the stage `deal` step by step, so that its history misses none.
    """
    lead = await leads.get_for_update(session, brand_id, lead_id, extent)
    lead.require_not_voided()
    if lead.status is not LeadStatus.ACCEPTED:
        raise LeadNotOwned("no seller has accepted the lead", field="/lead_id")
    assert lead.staff_id is not None
    assert lead.unit_id is not None
    assert lead.contact_id is not None
    deal = Deal(
        id=uuid7(),
        brand_id=brand_id,
        version=0,
        lead_id=lead.id,
        contact_id=lead.contact_id,
        staff_id=lead.staff_id,
        unit_id=lead.unit_id,
        account_id=lead.account_id,
        post_id=lead.post_id,
        campaign_id=lead.campaign_id,
        amount_minor=amount_minor,
        currency=currency,
        status=DealStatus.WON,
        closed_at=closed_at,
    )
    session.add(deal)
    outbox.add(session, deal, DealWon(**_facts(deal), closed_at=closed_at))
    audit.record(
        session,
        actor=actor,
        action="deal.win",
        subject=typed("deal", deal.id),
        lead_id=typed("lead", lead.id),
    )
    await _advance_contact(session, lead, actor)
    if lead.closed_at is None:
        lead.closed_at = now()
        sellers = await offers.lock_sellers(session, brand_id, [lead.staff_id])
        for seller in sellers.values():
            seller.open_load -= 1
    return deal


async def _advance_contact(session: AsyncSession, lead: Lead, actor: str) -> None:
    assert lead.contact_id is not None
    contact = await contacts.get_for_update(session, lead.brand_id, lead.contact_id)
    while contact.erased_at is None and contact.stage is not Stage.DEAL:
        from_stage = contact.stage
        contact.move_to(contact.next_stage)
        note_stage(session, contact, from_stage, actor=actor)


async def void_deal(
    session: AsyncSession, brand_id: UUID, extent: Extent, deal_id: UUID, *, reason: str, actor: str
) -> Deal:
    deal = await leads.get_deal_for_update(session, brand_id, deal_id, extent)
    close_voided_deal(session, deal, reason=reason, actor=actor)
    return deal


def close_voided_deal(session: AsyncSession, deal: Deal, *, reason: str, actor: str) -> None:
    """Void the deal, which is locked."""
    deal.void(reason)
    outbox.add(session, deal, DealVoided(**_facts(deal), reason=reason))
    audit.record(
        session, actor=actor, action="deal.void", subject=typed("deal", deal.id), reason=reason
    )


def _facts(deal: Deal) -> dict[str, object]:
    return {
        "deal_id": deal.id,
        "lead_id": deal.lead_id,
        "contact_id": deal.contact_id,
        "staff_id": deal.staff_id,
        "unit_id": deal.unit_id,
        "account_id": deal.account_id,
        "post_id": deal.post_id,
        "campaign_id": deal.campaign_id,
        "amount_minor": deal.amount_minor,
        "currency": deal.currency,
    }
