"""SQL of skills: assessments, what personas want, and the gaps between them as sets."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models.talent import (
    DEFAULT_PROFILES,
    Skill,
    SkillAssessment,
    SkillScore,
    WantedProfile,
)
from account_svc.repository.org import visible_units
from account_svc.repository.reading import SUBTREES, Conditions
from account_svc.repository.staff import visible_staff
from shared.access import Extent

SELECT_ASSESSMENT = """select a.id, a.staff_id, a.skill, a.score, a.assessed_by, a.assessed_at
    from skill_assessment a"""
SELECT_WANTED = """select w.persona_kind, w.persona_id, w.scores::text, w.set_by, w.set_at
    from wanted_profile w where w.brand_id = $1 order by w.persona_kind nulls last, w.persona_id"""

_DEFAULTS = " ".join(
    f"when '{kind}' then '{json.dumps(profile)}'::jsonb"
    for kind, profile in DEFAULT_PROFILES.items()
)
_SIX = ", ".join(f"('{skill}', {place})" for place, skill in enumerate(Skill))

# `members` says whose profiles count for what: a person for themselves, or for every unit asked for
# that they are below. A person who plays several personas has to fit each of them; of several words
# on one persona its own counts before that of its kind, and that before the default.
#
# What is wanted and what there is are brought together by grouping. The planner takes `members` for
# a handful: each table is reached from it by an index, and a join of two such results would compare
# everybody with everybody.
_PROFILES = f"""
    wants as (
        select distinct m.owner_id, m.staff_id,
            coalesce(own.scores, of_kind.scores, case p.kind {_DEFAULTS} end) as scores
        from members m
        join account a on a.brand_id = $1 and a.staff_id = m.staff_id and a.status <> 'retired'
        join persona p on p.brand_id = $1 and p.id = a.persona_id
        left join wanted_profile own on own.brand_id = $1
            and own.persona_kind is null and own.persona_id = p.id
        left join wanted_profile of_kind on of_kind.brand_id = $1
            and of_kind.persona_kind = p.kind and of_kind.persona_id is null),
    facts as (
        select w.owner_id, w.staff_id, six.skill, (w.scores ->> six.skill)::integer as wanted,
            null::integer as score, null::timestamptz as assessed_at
        from wants w cross join (values {_SIX}) six (skill, place)
        union all
        select m.owner_id, m.staff_id, s.skill, null, s.score, s.assessed_at
        from members m join skill_score s on s.brand_id = $1 and s.staff_id = m.staff_id),
    profiles as (
        select owner_id, staff_id, skill, score, assessed_at, wanted,
            case when wanted > score then wanted - score when wanted <= score then 0 end as gap
        from (
            select owner_id, staff_id, skill, max(score) as score, max(wanted) as wanted,
                max(assessed_at) as assessed_at
            from facts group by owner_id, staff_id, skill) each_one)"""

_OF_PEOPLE = f"""
    select people.id as staff_id, six.skill, p.score, p.assessed_at, p.wanted, p.gap
    from people
    cross join (values {_SIX}) six (skill, place)
    left join profiles p on p.owner_id = people.id and p.skill = six.skill
    order by people.id, six.place"""

_ROLLED_UP = f"""
    rolled_up as (
        select owner_id, skill,
            count(wanted) as people,
            count(score) filter (where wanted is not null) as assessed,
            count(*) filter (where gap > 0) as people_below,
            percentile_cont(0.5) within group (order by score)
                filter (where wanted is not null) as median_score,
            percentile_cont(0.25) within group (order by score)
                filter (where wanted is not null) as lower_quartile_score,
            percentile_cont(0.5) within group (order by wanted) as median_wanted,
            percentile_cont(0.5) within group (order by gap) as median_gap
        from profiles group by owner_id, skill)
    select roots.id as unit_id, six.skill, coalesce(r.people, 0) as people,
        coalesce(r.assessed, 0) as assessed, coalesce(r.people_below, 0) as people_below,
        r.median_score, r.lower_quartile_score, r.median_wanted, r.median_gap
    from roots
    cross join (values {_SIX}) six (skill, place)
    left join rolled_up r on r.owner_id = roots.id and r.skill = six.skill
    order by roots.id, six.place"""


async def driver_of(session: AsyncSession) -> asyncpg.Connection:
    """The driver's connection of a transaction: a command reads what it has just written with the
    statements that reads use."""
    pooled = await (await session.connection()).get_raw_connection()
    driver: asyncpg.Connection = pooled.driver_connection
    return driver


async def save_assessments(
    session: AsyncSession,
    brand_id: UUID,
    staff_id: UUID,
    assessments: Sequence[dict[str, Any]],
) -> None:
    """Add to the history, and make these the newest; the caller holds the person's lock."""
    await session.execute(insert(SkillAssessment), assessments)
    new = upsert(SkillScore)
    await session.execute(
        new.on_conflict_do_update(
            index_elements=["brand_id", "staff_id", "skill"],
            set_={"score": new.excluded.score, "assessed_at": new.excluded.assessed_at},
        ),
        [
            {
                "brand_id": brand_id,
                "staff_id": staff_id,
                "skill": each["skill"],
                "score": each["score"],
                "assessed_at": each["assessed_at"],
            }
            for each in assessments
        ],
    )


