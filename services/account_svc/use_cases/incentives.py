"""Rules, and the ledger that facts fill by them; what it changes in the race is noted beside it.

The ledger is append-only. What it says depends on the facts and the rules alone, not on the order
in which facts of different aggregates arrive: a cause that is voided before it was paid is paid
and countered when it comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import RuleInThePast
from account_svc.models import (
    POINTS,
    BadFormula,
    IncentiveRule,
    LedgerEntry,
    Origin,
    ReviewOutcome,
    RuleFacts,
    Trigger,
    entry_id,
    fixed_reward,
    period_of,
    work_out,
)
from account_svc.repository import incentives as repository
from account_svc.repository import reviews
from account_svc.repository.incentives import Terms
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.events.account import IncentivePosted, IncentiveReversed
from shared.ids import typed, uuid7
from shared.inbox import Transient

_MOMENT = timedelta(microseconds=1)
_CLOCKS_APART = timedelta(minutes=1)
"""What is of a later instant than now by more is no other clock's doing: it was taken in before
such facts were counted as of when they were told, and as of then a replay counts it."""
_COUNTED = {
    Trigger.POST_QUALITY: Trigger.POST_PUBLISHED,
    Trigger.TRANSFER_STAGE_1: Trigger.LEAD_ACCEPTED,
    Trigger.TRANSFER_STAGE_2: Trigger.LEAD_ACCEPTED,
}
"""What comes before a trigger's facts, where these themselves are not kept as results."""


async def set_rule(session: AsyncSession, principal: Principal, facts: RuleFacts) -> IncentiveRule:
    """A new version of the trigger's rule.

    It may not reach back before now, or facts already paid would be paid differently when they
    are replayed. A trigger's first version may, as far as nothing has come that it would pay for:
    what was taken in without pay gets none later, and would in a replay.

    While it is written no fact is paid (`repository.hold_rules`), and what was paid for is not of
    a later instant than its begin: the version of a fact follows from the two instants alone,
    whenever the fact is taken in.
    """
    await repository.lock_rules(session, principal.brand_id)
    at = now()  # after the wait: no fact that was paid meanwhile happened since
    last = await repository.find_last_rule(session, principal.brand_id, facts.trigger)
    known = await repository.find_latest_fact(
        session, principal.brand_id, facts.trigger, since=at, until=at + _CLOCKS_APART
    )
    begin = at if known is None else known + _MOMENT
    valid_from = facts.valid_from or begin
    if last is not None and valid_from < begin:
        raise RuleInThePast("a later version cannot begin in the past", field="/valid_from")
    if valid_from < at or last is None or not last.is_active:
        await _require_unpaid(session, principal.brand_id, facts.trigger, valid_from, at)
    version = 1 if last is None else last.version + 1
    rule = IncentiveRule(
        id=uuid7(),
        brand_id=principal.brand_id,
        version=version,
        created_at=at,
        **facts.model_dump() | {"valid_from": valid_from},
    )
    session.add(rule)
    audit.record(
        session,
        actor=principal.actor,
        action="rule.set",
        subject=typed("rule", rule.id),
        trigger=rule.trigger,
        version=version,
    )
    return rule


async def _require_unpaid(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, valid_from: datetime, at: datetime
) -> None:
    """No fact has come that nothing was paid for and the rule would pay for."""
    counted = _COUNTED.get(trigger, trigger)
    is_kept, is_to_come = counted is trigger, valid_from >= at
    if is_to_come and not is_kept:
        return  # from now on all are paid for
    if await repository.has_results(
        session,
        brand_id,
        counted,
        since=valid_from if is_kept else None,
        until=at + _CLOCKS_APART if is_to_come else None,
    ):
        raise RuleInThePast(
            "since then there were facts that nothing was paid for", field="/valid_from"
        )


