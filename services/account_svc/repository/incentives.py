"""SQL of rules and the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Uuid, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import (
    IncentiveRule,
    LedgerEntry,
    Trigger,
    VoidedCause,
    period_bounds,
)
from account_svc.models.goal import Result
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent

SELECT_RULE = """select r.id, r.trigger, r.version, r.amount, r.rate_bp, r.formula,
    r.monthly_budget, r.currency, r.valid_from, r.is_active from incentive_rule r"""
SELECT_ENTRY = """select e.id, e.staff_id, e.unit_id, e.rule_id, e.rule_version, e.trigger, e.cause,
    e.amount, e.currency, e.earned_at, e.reverses_id from ledger_entry e"""

# What a month earned, each cause less what was taken back for it, whenever that was.
_NET = """
    net as (
        select e.id, e.staff_id, e.trigger, e.currency, e.earned_at, e.amount,
            coalesce((select -sum(c.amount) from ledger_entry c where c.brand_id = e.brand_id
                and c.trigger = e.trigger and c.cause = e.cause and c.reverses_id is not null
            ), 0) as taken_back
        from ledger_entry e
        where e.brand_id = $1 and e.reverses_id is null
            and e.earned_at >= $2 and e.earned_at < $3)"""
# A budget is used up in the order of earning. What is taken back makes room for what came later.
_STATEMENT = f"""
    with {_NET},
    budget as (
        select distinct on (trigger, currency) trigger, currency, monthly_budget
        from incentive_rule
        where brand_id = $1 and is_active and valid_from < least($3, now())
        order by trigger, currency, version desc),
    placed as (
        select net.*, b.monthly_budget, sum(net.amount - net.taken_back) over (
            partition by net.trigger, net.currency order by net.earned_at, net.id
            rows unbounded preceding) as through
        from net left join budget b on b.trigger = net.trigger and b.currency = net.currency
        where b.monthly_budget is not null or net.staff_id = $4)
    select trigger, currency, count(*) as entries, sum(amount)::bigint as earned,
        sum(taken_back)::bigint as taken_back,
        sum(case when monthly_budget is null then 0
            else least(amount - taken_back, greatest(through - monthly_budget, 0)) end
        )::bigint as over_budget
    from placed where staff_id = $4 group by trigger, currency order by trigger, currency"""
_BALANCES = f"""
    with {_NET},
    leg as (
        select 'rewards/' || trigger as account, currency, amount as debit, taken_back as credit
        from net
        union all
        select 'sellers', currency, taken_back, amount from net)
    select account, currency, sum(debit)::bigint as debit, sum(credit)::bigint as credit
    from leg group by account, currency order by currency, account"""

# Each step of the unit's path is looked up: a join over them would read all units.
_TERMS = text("""
    select r.id, r.version, r.amount, r.rate_bp, r.formula, r.currency, r.is_active,
        (select above.id
            from unit home
            cross join generate_series(octet_length(home.path) - 16, 0, -16) step
            cross join lateral (
                select u.id, u.kind from unit u where u.brand_id = home.brand_id
                    and u.id = encode(substring(home.path from step + 1 for 16), 'hex')::uuid
                limit 1) above
            where home.brand_id = :brand and home.id = :unit and above.kind = 'store'
            order by step desc limit 1) as store_id,
        (select v.voided_at from voided_cause v where v.brand_id = :brand
            and v.trigger = :trigger and v.cause = :cause) as voided_at,
        exists (select from review w where w.brand_id = :brand
            and w.trigger = :trigger and w.cause = :cause) as is_reviewed
    from incentive_rule r
    where r.brand_id = :brand and r.trigger = :trigger and r.valid_from <= :at
    order by r.version desc limit 1""").bindparams(
    bindparam("brand", type_=Uuid()), bindparam("unit", type_=Uuid())
)
_INSERT = text("""
    with entry as (
        insert into ledger_entry (brand_id, id, staff_id, unit_id, store_id, rule_id,
            rule_version, trigger, cause, amount, currency, earned_at, reverses_id, version,
            lead_id, contact_id, is_self_entered)
        values (:brand_id, :id, :staff_id, :unit_id, :store_id, :rule_id, :rule_version,
            :trigger, :cause, :amount, :currency, :earned_at, :reverses_id, :version,
            :lead_id, :contact_id, :is_self_entered)
        on conflict do nothing returning brand_id, store_id),
    change as (
        insert into standing_change
            (brand_id, period, store_id, points, accepted_leads, deals, voided_leads)
        select brand_id, :period, store_id, :points, :accepted_leads, :deals, :voided_leads
        from entry where store_id is not null)
    select exists (select from entry)""").bindparams(
    *(
        bindparam(name, type_=Uuid())
        for name in (
            "brand_id",
            "id",
            "staff_id",
            "unit_id",
            "store_id",
            "rule_id",
            "reverses_id",
            "lead_id",
            "contact_id",
        )
    )
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a cause is paid by: the version of the rule, the store, and whether it was voided."""

    rule_id: UUID
    version: int
    amount: int
    rate_bp: int
    formula: str | None
    currency: str
    store_id: UUID | None
    """The store that the unit is or belongs to."""
    voided_at: datetime | None
    is_reviewed: bool
    """Somebody ruled on the cause before: the ledger is being made again."""


_RULES = "hashtextextended('rules/' || :brand, 0)"


async def lock_rules(session: AsyncSession, brand_id: UUID) -> None:
    """Wait for facts that are being paid; none is until the transaction ends."""
    await session.execute(text(f"select pg_advisory_xact_lock({_RULES})"), {"brand": str(brand_id)})


