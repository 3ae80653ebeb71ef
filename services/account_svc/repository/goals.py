"""SQL of results and goals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models.goal import Goal, Metric, Result
from account_svc.repository.org import visible_units
from account_svc.repository.reading import SUBTREES, Conditions, sort_in_memory
from account_svc.repository.staff import visible_staff
from shared.access import Extent

SELECT_GOAL = """select g.id, g.unit_id, g.staff_id, g.period, g.metric, g.version, g.target,
    g.set_by, g.set_at, not exists (
        select from goal n where n.brand_id = g.brand_id
            and (n.unit_id = g.unit_id or n.staff_id = g.staff_id)
            and n.period = g.period and n.metric = g.metric and n.version > g.version) as is_current
    from goal g"""

# Everybody and everything whose results count for an owner: units with all below, people alone.
#
# Under row-level security an index takes comparisons of columns, not of what is worked out from
# them: the end of a subtree is a column of `roots`. How many units lie below cannot be estimated;
# each is looked up by itself, or the results of all would be read for a few stores.
_UNITS = """
    roots as materialized (
        select u.id, u.path, u.path || '\\xff'::bytea as path_end, u.opens_at, u.closes_at
        from unit u where {owners}),
    members as materialized (
        select roots.id as owner_id, below.id as unit_id, below.path
        from roots join unit below on below.brand_id = $1
            and below.path >= roots.path and below.path < roots.path_end)"""
_PEOPLE = """
    roots as materialized (
        select s.id, home.path, home.opens_at, home.closes_at
        from staff s join unit home on home.brand_id = s.brand_id and home.id = s.unit_id
        where {owners}),
    members as materialized (select id as owner_id, id as staff_id from roots)"""
_DAYS = """
    select m.owner_id, r.trigger, r.day, sum(r.number)::bigint as number,
        sum(r.amount)::bigint as amount
    from members m cross join lateral (
        select r.trigger, (r.achieved_at at time zone 'Asia/Shanghai')::date as day,
            count(*) as number, sum(r.amount_minor) as amount
        from result r
        where r.brand_id = $1 and r.{owner}_id = m.{owner}_id
            and r.achieved_at >= ${since} and r.achieved_at < ${until}
            and not exists (select from voided_cause v
                where v.brand_id = $1 and v.trigger = r.trigger and v.cause = r.cause)
        group by 1, 2) r
    group by m.owner_id, r.trigger, r.day"""
_OWN_GOALS = """
    select distinct on (g.{owner}_id, g.metric) g.{owner}_id as owner_id, g.id, g.metric, g.target
    from roots join goal g on g.brand_id = $1 and g.{owner}_id = roots.id and g.period = ${period}
    order by g.{owner}_id, g.metric, g.version desc"""
# Of people who have departed nothing is expected any more: it shows as a gap.
_GOALS_BELOW = """
    , below as (select distinct unit_id as id, path from members)
    (select distinct on (g.unit_id, g.metric) below.path, false as is_of_person, g.metric, g.target
        from below join goal g on g.brand_id = $1 and g.unit_id = below.id and g.period = ${period}
        order by g.unit_id, g.metric, g.version desc)
    union all
    (select distinct on (g.staff_id, g.metric) below.path, true, g.metric, g.target
        from below
        join staff s on s.brand_id = $1 and s.unit_id = below.id and s.departed_at is null
        join goal g on g.brand_id = $1 and g.staff_id = s.id and g.period = ${period}
        order by g.staff_id, g.metric, g.version desc)"""

Owner = Literal["unit", "staff"]


async def note_result(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """A cause counts once, whatever arrives how often."""
    await session.execute(upsert(Result).values(**values).on_conflict_do_nothing())


async def lock_goals(session: AsyncSession, brand_id: UUID) -> None:
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('goals/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


async def last_versions(
    session: AsyncSession,
    brand_id: UUID,
    owner: Owner,
    owner_ids: Sequence[UUID],
    period: str,
    metric: Metric,
) -> dict[UUID, int]:
    """The newest version of each owner's goal; who has none is missing."""
    column = Goal.unit_id if owner == "unit" else Goal.staff_id
    rows = await session.execute(
        select(column, func.max(Goal.version))
        .where(
            Goal.brand_id == brand_id,
            column.in_(owner_ids),
            Goal.period == period,
            Goal.metric == metric,
        )
        .group_by(column)
    )
    return {owner_id: version for owner_id, version in rows if owner_id is not None}


