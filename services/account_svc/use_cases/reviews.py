"""Ruling on what was earned: a reward is cleared or taken back, and an appeal may restore it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    AlreadyTakenBack,
    AppealClosed,
    AppealMade,
    AppealTooLate,
    CauseVoided,
    NotAReward,
    NotTakenBack,
    OwnReward,
    SameReviewer,
)
from account_svc.models import (
    Appeal,
    AppealStatus,
    LedgerEntry,
    Review,
    ReviewOutcome,
    Trigger,
    period_of,
)
from account_svc.repository import incentives, race, reviews
from account_svc.repository.constraints import refusing
from account_svc.use_cases.incentives import is_standing, reverse
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7


async def review_entry(
    session: AsyncSession,
    principal: Principal,
    entry_id: UUID,
    outcome: ReviewOutcome,
    *,
    reason: str,
) -> Review:
    """Clear a reward of suspicion, or take it back by a counter-entry; the race follows."""
    entry = await _reward(session, principal, entry_id)
    if principal.staff_id == entry.staff_id:
        raise OwnReward("nobody rules on what they earned themselves")
    entries, earlier = await _history(session, entry)
    if not is_standing(entries):
        raise AlreadyTakenBack("the reward is taken back already")
    review = _review(principal, entry, len(earlier) + 1, outcome, reason)
    session.add(review)
    if outcome is ReviewOutcome.TAKEN_BACK:
        await reverse(session, entries, at=review.decided_at, step=review.step)
    _note(session, principal, f"entry.{outcome}", entry_id)
    return review


async def open_appeal(
    session: AsyncSession, principal: Principal, entry_id: UUID, *, reason: str
) -> Appeal:
    """Against the review that took the reward back, once and in time."""
    entry = await _reward(session, principal, entry_id)
    entries, earlier = await _history(session, entry)
    taken = earlier[-1] if earlier else None
    if is_standing(entries) or taken is None or taken.outcome is not ReviewOutcome.TAKEN_BACK:
        raise NotTakenBack("no review has taken this reward back")
    await _require_not_voided(session, entry)
    at = now()
    rules = await race.find_rules(session, entry.brand_id, period_of(at))
    last_day = taken.decided_at + timedelta(days=rules.checks.appeal_days)
    if at > last_day:
        raise AppealTooLate(f"could be appealed against until {last_day.isoformat()}")
    appeal = Appeal(
        id=uuid7(),
        brand_id=entry.brand_id,
        review_id=taken.id,
        entry_id=entry.id,
        staff_id=entry.staff_id,
        unit_id=entry.unit_id,
        reason=reason,
        opened_by=principal.actor,
        opened_at=at,
        status=AppealStatus.OPEN,
    )
    made = AppealMade("an appeal against this review was made before")
    async with refusing(session, "uq_appeal_brand_id_review_id", made):
        session.add(appeal)
    _note(session, principal, "entry.appeal", entry_id)
    return appeal


async def decide_appeal(
    session: AsyncSession,
    principal: Principal,
    appeal_id: UUID,
    *,
    is_granted: bool,
    reason: str,
) -> Appeal:
    """Give the reward back, or leave it taken; by somebody other than who took it."""
    appeal = await reviews.get_appeal_for_update(
        session, principal.brand_id, principal.extent, appeal_id
    )
    if appeal.status is not AppealStatus.OPEN:
        raise AppealClosed(f"the appeal was {appeal.status}")
    if principal.staff_id == appeal.staff_id:
        raise OwnReward("nobody rules on what they earned themselves")
    entry = await _reward(session, principal, appeal.entry_id)
    entries, earlier = await _history(session, entry)
    if any(review.decided_by == principal.actor for review in earlier):
        raise SameReviewer("somebody else has to decide: you ruled on this reward")
    appeal.status = AppealStatus.GRANTED if is_granted else AppealStatus.REFUSED
    appeal.decision = reason
    appeal.decided_by = principal.actor
    appeal.decided_at = now()
    if is_granted:
        await _require_not_voided(session, entry)
        review = _review(principal, entry, len(earlier) + 1, ReviewOutcome.RESTORED, reason)
        session.add(review)
        await reverse(session, entries, at=review.decided_at, step=review.step)
    _note(session, principal, f"appeal.{appeal.status}", entry.id)
    return appeal


async def _reward(session: AsyncSession, principal: Principal, entry_id: UUID) -> LedgerEntry:
    entry = await reviews.get_entry(session, principal.brand_id, principal.extent, entry_id)
    if entry.reverses_id is not None:
        raise NotAReward("is a counter-entry; the entry that paid the cause is reviewed")
    return entry


async def _history(
    session: AsyncSession, entry: LedgerEntry
) -> tuple[list[LedgerEntry], list[Review]]:
    """All entries and all reviews of the cause; nobody adds to them until the transaction ends."""
    cause = entry.brand_id, Trigger(entry.trigger), entry.cause
    await incentives.lock_cause(session, *cause)
    entries = await incentives.list_entries_of(session, *cause)
    return entries, list(await reviews.list_of_cause(session, *cause))


async def _require_not_voided(session: AsyncSession, entry: LedgerEntry) -> None:
    if await incentives.find_void(session, entry.brand_id, Trigger(entry.trigger), entry.cause):
        raise CauseVoided(f"{entry.cause} was voided itself: what it earned cannot come back")


def _review(
    principal: Principal, entry: LedgerEntry, number: int, outcome: ReviewOutcome, reason: str
) -> Review:
    return Review(
        id=uuid7(),
        brand_id=entry.brand_id,
        entry_id=entry.id,
        staff_id=entry.staff_id,
        unit_id=entry.unit_id,
        trigger=entry.trigger,
        cause=entry.cause,
        number=number,
        outcome=outcome,
        reason=reason,
        decided_by=principal.actor,
        decided_at=now(),
    )


def _note(session: AsyncSession, principal: Principal, action: str, entry_id: UUID) -> None:
    audit.record(session, actor=principal.actor, action=action, subject=typed("entry", entry_id))
