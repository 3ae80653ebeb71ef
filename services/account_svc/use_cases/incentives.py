"""Rules, and the ledger that facts fill by them; what it changes in the race is noted beside it.

The ledger is append-only. What it says depends on the facts and the rules alone, not on the order
in which facts of different aggregates arrive: a cause that is voided before it was paid is paid
and countered when it comes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import RuleInThePast
from account_svc.models import (
    POINTS,
    BadFormula,
    IncentiveRule,
    LedgerEntry,
    RuleFacts,
    Trigger,
    entry_id,
    fixed_reward,
    period_of,
    work_out,
)
from account_svc.repository import incentives as repository
from account_svc.repository.incentives import Terms
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.consumer import Poison
from shared.events.account import IncentivePosted, IncentiveReversed
from shared.ids import typed, uuid7


async def set_rule(session: AsyncSession, principal: Principal, facts: RuleFacts) -> IncentiveRule:
    """A new version of the trigger's rule.

    It may not reach back before now, or facts already paid would be paid differently when they
    are replayed; a trigger's first version may, for nothing was paid by it.
    """
    at = now()
    await repository.lock_rules(session, principal.brand_id)
    version = await repository.last_version(session, principal.brand_id, facts.trigger) + 1
    valid_from = facts.valid_from or at
    if version > 1 and valid_from < at:
        raise RuleInThePast("a later version cannot begin in the past", field="/valid_from")
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
) -> None:
    """Pay the seller for the cause, once, by the version of the rule that was valid then.

    `facts` are those that formulas of the trigger may name.
    """
    terms = await repository.find_terms(
        session, brand_id, trigger, cause, unit_id=unit_id, at=earned_at
    )
    if terms is None:
        return
    values: dict[str, Any] = {
        "id": entry_id(brand_id, trigger, cause, earned_at, is_counter=False),
        "brand_id": brand_id,
        "staff_id": staff_id,
        "unit_id": unit_id,
        "store_id": terms.store_id,
        "rule_id": terms.rule_id,
        "rule_version": terms.version,
        "trigger": trigger,
        "cause": cause,
        "amount": _amount(trigger, terms, facts),
        "currency": terms.currency,
        "earned_at": earned_at,
        "reverses_id": None,
        "version": 1,
    }
    if not await repository.insert_entry(session, values, _change(values, earned_at)):
        return
    posted = IncentivePosted(entry_id=values["id"], **values)
    await outbox.add_many(session, brand_id, [(posted, 1)])
    if terms.voided_at is not None:
        await _counter(session, LedgerEntry(**values), terms.voided_at)


async def take_back(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str, *, voided_at: datetime
) -> None:
    """Counter what the cause earned; the month in which it was earned loses it."""
    await repository.note_void(session, brand_id, trigger, cause, voided_at)
    entry = await repository.find_entry(session, brand_id, trigger, cause)
    if entry is not None:
        await _counter(session, entry, voided_at)


def _amount(trigger: Trigger, terms: Terms, facts: Mapping[str, int | str]) -> int:
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
        raise Poison(f"version {terms.version} of the rule for {trigger} {problem}") from None


async def _counter(session: AsyncSession, entry: LedgerEntry, voided_at: datetime) -> None:
    values: dict[str, Any] = {
        "id": entry_id(
            entry.brand_id, Trigger(entry.trigger), entry.cause, voided_at, is_counter=True
        ),
        "brand_id": entry.brand_id,
        "staff_id": entry.staff_id,
        "unit_id": entry.unit_id,
        "store_id": entry.store_id,
        "rule_id": entry.rule_id,
        "rule_version": entry.rule_version,
        "trigger": entry.trigger,
        "cause": entry.cause,
        "amount": -entry.amount,
        "currency": entry.currency,
        "earned_at": voided_at,
        "reverses_id": entry.id,
        "version": 1,
    }
    if not await repository.insert_entry(session, values, _change(values, entry.earned_at)):
        return
    taken_back = IncentiveReversed(entry_id=values["id"], **values)
    await outbox.add_many(session, entry.brand_id, [(taken_back, 1)])


def _change(values: Mapping[str, Any], earned_at: datetime) -> dict[str, Any]:
    """What the entry changes in the race of the month in which its cause was earned."""
    sign = 1 if values["reverses_id"] is None else -1
    is_lead, is_deal = (
        values["trigger"] == one for one in (Trigger.LEAD_ACCEPTED, Trigger.DEAL_WON)
    )
    return {
        "period": period_of(earned_at),
        "points": values["amount"] if values["currency"] == POINTS else 0,
        "accepted_leads": sign * is_lead,
        "deals": sign * is_deal,
        "voided_leads": int(is_lead and sign < 0),
    }
