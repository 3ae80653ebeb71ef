"""Leads and contacts of somebody who leaves go to who takes over, and that is told."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import Lead, LeadHandover, Seller
from lead_svc.repository import directory, offers
from lead_svc.repository import handovers as repository
from lead_svc.repository.transfers import list_open as open_transfers
from lead_svc.use_cases import communities, transfers
from lead_svc.use_cases.directory import withdraw_offers
from shared import audit, outbox, timers
from shared.clock import now
from shared.events.account import (
    HandoverCancelled,
    HandoverFinished,
    HandoverStarted,
    HandoverTakersChanged,
)
from shared.events.lead import (
    ContactHandedOver,
    LeadHandedOver,
    LeadHandoverCancelled,
    LeadHandoverFinished,
)
from shared.ids import typed

INHERIT = "handover.inherit"
_AT_ONCE = 50
_SOON = timedelta(seconds=1)
_RETRY = timedelta(minutes=10)
"""Until somebody may have room for another lead."""


async def begin(session: AsyncSession, brand_id: UUID, event: HandoverStarted) -> None:
    """Nothing new comes to the person from now on, and what is on offer to them is taken back."""
    await repository.add(
        session,
        brand_id,
        event.handover_id,
        staff_id=event.staff_id,
        taker_ids=event.taker_ids,
    )
    await directory.begin_handover(session, brand_id, event.staff_id, event.handover_id)
    await withdraw_offers(session, brand_id, event.staff_id, now())
    await timers.schedule(session, brand_id, INHERIT, event.handover_id, now())


async def change_takers(
    session: AsyncSession, brand_id: UUID, event: HandoverTakersChanged
) -> None:
    """Others take what is left, if anything is."""
    handover = await repository.find_for_update(session, brand_id, event.handover_id)
    if handover is None or handover.finished_at is not None:
        return
    handover.taker_ids = event.taker_ids
    await timers.schedule(session, brand_id, INHERIT, handover.id, now())


async def cancel(session: AsyncSession, brand_id: UUID, event: HandoverCancelled) -> None:
    """Hand nothing on any more, nor when the start is heard of only now; tell how much was."""
    await directory.end_handover(session, brand_id, event.staff_id, event.handover_id)
    await repository.add(
        session, brand_id, event.handover_id, staff_id=event.staff_id, taker_ids=[]
    )
    handover = await repository.find_for_update(session, brand_id, event.handover_id)
    if handover is None or handover.finished_at is not None:
        return
    handover.finished_at = now()
    outbox.add(
        session,
        handover,
        LeadHandoverCancelled(
            handover_id=handover.id, leads=handover.leads, contacts=handover.contacts
        ),
    )


async def end(session: AsyncSession, brand_id: UUID, event: HandoverFinished) -> None:
    """Who has not departed may sell again, somewhere else perhaps."""
    await directory.end_handover(session, brand_id, event.staff_id, event.handover_id)


async def hand_on(
    session: AsyncSession, brand_id: UUID, handover_id: UUID, *, at: datetime
) -> datetime | None:
    """Hand on some of what is left; when to go on, None when all is with others: leads, then
    contacts, then communities.

    A lead goes to the taker who has most room: nobody who is away, full or without the right that
    the brand asks for receives one. It stays where it is until somebody can take it. Nor is the
    end reached while something is on offer to the person: it is taken back in a moment, or accepted
    before.
    """
    handover = await repository.find_for_update(session, brand_id, handover_id)
    if handover is None or handover.finished_at is not None:
        return None
    # Before the leads: one that is accepted in between is among them then.
    is_offered_some = bool(await offers.list_open_ids(session, brand_id, handover.staff_id))
    leads = await repository.open_leads_of(session, brand_id, handover.staff_id, _AT_ONCE)
    sellers = await offers.lock_sellers(session, brand_id, [handover.staff_id, *handover.taker_ids])
    able = await _able(session, handover, sellers, at)
    for lead in leads:
        taker = _most_room(able)
        if taker is None:
            return at + _RETRY
        _give_lead(session, handover, lead, taker)
        taker.open_load += 1
        if handover.staff_id in sellers:
            sellers[handover.staff_id].open_load -= 1
    if leads:
        return at
    if is_offered_some:
        return at + _SOON
    again_at = await _hand_on_contacts(session, handover, sellers, at)
    if again_at is not None:
        return again_at
    await communities.hand_over(
        session,
        brand_id,
        handover.staff_id,
        _there(handover, sellers),
        actor=typed("handover", handover.id),
    )
    handover.finished_at = at
    outbox.add(
        session,
        handover,
        LeadHandoverFinished(
            handover_id=handover.id, leads=handover.leads, contacts=handover.contacts
        ),
    )
    return None


async def _hand_on_contacts(
    session: AsyncSession, handover: LeadHandover, sellers: dict[UUID, Seller], at: datetime
) -> datetime | None:
    """Hand on some; when to go on, None when none is left."""
    contacts = await repository.contacts_of(session, handover.brand_id, handover.staff_id, _AT_ONCE)
    there = [seller.id for seller in _there(handover, sellers)]
    if contacts and not there:
        return at + _RETRY
    follows = await repository.who_follows(
        session, handover.brand_id, [contact.id for contact in contacts], there
    )
    moving = await open_transfers(session, handover.brand_id, [contact.id for contact in contacts])
    for contact in contacts:
        taker_id = follows.get(contact.id) or there[handover.contacts % len(there)]
        handover.contacts += 1
        contact.owner_staff_id = taker_id
        outbox.add(
            session,
            contact,
            ContactHandedOver(
                contact_id=contact.id,
                from_staff_id=handover.staff_id,
                staff_id=taker_id,
                handover_id=handover.id,
            ),
        )
        _audit(session, handover, "contact.hand_over", typed("contact", contact.id), taker_id)
        if contact.id in moving:
            taker = sellers[taker_id]
            await transfers.follow_owner(session, contact, moving[contact.id], taker, at=at)
    return at if contacts else None


def _there(handover: LeadHandover, sellers: dict[UUID, Seller]) -> list[Seller]:
    """Takers who have not departed, in the order of the plan."""
    found = [sellers[each] for each in handover.taker_ids if each in sellers]
    return [seller for seller in found if not seller.is_departed]


async def _able(
    session: AsyncSession, handover: LeadHandover, sellers: dict[UUID, Seller], at: datetime
) -> list[Seller]:
    """Takers who may receive leads now, in the order of the plan."""
    policy = await offers.get_policy(session, handover.brand_id)
    may = set(handover.taker_ids)
    if policy.required_right is not None:
        may = await repository.certified(
            session, handover.brand_id, handover.taker_ids, policy.required_right, at
        )
    found = [sellers[each] for each in handover.taker_ids if each in sellers and each in may]
    return [seller for seller in found if seller.is_seller and not seller.is_away(at)]


def _most_room(able: list[Seller]) -> Seller | None:
    free = [seller for seller in able if seller.open_load < seller.open_lead_capacity]
    return max(free, key=lambda each: each.open_lead_capacity - each.open_load, default=None)


def _give_lead(session: AsyncSession, handover: LeadHandover, lead: Lead, taker: Seller) -> None:
    handover.leads += 1
    lead.staff_id, lead.unit_id = taker.id, taker.unit_id
    outbox.add(
        session,
        lead,
        LeadHandedOver(
            lead_id=lead.id,
            from_staff_id=handover.staff_id,
            staff_id=taker.id,
            unit_id=taker.unit_id,
            handover_id=handover.id,
        ),
    )
    _audit(session, handover, "lead.hand_over", typed("lead", lead.id), taker.id)


def _audit(
    session: AsyncSession, handover: LeadHandover, action: str, subject: str, taker_id: UUID
) -> None:
    audit.record(
        session,
        actor=typed("handover", handover.id),
        action=action,
        subject=subject,
        from_staff=typed("staff", handover.staff_id),
        staff=typed("staff", taker_id),
    )
