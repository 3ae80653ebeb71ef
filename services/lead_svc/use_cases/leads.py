"""Leads that turn out to be none."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Lead, LeadStatus, OfferStatus
from lead_svc.models.offer import EXPIRE
from lead_svc.repository import leads, offers
from lead_svc.use_cases.deals import close_voided_deal
from shared import audit, outbox, timers
from shared.access import Extent
from shared.clock import now
from shared.events.lead import LeadVoided
from shared.ids import typed


async def void_lead(
    session: AsyncSession, brand_id: UUID, extent: Extent, lead_id: UUID, *, reason: str, actor: str
) -> Lead:
    """The lead was none: its offer, its deals and what they earned are taken back."""
    lead = await leads.get_for_update(session, brand_id, lead_id, extent)
    lead.require_not_voided()
    await close_voided(session, lead, reason=reason, actor=actor)
    return lead


async def close_voided(session: AsyncSession, lead: Lead, *, reason: str, actor: str) -> None:
    """Void the lead, which is locked."""
    at = now()
    for deal in await leads.list_won_deals(session, lead.brand_id, lead.id):
        close_voided_deal(session, deal, reason=reason, actor=actor)
    offer = await offers.find_open_offer(session, lead.brand_id, lead.id)
    if offer is not None:
        offer.status, offer.answered_at, offer.reason = OfferStatus.WITHDRAWN, at, "voided"
        await timers.cancel(session, lead.brand_id, EXPIRE, offer.id)
    owner_id = lead.staff_id if lead.status is LeadStatus.ACCEPTED else None
    if offer is not None or (owner_id is not None and lead.closed_at is None):
        assert lead.staff_id is not None
        sellers = await offers.lock_sellers(session, lead.brand_id, [lead.staff_id])
        for seller in sellers.values():
            seller.open_load -= 1
    lead.status = LeadStatus.VOIDED
    lead.closed_at = lead.closed_at or at
    outbox.add(
        session,
        lead,
        LeadVoided(
            lead_id=lead.id,
            reason=reason,
            staff_id=owner_id,
            unit_id=lead.unit_id,
            account_id=lead.account_id,
            post_id=lead.post_id,
            campaign_id=lead.campaign_id,
        ),
    )
    audit.record(
        session, actor=actor, action="lead.void", subject=typed("lead", lead.id), reason=reason
    )
