"""SQL of suspicions, reviews and appeals."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import AppealNotFound, EntryNotFound
from account_svc.models import (
    Appeal,
    AppealStatus,
    LedgerEntry,
    Review,
    RewardChecks,
    Trigger,
    period_bounds,
)
from account_svc.repository.org import subtree_ids
from account_svc.repository.reading import SUBTREES, Conditions, sort_in_memory
from shared.access import Extent
from shared.reading import fetch_page
from shared.web.pages import Cursor

_Row = TypeVar("_Row", LedgerEntry, Appeal)

SELECT_REVIEW = """select r.id, r.entry_id, r.staff_id, r.unit_id, r.outcome, r.reason,
    r.decided_by, r.decided_at from review r"""
SELECT_APPEAL = """select a.id, a.review_id, a.entry_id, a.staff_id, a.unit_id, a.reason,
    a.opened_by, a.opened_at, a.status, a.decision, a.decided_by, a.decided_at from appeal a"""

# What a month's entries look like beside those of the weeks before, of the same seller and of the
# same contact. Each check reads its own kind of entries once; only what one of them finds is looked
# up. A reward that was taken back or ruled on is looked at no more.
#
# A burst lies within two neighbours of a fixed division of time, so one of the two holds half of
# it: only sellers with such a crowd are looked at entry by entry.
_SUSPECTS = """
    with month as materialized (
        select e.id, e.staff_id, e.trigger, e.contact_id, e.lead_id, e.earned_at, e.is_self_entered
        from ledger_entry e
        where e.brand_id = $1 and e.reverses_id is null and e.earned_at < $3
            and e.earned_at >= $2::timestamptz - greatest($5::interval, $7::interval)),
    crowded as (
        select distinct staff_id, trigger from month
        group by staff_id, trigger,
            floor(extract(epoch from earned_at) / extract(epoch from $5::interval))
        having count(*) * 2 >= $4::int),
    burst_end as (
        select id, staff_id, trigger, earned_at, coalesce(
            lag(earned_at, $4::int - 1) over seller >= earned_at - $5::interval, false) as is_end
        from month join crowded using (staff_id, trigger)
        window seller as (partition by staff_id, trigger order by earned_at, id)),
    burst as (
        select id, bool_or(is_end) over (partition by staff_id, trigger order by earned_at, id
            rows between current row and $4::int - 1 following) as is_part
        from burst_end),
    repeated as (
        select id, count(*) over (partition by contact_id order by earned_at
            range between $7::interval preceding and current row) as leads
        from month
        where trigger = 'lead_accepted' and contact_id in (
            select contact_id from month where trigger = 'lead_accepted'
            group by contact_id having count(*) > $6::int)),
    found as (
        select id, true as is_self_entered, null::int as burst, null::bigint as contact_leads,
            null::uuid as lead_staff_id
        from month where is_self_entered
        union all
        select id, false, $4::int, null, null from burst where is_part
        union all
        select id, false, null, leads, null from repeated where leads > $6::int
        union all
        select d.id, false, null, null, l.staff_id
        from month d join ledger_entry l on l.brand_id = $1 and l.lead_id = d.lead_id
            and l.trigger = 'lead_accepted' and l.reverses_id is null
            and l.staff_id <> d.staff_id
        where d.trigger = 'deal_won'),
    suspect as (
        select e.brand_id, e.id, e.staff_id, e.unit_id, e.trigger, e.cause, e.amount, e.currency,
            e.earned_at, f.is_self_entered, f.burst, f.contact_leads, f.lead_staff_id
        from (
            select id, bool_or(is_self_entered) as is_self_entered, max(burst) as burst,
                max(contact_leads) as contact_leads,
                (array_agg(lead_staff_id order by lead_staff_id)
                    filter (where lead_staff_id is not null))[1] as lead_staff_id
            from found group by id) f
        join ledger_entry e on e.brand_id = $1 and e.id = f.id
        where e.earned_at >= $2::timestamptz
            and not exists (select from ledger_entry c
                where c.brand_id = e.brand_id and c.reverses_id = e.id)
            and not exists (select from review w where w.brand_id = e.brand_id
                and w.trigger = e.trigger and w.cause = e.cause))
    select s.* from suspect s"""


def suspects(
    brand_id: UUID, extent: Extent, checks: RewardChecks, *, period: str, unit_id: UUID | None
) -> Conditions:
    """For `fetch_suspects`: a month's entries that the checks find and nobody has ruled on."""
    conditions = Conditions("s", brand_id)
    conditions.arguments += [
        *period_bounds(period),
        checks.burst_entries,
        timedelta(minutes=checks.burst_minutes),
        checks.leads_per_contact,
        timedelta(days=checks.contact_days),
    ]
    conditions.limit_to(extent)
    if unit_id is not None:
        conditions.add(f"s.unit_id = any({SUBTREES})", [unit_id])
    return conditions


async def fetch_suspects(
    connection: asyncpg.Connection, conditions: Conditions, cursor: Cursor
) -> tuple[list[asyncpg.Record], bool]:
    """Newest first, and whether more follow."""
    await sort_in_memory(connection)
    return await fetch_page(connection, _SUSPECTS, conditions, cursor)


def visible_reviews(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("r", brand_id)
    conditions.limit_to(extent)
    return conditions


def filtered_reviews(brand_id: UUID, extent: Extent, *, entry_id: UUID | None) -> Conditions:
    conditions = visible_reviews(brand_id, extent)
    conditions.add_given("r.entry_id = ?", entry_id)
    return conditions


def visible_appeals(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("a", brand_id)
    conditions.limit_to(extent)
    return conditions


def filtered_appeals(brand_id: UUID, extent: Extent, *, status: AppealStatus | None) -> Conditions:
    conditions = visible_appeals(brand_id, extent)
    conditions.add_given("a.status = ?", status)
    return conditions


async def get_entry(
    session: AsyncSession, brand_id: UUID, extent: Extent, entry_id: UUID
) -> LedgerEntry:
    statement = select(LedgerEntry).where(
        LedgerEntry.brand_id == brand_id, LedgerEntry.id == entry_id
    )
    entry = await session.scalar(_within(statement, LedgerEntry, brand_id, extent))
    if entry is None:
        raise EntryNotFound("no such entry")
    return entry


async def get_appeal_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, appeal_id: UUID
) -> Appeal:
    statement = select(Appeal).where(Appeal.brand_id == brand_id, Appeal.id == appeal_id)
    appeal = await session.scalar(_within(statement, Appeal, brand_id, extent).with_for_update())
    if appeal is None:
        raise AppealNotFound("no such appeal")
    return appeal


async def list_of_cause(
    session: AsyncSession, brand_id: UUID, trigger: Trigger, cause: str
) -> Sequence[Review]:
    """In the order in which they were made."""
    of_cause = (Review.brand_id == brand_id) & (Review.trigger == trigger) & (Review.cause == cause)
    return (await session.scalars(select(Review).where(of_cause).order_by(Review.number))).all()


def _within(
    statement: Select[_Row], table: type[LedgerEntry | Appeal], brand_id: UUID, extent: Extent
) -> Select[_Row]:
    if extent.unit_ids is not None:
        statement = statement.where(table.unit_id.in_(subtree_ids(brand_id, extent.unit_ids)))
    if extent.staff_id is not None:
        statement = statement.where(table.staff_id == extent.staff_id)
    return statement