async def save_goals(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    await session.execute(insert(Goal), rows)


async def visible_owners(
    connection: asyncpg.Connection,
    brand_id: UUID,
    extent: Extent,
    owner: Owner,
    owner_ids: Sequence[UUID],
) -> set[UUID]:
    """Those of the ids that are units, or people who sell now, in the caller's part."""
    if owner == "unit":
        conditions = visible_units(brand_id, extent)
        select_ids = "select u.id from unit u"
    else:
        conditions = visible_staff(brand_id, extent)
        conditions.add("s.departed_at is null")
        select_ids = "select s.id from staff s"
    conditions.add(f"{conditions.alias}.id = any(?::uuid[])", list(owner_ids))
    rows = await connection.fetch(f"{select_ids} where {conditions.sql}", *conditions.arguments)
    return {row["id"] for row in rows}


def visible_goals(brand_id: UUID, extent: Extent) -> Conditions:
    """By where the unit is and the person works now; sellers see their own."""
    conditions = Conditions("g", brand_id)
    if extent.unit_ids is not None:
        units = list(extent.unit_ids)
        conditions.add(
            f"""(g.unit_id = any({SUBTREES}) or exists (select from staff s where s.brand_id = $1
                and s.id = g.staff_id and s.unit_id = any({SUBTREES})))""",
            units,
            units,
        )
    conditions.add_given("g.staff_id = ?", extent.staff_id)
    return conditions


def filtered_goals(
    brand_id: UUID,
    extent: Extent,
    *,
    unit_id: UUID | None,
    staff_id: UUID | None,
    period: str | None,
    metric: Metric | None,
) -> Conditions:
    conditions = visible_goals(brand_id, extent)
    conditions.add_given("g.unit_id = ?", unit_id)
    conditions.add_given("g.staff_id = ?", staff_id)
    conditions.add_given("g.period = ?", period)
    conditions.add_given("g.metric = ?", metric)
    return conditions


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What progress is worked out from, of some units or of some people."""

    owners: list[asyncpg.Record]
    days: list[asyncpg.Record]
    """Results by owner, trigger and day."""
    goals: list[asyncpg.Record]
    """The owners' own."""
    below: list[asyncpg.Record]
    """Those of everybody and everything in the units and below."""


async def fetch_snapshot(
    connection: asyncpg.Connection,
    brand_id: UUID,
    extent: Extent,
    owner: Owner,
    owner_ids: list[UUID],
    *,
    period: str,
    since: datetime,
    until: datetime,
) -> Snapshot:
    """Of those whom the caller may see. Sellers see themselves and no unit."""
    if owner == "unit":
        conditions = visible_units(brand_id, extent)
        if extent.staff_id is not None:
            conditions.add("false")
    else:
        conditions = visible_staff(brand_id, extent)
    conditions.add(f"{conditions.alias}.id = any(?::uuid[])", owner_ids)
    common = (_UNITS if owner == "unit" else _PEOPLE).format(owners=conditions.sql)
    given = conditions.arguments
    place = len(given) + 1
    await sort_in_memory(connection)
    names = {"owner": owner, "since": place, "until": place + 1, "period": place}
    return Snapshot(
        await connection.fetch(f"with {common} select * from roots order by id", *given),
        await connection.fetch(f"with {common} {_DAYS.format(**names)}", *given, since, until),
        await connection.fetch(f"with {common} {_OWN_GOALS.format(**names)}", *given, period),
        await connection.fetch(f"with {common} {_GOALS_BELOW.format(**names)}", *given, period)
        if owner == "unit"
        else [],
    )
