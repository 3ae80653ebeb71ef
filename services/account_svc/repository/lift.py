"""SQL of tiers, and of the tasks that lift."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import LiftTaskNotFound
from account_svc.models import ExamAttempt, period_before, period_bounds, split_path
from account_svc.models.goal import COUNTED, Metric
from account_svc.models.lift import LiftStatus, LiftTask, Placement, SkillCourse, Tiering
from account_svc.models.race import RaceRules
from account_svc.models.talent import Skill
from account_svc.models.tiers import Placed, Seller, league_of
from account_svc.repository.org import visible_units
from account_svc.repository.reading import SUBTREES, Conditions, sort_in_memory
from account_svc.repository.staff import visible_staff
from shared.access import Extent
from shared.events.account import UnitKind

SELECT_TASK = """select t.id, t.staff_id, t.period, t.tier, t.skill, t.gap, t.course_id, t.status,
    t.due_at, t.assigned_by, t.assigned_at, t.done_at, t.retests, t.attempt_id, t.closed_at,
    t.closed_at is null and t.due_at < now() as is_overdue from lift_task t"""
SELECT_TIERINGS = """select g.period, g.rules::text, g.people, g.placed_by, g.asked_at, g.placed_at
    from tiering g where g.brand_id = $1 order by g.period desc limit 60"""
SELECT_SKILL_COURSES = """select c.skill, c.course_id, c.set_by, c.set_at
    from skill_course c where c.brand_id = $1 order by c.skill"""

_AT_ONCE = 10_000
"""Placements in one statement: many would not be written within its time."""

_SELLERS = """
    select s.id, s.unit_id, k.skill from staff s
    left join (
        select k.staff_id, avg(k.score)::float8 as skill from skill_score k
        where k.brand_id = $1 group by k.staff_id) k on k.staff_id = s.id
    where s.brand_id = $1 and s.is_seller and s.departed_at is null"""
_RESULTS = """
    select r.staff_id, count(*) as number, sum(r.amount_minor)::bigint as amount
    from result r
    where r.brand_id = $1 and r.trigger = $2 and r.achieved_at >= $3 and r.achieved_at < $4
        and not exists (select from voided_cause v
            where v.brand_id = $1 and v.trigger = r.trigger and v.cause = r.cause)
    group by r.staff_id"""
_LEADS = """
    select r.unit_id, count(*) as leads from result r
    where r.brand_id = $1 and r.trigger = 'lead_accepted'
        and r.achieved_at >= $2 and r.achieved_at < $3
        and not exists (select from voided_cause v
            where v.brand_id = $1 and v.trigger = r.trigger and v.cause = r.cause)
    group by r.unit_id"""
_KEEP = text("""
    insert into placement (brand_id, period, staff_id, unit_id, league, result, skill, score, tier)
    select :brand, :period, p.staff_id, p.unit_id, p.league, p.result, p.skill, p.score, p.tier
    from unnest(cast(:staff_ids as uuid[]), cast(:unit_ids as uuid[]), cast(:leagues as text[]),
        cast(:results as bigint[]), cast(:skills as float8[]), cast(:scores as float8[]),
        cast(:tiers as text[])) p (staff_id, unit_id, league, result, skill, score, tier)""")

_FIGURES = """
    with roots as materialized (
        select u.id, u.path, u.path || '\\xff'::bytea as path_end from unit u where {units}),
    months as materialized (
        select g.period, to_char(to_date(g.period, 'YYYY-MM') - interval '1 month', 'YYYY-MM')
            as period_before
        from tiering g where g.brand_id = $1 and g.placed_at is not null
        order by g.period desc limit ${months}),
    placed as (
        select roots.id as owner_id, p.period, p.result, p.tier, before.tier as tier_before,
            before.staff_id is not null as was_placed
        from roots
        join unit below on below.brand_id = $1
            and below.path >= roots.path and below.path < roots.path_end
        cross join months
        join placement p on p.brand_id = $1 and p.unit_id = below.id and p.period = months.period
        left join placement before on before.brand_id = $1 and before.staff_id = p.staff_id
            and before.period = months.period_before),
    ranked as (
        select placed.*,
            array_position(array['tail', 'middle', 'top'], tier::text) as place,
            array_position(array['tail', 'middle', 'top'], tier_before::text) as place_before
        from placed)
    select owner_id, period, count(*) as people,
        count(*) filter (where tier = 'top') as top,
        count(*) filter (where tier = 'middle') as middle,
        count(*) filter (where tier = 'tail') as tail,
        percentile_cont(0.5) within group (order by result) as median_result,
        percentile_cont(0.25) within group (order by result) as lower_quartile_result,
        count(*) filter (where place > place_before) as moved_up,
        count(*) filter (where place < place_before) as moved_down,
        count(*) filter (where place = place_before) as stayed,
        count(*) filter (where not was_placed) as came
    from ranked group by owner_id, period order by owner_id, period desc"""


async def fetch_sellers(
    connection: asyncpg.Connection, brand_id: UUID, period: str, metric: Metric, race: RaceRules
) -> list[Seller]:
    """Everybody who sells now, with what they achieved in the month and their store's league."""
    units = await connection.fetch("select id, path, kind from unit where brand_id = $1", brand_id)
    stores = {row["id"] for row in units if row["kind"] == UnitKind.STORE}
    store_of = {
        row["id"]: next(
            (each for each in reversed(split_path(row["path"])) if each in stores), None
        )
        for row in units
    }
    people = await connection.fetch(_SELLERS, brand_id)
    sellers = dict.fromkeys(stores, 0)
    for row in people:
        store = store_of[row["unit_id"]]
        if store is not None:
            sellers[store] += 1
    leads = dict.fromkeys(stores, 0)
    for row in await connection.fetch(_LEADS, brand_id, *period_bounds(period_before(period))):
        store = store_of.get(row["unit_id"])
        if store is not None:
            leads[store] += row["leads"]
    leagues = {each: league_of(race.leagues, sellers[each], leads[each]) for each in stores}
    column = "amount" if metric is Metric.DEAL_VALUE else "number"
    results = {
        row["staff_id"]: row[column]
        for row in await connection.fetch(
            _RESULTS, brand_id, COUNTED[metric], *period_bounds(period)
        )
    }
    found = []
    for row in people:
        store = store_of[row["unit_id"]]
        league = None if store is None else leagues[store]
        result = results.get(row["id"], 0)
        found.append(Seller(row["id"], row["unit_id"], league, result, row["skill"]))
    return found


