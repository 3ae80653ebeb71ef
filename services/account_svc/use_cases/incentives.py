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
    StandingChange,
    Trigger,
    entry_id,
    period_of,
    work_out,
)
from account_svc.repository import incentives as repository
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
    rule = await repository.find_rule(session, brand_id, trigger, earned_at)
    if rule is None:
        return
    values: dict[str, Any] = {
        "id": entry_id(brand_id, trigger, cause, earned_at, is_counter=False),
        "brand_id": brand_id,
        "staff_id": staff_id,
        "unit_id": unit_id,
        "store_id": await repository.find_store(session, brand_id, unit_id),
        "rule_id": rule.id,
        "rule_version": rule.version,
        "trigger": trigger,
        "cause": cause,
        "amount": _amount(rule, facts),
        "currency": rule.currency,
        "earned_at": earned_at,
        "reverses_id": None,
        "version": 1,
    }
    if not await repository.insert_entry(session, values):
        return
    posted = IncentivePosted(entry_id=values["id"], **values)
    await outbox.add_many(session, brand_id, [(posted, 1)])
    _change_standing(session, values, trigger, earned_at, sign=1)
    void = await repository.find_void(session, brand_id, trigger, cause)
    if void is not None:
        await _counter(session, LedgerEntry(**values), void.voided_at)


async def take_back(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str, *, voided_at: datetime
) -> None:
    """Counter what the cause earned; the month in which it was earned loses it."""
    await repository.note_void(session, brand_id, trigger, cause, voided_at)
    entry = await repository.find_entry(session, brand_id, trigger, cause)
    if entry is not None:
        await _counter(session, entry, voided_at)


def _amount(rule: IncentiveRule, facts: Mapping[str, int | str]) -> int:
    if rule.formula is None:
        return rule.fixed_reward(int(facts.get("amount", 0)), str(facts.get("currency", "")))
    try:
        return work_out(rule.formula, facts)
    except BadFormula as problem:
        raise Poison(f"version {rule.version} of the rule for {rule.trigger} {problem}") from None


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
    if not await repository.insert_entry(session, values):
        return
    taken_back = IncentiveReversed(entry_id=values["id"], **values)
    await outbox.add_many(session, entry.brand_id, [(taken_back, 1)])
    _change_standing(session, values, entry.trigger, entry.earned_at, sign=-1)


def _change_standing(
    session: AsyncSession,
    values: Mapping[str, Any],
    trigger: Trigger,
    earned_at: datetime,
    *,
    sign: int,
) -> None:
    if values["store_id"] is None:
        return
    session.add(
        StandingChange(
            brand_id=values["brand_id"],
            period=period_of(earned_at),
            store_id=values["store_id"],
            points=values["amount"] if values["currency"] == POINTS else 0,
            accepted_leads=sign if trigger is Trigger.LEAD_ACCEPTED else 0,
            deals=sign if trigger is Trigger.DEAL_WON else 0,
            voided_leads=1 if trigger is Trigger.LEAD_ACCEPTED and sign < 0 else 0,
        )
    )