async def hold_rules(session: AsyncSession, brand_id: UUID) -> bool:
    """Keep the brand's rules as they are until the transaction ends, unless one is being set. Not
    waited for: who sets it may wait for what this transaction holds."""
    held = await session.scalar(
        text(f"select pg_try_advisory_xact_lock_shared({_RULES})"), {"brand": str(brand_id)}
    )
    return bool(held)


async def find_last_rule(
    session: AsyncSession, brand_id: UUID, trigger: Trigger
) -> IncentiveRule | None:
    """The newest version of the trigger's rule."""
    rule: IncentiveRule | None = await session.scalar(
        select(IncentiveRule)
        .where(IncentiveRule.brand_id == brand_id, IncentiveRule.trigger == trigger)
        .order_by(IncentiveRule.version.desc())
        .limit(1)
    )
    return rule


async def find_latest_fact(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, *, since: datetime, until: datetime
) -> datetime | None:
    """The last instant between these two of what was paid for: other clocks may be ahead."""
    latest: datetime | None = await session.scalar(
        select(func.max(LedgerEntry.earned_at)).where(
            LedgerEntry.brand_id == brand_id,
            LedgerEntry.trigger == trigger,
            LedgerEntry.earned_at >= since,
            LedgerEntry.earned_at <= until,
            LedgerEntry.reverses_id.is_(None),
        )
    )
    return latest


async def has_results(
    session: AsyncSession,
    brand_id: UUID,
    trigger: Trigger,
    *,
    since: datetime | None,
    until: datetime | None,
) -> bool:
    """Whether facts of the trigger have come, paid for or not, between these moments if given."""
    found = select(Result.cause).where(Result.brand_id == brand_id, Result.trigger == trigger)
    if since is not None:
        found = found.where(Result.achieved_at >= since)
    if until is not None:
        found = found.where(Result.achieved_at <= until)
    return await session.scalar(found.limit(1)) is not None


async def find_terms(
    session: AsyncSession,
    brand_id: UUID,
    trigger: Trigger,
    cause: str,
    *,
    unit_id: UUID,
    at: datetime,
) -> Terms | None:
    """By what a cause of that moment is paid; None when no version paid anything then."""
    given = {"brand": brand_id, "trigger": trigger, "cause": cause, "unit": unit_id, "at": at}
    row = (await session.execute(_TERMS, given)).one_or_none()
    if row is None or not row.is_active:
        return None
    return Terms(
        rule_id=row.id,
        version=row.version,
        amount=row.amount,
        rate_bp=row.rate_bp,
        formula=row.formula,
        currency=row.currency,
        store_id=row.store_id,
        voided_at=row.voided_at,
        is_reviewed=row.is_reviewed,
    )


async def lock_cause(session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str) -> None:
    """Nobody else takes the cause's reward back or gives it back until the transaction ends."""
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:cause, 0))"),
        {"cause": f"cause/{brand_id}/{trigger}/{cause}"},
    )


async def insert_entry(
    session: AsyncSession, entry: Mapping[str, Any], change: Mapping[str, Any]
) -> bool:
    """Whether the entry is new: its cause was not paid (or taken back) before. What it changes in
    the race is noted with it."""
    inserted = await session.scalar(_INSERT, {**entry, **change})
    return bool(inserted)


async def list_entries_of(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str
) -> list[LedgerEntry]:
    """What the cause earned, then what took it back, what gave it back, and so on.

    Of an odd number of entries the reward stands; of an even number it is taken back.
    """
    rows = await session.scalars(
        select(LedgerEntry).where(
            LedgerEntry.brand_id == brand_id,
            LedgerEntry.trigger == trigger,
            LedgerEntry.cause == cause,
        )
    )
    by_reversed = {entry.reverses_id: entry for entry in rows}
    found: list[LedgerEntry] = []
    while (entry := by_reversed.get(found[-1].id if found else None)) is not None:
        found.append(entry)
    return found


async def note_void(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str, at: datetime
) -> None:
    await session.execute(
        insert(VoidedCause)
        .values(brand_id=brand_id, trigger=trigger, cause=cause, voided_at=at)
        .on_conflict_do_nothing()
    )


async def find_void(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str
) -> datetime | None:
    """When the lead or deal itself was voided."""
    found = await session.get(VoidedCause, (brand_id, trigger, cause))
    return None if found is None else found.voided_at


async def fetch_statement(
    connection: asyncpg.Connection, brand_id: UUID, staff_id: UUID, period: str
) -> list[asyncpg.Record]:
    """What the person earned in the month, by trigger and currency."""
    rows: list[asyncpg.Record] = await connection.fetch(
        _STATEMENT, brand_id, *period_bounds(period), staff_id
    )
    return rows


async def fetch_balances(
    connection: asyncpg.Connection, brand_id: UUID, period: str
) -> list[asyncpg.Record]:
    """Both sides of what the month's causes moved, by account and currency."""
    rows: list[asyncpg.Record] = await connection.fetch(_BALANCES, brand_id, *period_bounds(period))
    return rows


def all_rules(brand_id: UUID) -> Conditions:
    return Conditions("r", brand_id)


def visible_entries(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("e", brand_id)
    conditions.limit_to(extent)
    return conditions


def filtered_entries(
    brand_id: UUID, extent: Extent, *, staff_id: UUID | None, unit_id: UUID | None
) -> Conditions:
    conditions = visible_entries(brand_id, extent)
    conditions.add_given("e.staff_id = ?", staff_id)
    if unit_id is not None:
        conditions.add(f"e.unit_id = any({SUBTREES})", [unit_id])
    return conditions