async def save_wanted(session: AsyncSession, values: dict[str, Any]) -> None:
    new = upsert(WantedProfile)
    await session.execute(
        new.on_conflict_do_update(
            constraint="uq_wanted_profile_brand_id_persona_kind_persona_id",
            set_={
                "scores": new.excluded.scores,
                "set_by": new.excluded.set_by,
                "set_at": new.excluded.set_at,
            },
        ),
        [values],
    )


def filtered_assessments(
    brand_id: UUID, extent: Extent, *, staff_id: UUID | None, skill: Skill | None
) -> Conditions:
    conditions = visible_assessments(brand_id, extent)
    conditions.add_given("a.staff_id = ?", staff_id)
    conditions.add_given("a.skill = ?", skill)
    return conditions


def visible_assessments(brand_id: UUID, extent: Extent) -> Conditions:
    """By the unit where the person works now."""
    conditions = Conditions("a", brand_id)
    if extent.unit_ids is not None:
        conditions.add(
            f"""exists (select from staff s where s.brand_id = $1 and s.id = a.staff_id
                and s.unit_id = any({SUBTREES}))""",
            list(extent.unit_ids),
        )
    conditions.add_given("a.staff_id = ?", extent.staff_id)
    return conditions


async def fetch_profiles(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, staff_ids: list[UUID]
) -> list[asyncpg.Record]:
    """Six rows for each of these people whom the caller may see."""
    people = visible_staff(brand_id, extent)
    people.add("s.id = any(?::uuid[])", staff_ids)
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""with people as (select s.id from staff s where {people.sql}),
            members as (select id as owner_id, id as staff_id from people),
            {_PROFILES} {_OF_PEOPLE}""",
        *people.arguments,
    )
    return rows


async def fetch_unit_profiles(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, unit_ids: list[UUID]
) -> list[asyncpg.Record]:
    """Six rows for each of these units, over everybody who plays a persona there or below.

    Sellers see none: where few work, a median is somebody's score.
    """
    units = visible_units(brand_id, extent)
    units.add("u.id = any(?::uuid[])", unit_ids)
    if extent.staff_id is not None:
        units.add("false")
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""with roots as (select u.id, u.path from unit u where {units.sql}),
            members as (
                select roots.id as owner_id, s.id as staff_id
                from roots
                join unit below on below.brand_id = $1
                    and below.path >= roots.path and below.path < roots.path || '\\xff'::bytea
                join staff s on s.brand_id = $1 and s.unit_id = below.id
                where s.departed_at is null),
            {_PROFILES}, {_ROLLED_UP}""",
        *units.arguments,
    )
    return rows