async def ask_for_tiers(session: AsyncSession, values: dict[str, Any]) -> None:
    """The month is to be placed, or placed anew; what it says stays until then."""
    new = upsert(Tiering).values(**values)
    changed = {name: new.excluded[name] for name in ("rules", "placed_by", "asked_at", "placed_at")}
    await session.execute(
        new.on_conflict_do_update(index_elements=["brand_id", "period"], set_=changed)
    )


async def is_mine(session: AsyncSession, brand_id: UUID) -> bool:
    """Whether no other worker places people of the brand until this transaction ends."""
    return bool(
        await session.scalar(
            text("select pg_try_advisory_xact_lock(hashtextextended('tiers/' || :brand, 0))"),
            {"brand": str(brand_id)},
        )
    )


async def find_unplaced(session: AsyncSession, brand_id: UUID) -> Tiering | None:
    """The month that has waited longest to be placed."""
    tiering: Tiering | None = await session.scalar(
        select(Tiering)
        .where(Tiering.brand_id == brand_id, Tiering.placed_at.is_(None))
        .order_by(Tiering.asked_at)
        .limit(1)
    )
    return tiering


async def save_placements(
    session: AsyncSession, tiering: Tiering, placed: Sequence[Placed], at: datetime
) -> None:
    """The month's placements are these, whatever they were before. Asked for anew meanwhile, the
    month still waits."""
    brand_id, period = tiering.brand_id, tiering.period
    await session.execute(
        delete(Placement).where(Placement.brand_id == brand_id, Placement.period == period)
    )
    for start in range(0, len(placed), _AT_ONCE):
        some = placed[start : start + _AT_ONCE]
        await session.execute(
            _KEEP,
            {
                "brand": brand_id,
                "period": period,
                "staff_ids": [each.seller.staff_id for each in some],
                "unit_ids": [each.seller.unit_id for each in some],
                "leagues": [each.seller.league for each in some],
                "results": [each.seller.result for each in some],
                "skills": [each.seller.skill for each in some],
                "scores": [each.score for each in some],
                "tiers": [each.tier for each in some],
            },
        )
    await session.execute(
        update(Tiering)
        .where(
            Tiering.brand_id == brand_id,
            Tiering.period == period,
            Tiering.asked_at == tiering.asked_at,
        )
        .values(placed_at=at, people=len(placed))
    )


