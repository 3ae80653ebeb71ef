"""A lead finds its seller: routing, offers and their answers.

Every transaction here locks the lead first, then at most two sellers in order of their ids, so
that none waits for another in a circle.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import LeadNotFound, LeadTaken, OfferClosed, OfferExpired
from lead_svc.models import Decision as DecisionRow
from lead_svc.models import Lead, LeadStatus, Offer, OfferStatus, Seller
from lead_svc.models.offer import EXPIRE
from lead_svc.repository import candidates, contacts, directory, leads, offers
from lead_svc.repository.candidates import Ring, Search
from lead_svc.routing import (
    Candidate,
    Decision,
    Inputs,
    LeadFacts,
    Policy,
    Step,
    decide,
    rejection,
)
from lead_svc.use_cases.attribution import find_author
from shared import audit, outbox, timers
from shared.events.lead import (
    LeadAccepted,
    LeadDeclined,
    LeadExpired,
    LeadOffered,
    LeadPooled,
    LeadWithdrawn,
)
from shared.ids import typed, uuid7


async def route(
    session: AsyncSession, lead: Lead, *, at: datetime, leaving: UUID | None = None
) -> None:
    """Offer the lead, which is locked, to whom the policy names, or put it in the pool.

    `leaving` is the seller whose offer has just ended: their load goes down by one.
    """
    while True:
        inputs, decision, uncounted = await _choose(session, lead, at)
        staff_id = decision.chosen.staff_id if decision.chosen else None
        savepoint = await session.begin_nested()
        wanted = {one for one in (staff_id, leaving) if one is not None}
        sellers = await offers.lock_sellers(session, lead.brand_id, wanted)
        if decision.chosen is None or _still_able(inputs, decision.chosen, sellers):
            await savepoint.commit()
            break
        # Full or gone since we looked. Letting go of the lock first keeps the order of locks.
        await savepoint.rollback()
    if leaving in sellers:
        sellers[leaving].open_load -= 1
    row = _record(session, lead, inputs, decision, uncounted)
    if decision.chosen is None:
        _pool(session, lead, decision)
    else:
        await _offer(session, lead, row, inputs, sellers[decision.chosen.staff_id])


async def _choose(session: AsyncSession, lead: Lead, at: datetime) -> tuple[Inputs, Decision, int]:
    """Look ring by ring until somebody able is found; the stored inputs hold all that was seen."""
    policy = await offers.get_policy(session, lead.brand_id)
    tried = await offers.list_tried(session, lead.brand_id, lead.id) if lead.attempts else []
    author = await find_author(session, lead)
    assert lead.grade is not None
    facts = LeadFacts(
        lead_id=lead.id,
        grade=lead.grade,
        author_staff_id=author.staff_id if author else None,
        unit_id=lead.origin_unit_id,
        tried=tuple(tried),
    )
    known: dict[UUID, Candidate] = {}
    found = 0
    inputs = Inputs(policy=policy, lead=facts, candidates=(), at=at)
    decision = decide(inputs)
    search = Search(lead.brand_id, at, tried, policy.required_right)
    async for ring in _rings(session, search, policy, facts):
        for candidate in ring.candidates:
            known.setdefault(candidate.staff_id, candidate)
        if author and author.is_account_closed and author.staff_id in known:
            known[author.staff_id] = msgspec.structs.replace(
                known[author.staff_id], is_suspended=True
            )
        found = max(found, ring.found)
        inputs = msgspec.structs.replace(inputs, candidates=tuple(known.values()))
        decision = decide(inputs)
        if decision.chosen is not None:
            break
    return inputs, decision, max(0, found - len(known))


async def _rings(
    session: AsyncSession, search: Search, policy: Policy, lead: LeadFacts
) -> AsyncIterator[Ring]:
    """Candidates step by step, nearest unit first."""
    path: list[UUID] = []
    if lead.unit_id is not None:
        path = await directory.find_path(session, search.brand_id, lead.unit_id) or []
    above = path[-2:0:-1]
    for step in policy.steps:
        if step is Step.AUTHOR and lead.author_staff_id is not None:
            yield await candidates.load_author(session, search, lead.author_staff_id)
        elif step is Step.STORE and len(path) > 1:
            yield await candidates.load_below(session, search, path[-1], step, 0)
        elif step is Step.REGION:
            for distance, unit_id in enumerate(above, start=1):
                yield await candidates.load_below(session, search, unit_id, step, distance)
        elif step is Step.BRAND:
            yield await candidates.load_brand(session, search, len(path))


def _still_able(inputs: Inputs, chosen: Candidate, sellers: dict[UUID, Seller]) -> bool:
    seller = sellers.get(chosen.staff_id)
    if seller is None:
        return False
    present = msgspec.structs.replace(
        chosen,
        is_seller=seller.is_seller,
        is_departed=seller.is_departed,
        absent_from=seller.absent_from,
        absent_until=seller.absent_until,
        is_leaving=seller.handover_id is not None,
        capacity=seller.open_lead_capacity,
        open_load=seller.open_load,
    )
    return rejection(inputs.policy, inputs.lead, present, inputs.at) is None


def _record(
    session: AsyncSession, lead: Lead, inputs: Inputs, decision: Decision, uncounted: int
) -> DecisionRow:
    row = DecisionRow(
        id=uuid7(),
        brand_id=lead.brand_id,
        lead_id=lead.id,
        offer_id=None if decision.chosen is None else uuid7(),
        policy_version=inputs.policy.version,
        decided_at=inputs.at,
        outcome=decision.outcome.value,
        staff_id=decision.chosen.staff_id if decision.chosen else None,
        inputs=inputs.as_json(),
        candidates=[
            {
                **msgspec.to_builtins(one),
                "staff_id": typed("staff", one.staff_id),
                "unit_id": typed("unit", one.unit_id),
            }
            for one in decision.considered
        ],
        uncounted=uncounted,
        tie_break=decision.tie_break.value if decision.tie_break else None,
        explanation=msgspec.to_builtins(decision.explanation),
    )
    session.add(row)
    return row


async def _offer(
    session: AsyncSession, lead: Lead, decision: DecisionRow, inputs: Inputs, seller: Seller
) -> None:
    assert decision.offer_id is not None
    seller.open_load += 1
    seller.last_offered_at = inputs.at
    minutes = inputs.policy.offer_minutes(inputs.lead.grade)
    offer = Offer(
        id=decision.offer_id,
        brand_id=lead.brand_id,
        lead_id=lead.id,
        staff_id=seller.id,
        unit_id=seller.unit_id,
        decision_id=decision.id,
        status=OfferStatus.OPEN,
        attempt=lead.attempts + 1,
        offered_at=inputs.at,
        expires_at=inputs.at + timedelta(minutes=minutes),
    )
    session.add(offer)
    lead.status = LeadStatus.OFFERED
    lead.attempts = offer.attempt
    lead.offer_id = offer.id
    lead.staff_id = seller.id
    lead.unit_id = seller.unit_id
    outbox.add(
        session,
        lead,
        LeadOffered(
            lead_id=lead.id,
            offer_id=offer.id,
            staff_id=seller.id,
            unit_id=seller.unit_id,
            expires_at=offer.expires_at,
            attempt=offer.attempt,
            policy_version=decision.policy_version,
        ),
    )
    await timers.schedule(session, lead.brand_id, EXPIRE, offer.id, offer.expires_at)


def _pool(session: AsyncSession, lead: Lead, decision: Decision) -> None:
    assert decision.pool_reason is not None
    lead.status = LeadStatus.POOLED
    lead.offer_id = None
    lead.staff_id = None
    lead.unit_id = lead.origin_unit_id
    outbox.add(
        session,
        lead,
        LeadPooled(lead_id=lead.id, unit_id=lead.origin_unit_id, reason=decision.pool_reason.value),
    )


async def accept(
    session: AsyncSession,
    brand_id: UUID,
    lead_id: UUID,
    staff_id: UUID,
    *,
    actor: str,
    at: datetime,
) -> Lead:
    """The seller takes the lead; once more by the same seller changes nothing."""
    lead = await leads.get_for_update(session, brand_id, lead_id)
    if lead.status is LeadStatus.ACCEPTED and lead.staff_id == staff_id:
        return lead
    offer = await _answerable(session, lead, staff_id, at)
    _answer(offer, OfferStatus.ACCEPTED, at)
    await timers.cancel(session, brand_id, EXPIRE, offer.id)
    lead.status = LeadStatus.ACCEPTED
    assert lead.contact_id is not None
    contact = await contacts.get_for_update(session, brand_id, lead.contact_id)
    contact.owner_staff_id = contact.owner_staff_id or staff_id
    outbox.add(
        session,
        lead,
        LeadAccepted(
            lead_id=lead.id,
            offer_id=offer.id,
            contact_id=contact.id,
            staff_id=staff_id,
            unit_id=offer.unit_id,
            account_id=lead.account_id,
            post_id=lead.post_id,
            campaign_id=lead.campaign_id,
            accepted_at=at,
            score=lead.score,
            grade=lead.grade,
            entered_by=lead.entered_by_staff_id,
        ),
    )
    _audit(session, lead, "lead.accept", actor, offer)
    return lead


async def decline(
    session: AsyncSession,
    brand_id: UUID,
    lead_id: UUID,
    staff_id: UUID,
    *,
    reason: str,
    actor: str,
    at: datetime,
) -> Lead:
    """The seller does not take the lead; it goes on to the next. Repeating it changes nothing."""
    lead = await leads.get_for_update(session, brand_id, lead_id)
    earlier = await offers.find_offer_to(session, brand_id, lead_id, staff_id)
    if earlier is not None and earlier.status is OfferStatus.DECLINED:
        return lead
    offer = await _answerable(session, lead, staff_id, at)
    _answer(offer, OfferStatus.DECLINED, at)
    offer.reason = reason
    await timers.cancel(session, brand_id, EXPIRE, offer.id)
    outbox.add(
        session,
        lead,
        LeadDeclined(lead_id=lead.id, offer_id=offer.id, staff_id=staff_id, reason=reason),
    )
    _audit(session, lead, "lead.decline", actor, offer)
    await session.flush()  # routing asks the database who has been tried
    await route(session, lead, at=at, leaving=staff_id)
    return lead


async def _answerable(session: AsyncSession, lead: Lead, staff_id: UUID, at: datetime) -> Offer:
    """The offer that this seller may still answer; otherwise the refusal that says why not."""
    offer = await offers.find_offer_to(session, lead.brand_id, lead.id, staff_id)
    if offer is None:
        # A lead that was never offered to the seller is none of their business.
        raise LeadNotFound("no such lead")
    if offer.status is OfferStatus.OPEN:
        if offer.expires_at <= at:
            raise OfferExpired("the offer has run out")
        return offer
    lead.require_not_voided()
    if lead.status is LeadStatus.ACCEPTED:
        raise LeadTaken("the lead belongs to another seller")
    if offer.status is OfferStatus.EXPIRED:
        raise OfferExpired("the offer has run out")
    raise OfferClosed(f"the offer was {offer.status.value}")


async def expire(session: AsyncSession, brand_id: UUID, offer_id: UUID, *, at: datetime) -> None:
    """The deadline has passed: the lead goes on to the next seller. Harmless to repeat."""
    found = await _find_open(session, brand_id, offer_id)
    if found is None:
        return
    lead, offer = found
    if offer.expires_at > at:
        return
    _answer(offer, OfferStatus.EXPIRED, at)
    outbox.add(
        session, lead, LeadExpired(lead_id=lead.id, offer_id=offer.id, staff_id=offer.staff_id)
    )
    _audit(session, lead, "offer.expire", "system:timer", offer)
    await session.flush()  # routing asks the database who has been tried
    await route(session, lead, at=at, leaving=offer.staff_id)


async def withdraw(session: AsyncSession, brand_id: UUID, offer_id: UUID, *, at: datetime) -> None:
    """The seller is away, so the lead goes on to the next. Does nothing if they are back."""
    found = await _find_open(session, brand_id, offer_id)
    if found is None:
        return
    lead, offer = found
    seller = await directory.find_seller(session, brand_id, offer.staff_id)
    if seller is not None and not seller.is_away(at):
        return
    if seller is None or seller.is_departed:
        reason = "departed"
    else:
        reason = "absent" if seller.handover_id is None else "leaving"
    _answer(offer, OfferStatus.WITHDRAWN, at)
    offer.reason = reason
    await timers.cancel(session, brand_id, EXPIRE, offer.id)
    outbox.add(
        session,
        lead,
        LeadWithdrawn(lead_id=lead.id, offer_id=offer.id, staff_id=offer.staff_id, reason=reason),
    )
    _audit(session, lead, "offer.withdraw", "system:timer", offer)
    await session.flush()  # routing asks the database who has been tried
    await route(session, lead, at=at, leaving=offer.staff_id)


async def _find_open(
    session: AsyncSession, brand_id: UUID, offer_id: UUID
) -> tuple[Lead, Offer] | None:
    lead_id = await offers.find_lead_of(session, brand_id, offer_id)
    if lead_id is None:
        return None
    lead = await leads.get_for_update(session, brand_id, lead_id)
    offer = await offers.find_open_offer(session, brand_id, lead_id)
    if offer is None or offer.id != offer_id:
        return None
    return lead, offer


def _answer(offer: Offer, status: OfferStatus, at: datetime) -> None:
    offer.status = status
    offer.answered_at = at


def _audit(session: AsyncSession, lead: Lead, action: str, actor: str, offer: Offer) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=typed("lead", lead.id),
        offer_id=typed("offer", offer.id),
        staff_id=typed("staff", offer.staff_id),
    )
