"""SQL of rules and the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import (
    IncentiveRule,
    LedgerEntry,
    Trigger,
    VoidedCause,
    period_bounds,
)
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
            coalesce(-c.amount, 0) as taken_back
        from ledger_entry e
        left join ledger_entry c on c.brand_id = e.brand_id and c.reverses_id = e.id
        where e.brand_id = $1 and e.reverses_id is null
            and e.earned_at >= $2 and e.earned_at < $3)"""
# A budget is used up in the order of earning. What is taken back makes room for what came later.
_STATEMENT = f"""
    with {_NET},
    budget as (
        select distinct on (trigger) trigger, currency, monthly_budget from incentive_rule
        where brand_id = $1 and valid_from < least($3, now())
        order by trigger, version desc),
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


async def lock_rules(session: AsyncSession, brand_id: UUID) -> None:
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('rules/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


async def last_version(session: AsyncSession, brand_id: UUID, trigger: Trigger) -> int:
    """The newest version of the trigger's rule; 0 if it has none."""
    version = await session.scalar(
        select(func.max(IncentiveRule.version)).where(
            IncentiveRule.brand_id == brand_id, IncentiveRule.trigger == trigger
        )
    )
    return version or 0


async def find_rule(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, at: datetime
) -> IncentiveRule | None:
    """The version that decided then, if it paid anything."""
    rule: IncentiveRule | None = await session.scalar(
        select(IncentiveRule)
        .where(
            IncentiveRule.brand_id == brand_id,
            IncentiveRule.trigger == trigger,
            IncentiveRule.valid_from <= at,
        )
        .order_by(IncentiveRule.version.desc())
        .limit(1)
    )
    return rule if rule is not None and rule.is_active else None


async def find_store(session: AsyncSession, brand_id: UUID, unit_id: UUID) -> UUID | None:
    """The store that the unit is or belongs to."""
    found: UUID | None = await session.scalar(
        text("""
            select u.id from unit home join unit u on u.brand_id = home.brand_id
                and home.path >= u.path and home.path < u.path || '\\xff'::bytea
            where home.brand_id = :brand and home.id = :unit and u.kind = 'store'
            order by length(u.path) desc limit 1"""),
        {"brand": brand_id, "unit": unit_id},
    )
    return found


async def insert_entry(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Whether the entry is new: its cause was not paid (or taken back) before."""
    inserted = await session.scalar(
        insert(LedgerEntry).values(**values).on_conflict_do_nothing().returning(LedgerEntry.id)
    )
    return inserted is not None


async def find_entry(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str
) -> LedgerEntry | None:
    entry: LedgerEntry | None = await session.scalar(
        select(LedgerEntry).where(
            LedgerEntry.brand_id == brand_id,
            LedgerEntry.trigger == trigger,
            LedgerEntry.cause == cause,
            LedgerEntry.reverses_id.is_(None),
        )
    )
    return entry


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
) -> VoidedCause | None:
    return await session.get(
        VoidedCause, {"brand_id": brand_id, "trigger": trigger, "cause": cause}
    )


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
        conditions.add(f"e.unit_id in ({SUBTREES})", [unit_id])
    return conditions