async def reward(
    session: AsyncSession,
    brand_id: UUID,
    trigger: Trigger,
    cause: str,
    *,
    staff_id: UUID,
    unit_id: UUID,
    earned_at: datetime,
    facts: Mapping[str, int | str],
    origin: Origin,
) -> None:
    """Pay the seller for the cause, once, by the version of the rule that was valid then.

    `facts` are those that formulas of the trigger may name.
    """
    if not await repository.hold_rules(session, brand_id):
        raise Transient("a rule of the brand is being set")
    terms = await repository.find_terms(
        session, brand_id, trigger, cause, unit_id=unit_id, at=earned_at
    )
    if terms is None:
        return
    amount = _amount(session, trigger, cause, terms, facts)
    if trigger is Trigger.POST_QUALITY and amount == 0:
        return  # a later measurement may pay
    values: dict[str, Any] = {
        "id": entry_id(brand_id, trigger, cause, earned_at, "pay"),
        "brand_id": brand_id,
        "staff_id": staff_id,
        "unit_id": unit_id,
        "store_id": terms.store_id,
        "rule_id": terms.rule_id,
        "rule_version": terms.version,
        "trigger": trigger,
        "cause": cause,
        "amount": amount,
        "currency": terms.currency,
        "earned_at": earned_at,
        "reverses_id": None,
        "version": 1,
        **asdict(origin),
    }
    if not await repository.insert_entry(session, values, _change(values, earned_at, places=1)):
        return
    posted = IncentivePosted(entry_id=values["id"], **values)
    await outbox.add_many(session, brand_id, [(posted, 1)])
    entries = [LedgerEntry(**values)]
    if terms.is_reviewed:
        for review in await reviews.list_of_cause(session, brand_id, trigger, cause):
            if review.outcome is not ReviewOutcome.CLEARED:
                await reverse(session, entries, at=review.decided_at, step=review.step)
    if terms.voided_at is not None and is_standing(entries):
        await reverse(session, entries, at=terms.voided_at)


async def take_back(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str, *, voided_at: datetime
) -> None:
    """Counter what the cause earned; the month in which it was earned loses it."""
    await repository.lock_cause(session, brand_id, trigger, cause)
    await repository.note_void(session, brand_id, trigger, cause, voided_at)
    entries = await repository.list_entries_of(session, brand_id, trigger, cause)
    if is_standing(entries):
        await reverse(session, entries, at=voided_at)


def is_standing(entries: Sequence[LedgerEntry]) -> bool:
    """Whether the reward, given with all that was done to it since, is the seller's now."""
    return len(entries) % 2 == 1


async def reverse(
    session: AsyncSession, entries: list[LedgerEntry], *, at: datetime, step: str = "counter"
) -> None:
    """Add to a cause's entries one that takes its reward back, or gives it back."""
    first, last = entries[0], entries[-1]
    values: dict[str, Any] = {
        "id": entry_id(first.brand_id, Trigger(first.trigger), first.cause, at, step),
        "brand_id": first.brand_id,
        "staff_id": first.staff_id,
        "unit_id": first.unit_id,
        "store_id": first.store_id,
        "rule_id": first.rule_id,
        "rule_version": first.rule_version,
        "trigger": first.trigger,
        "cause": first.cause,
        "amount": -last.amount,
        "currency": first.currency,
        "earned_at": at,
        "reverses_id": last.id,
        "version": 1,
        "lead_id": first.lead_id,
        "contact_id": first.contact_id,
        "is_self_entered": first.is_self_entered,
    }
    entries.append(LedgerEntry(**values))
    change = _change(values, first.earned_at, places=len(entries))
    if not await repository.insert_entry(session, values, change):
        return
    reversed_ = IncentiveReversed(entry_id=values["id"], **values)
    await outbox.add_many(session, first.brand_id, [(reversed_, 1)])


def _amount(
    session: AsyncSession,
    trigger: Trigger,
    cause: str,
    terms: Terms,
    facts: Mapping[str, int | str],
) -> int:
    """A formula that cannot be worked out for these facts pays nothing, and the trail says so. No
    later version would mend it for them, and what else the event does must not wait for it."""
    if terms.formula is None:
        return fixed_reward(
            terms.amount,
            terms.rate_bp,
            terms.currency,
            deal_minor=int(facts.get("amount", 0)),
            deal_currency=str(facts.get("currency", "")),
        )
    try:
        return work_out(terms.formula, facts)
    except BadFormula as problem:
        audit.record(
            session,
            actor="system:rewards",
            action="rule.fail",
            subject=typed("rule", terms.rule_id),
            cause=cause,
            trigger=trigger,
            version=terms.version,
            reason=str(problem),
        )
        return 0


def _change(values: Mapping[str, Any], earned_at: datetime, *, places: int) -> dict[str, Any]:
    """What the entry, the cause's first, second and so on, changes in the race of the month in
    which its cause was earned."""
    sign = 1 if places % 2 else -1
    is_lead, is_deal = (
        values["trigger"] == one for one in (Trigger.LEAD_ACCEPTED, Trigger.DEAL_WON)
    )
    return {
        "period": period_of(earned_at),
        "points": values["amount"] if values["currency"] == POINTS else 0,
        "accepted_leads": sign * is_lead,
        "deals": sign * is_deal,
        "voided_leads": -sign * is_lead if places > 1 else 0,
    }