async def find_placement(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> Placement | None:
    """The person's newest."""
    found: Placement | None = await session.scalar(
        select(Placement)
        .where(Placement.brand_id == brand_id, Placement.staff_id == staff_id)
        .order_by(Placement.period.desc())
        .limit(1)
    )
    return found


async def save_skill_course(session: AsyncSession, values: dict[str, Any]) -> None:
    new = upsert(SkillCourse).values(**values)
    await session.execute(
        new.on_conflict_do_update(
            index_elements=["brand_id", "skill"],
            set_={name: new.excluded[name] for name in ("course_id", "set_by", "set_at")},
        )
    )


async def find_skill_course(session: AsyncSession, brand_id: UUID, skill: Skill) -> UUID | None:
    course_id: UUID | None = await session.scalar(
        select(SkillCourse.course_id).where(
            SkillCourse.brand_id == brand_id, SkillCourse.skill == skill
        )
    )
    return course_id


async def get_task(session: AsyncSession, brand_id: UUID, task_id: UUID) -> LiftTask:
    task = await session.get(LiftTask, (brand_id, task_id), with_for_update=True)
    if task is None:
        raise LiftTaskNotFound("no such task")
    return task


async def list_retested(session: AsyncSession, attempt: ExamAttempt) -> Sequence[LiftTask]:
    """The person's open tasks of the exam's course that were there when the attempt began."""
    return (
        await session.scalars(
            select(LiftTask)
            .where(
                LiftTask.brand_id == attempt.brand_id,
                LiftTask.staff_id == attempt.staff_id,
                LiftTask.course_id == attempt.course_id,
                LiftTask.closed_at.is_(None),
                LiftTask.assigned_at <= attempt.started_at,
            )
            .with_for_update()
        )
    ).all()


def visible_tasks(brand_id: UUID, extent: Extent) -> Conditions:
    """By the unit where the person works now."""
    conditions = Conditions("t", brand_id)
    if extent.unit_ids is not None:
        conditions.add(_IN_UNITS, list(extent.unit_ids))
    conditions.add_given("t.staff_id = ?", extent.staff_id)
    return conditions


_IN_UNITS = f"""exists (select from staff s where s.brand_id = $1 and s.id = t.staff_id
    and s.unit_id = any({SUBTREES}))"""


def filtered_tasks(
    brand_id: UUID,
    extent: Extent,
    *,
    staff_id: UUID | None,
    unit_id: UUID | None,
    status: LiftStatus | None,
) -> Conditions:
    conditions = visible_tasks(brand_id, extent)
    conditions.add_given("t.staff_id = ?", staff_id)
    conditions.add_given("t.status = ?", status)
    if unit_id is not None:
        conditions.add(_IN_UNITS, [unit_id])
    return conditions


async def fetch_placements(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, staff_ids: list[UUID]
) -> list[asyncpg.Record]:
    """Of each of these people whom the caller may see every month, newest first."""
    people = visible_staff(brand_id, extent)
    people.add("s.id = any(?::uuid[])", staff_ids)
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""select s.id as staff_id, p.period, p.league, p.result, p.skill, p.score, p.tier,
            g.rules ->> 'metric' as metric
        from staff s
        left join placement p on p.brand_id = $1 and p.staff_id = s.id
        left join tiering g on g.brand_id = $1 and g.period = p.period
        where {people.sql} order by s.id, p.period desc""",
        *people.arguments,
    )
    return rows


async def fetch_figures(
    connection: asyncpg.Connection,
    brand_id: UUID,
    extent: Extent,
    unit_ids: list[UUID],
    *,
    months: int,
) -> tuple[list[UUID], list[asyncpg.Record]]:
    """The units that the caller may see, and their newest months. Sellers see none."""
    units = visible_units(brand_id, extent)
    units.add("u.id = any(?::uuid[])", unit_ids)
    if extent.staff_id is not None:
        units.add("false")
    seen = await connection.fetch(f"select u.id from unit u where {units.sql}", *units.arguments)
    await sort_in_memory(connection)
    statement = _FIGURES.format(units=units.sql, months=len(units.arguments) + 1)
    rows = await connection.fetch(statement, *units.arguments, months)
    return [row["id"] for row in seen], rows
