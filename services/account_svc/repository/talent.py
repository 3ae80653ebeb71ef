"""SQL of skills: assessments, what personas want, and the gaps between them as sets."""

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

_DEFAULTS = ", ".join(
    f"('{kind}', '{skill}', {score})"
    for kind, profile in DEFAULT_PROFILES.items()
    for skill, score in profile.items()
)
_SIX = ", ".join(f"('{skill}', {place})" for place, skill in enumerate(Skill))

# `people` is whoever is looked at. A person who plays several personas has to fit each of them; of
# several words on one persona its own counts before that of its kind, and that before the default.
_PROFILES = f"""
    plays as (
        select distinct people.id as staff_id, p.id as persona_id, p.kind
        from people
        join account a on a.brand_id = $1 and a.staff_id = people.id and a.status <> 'retired'
        join persona p on p.brand_id = a.brand_id and p.id = a.persona_id),
    wants as (
        select plays.staff_id, d.skill, max(coalesce(
            (own.scores ->> d.skill)::integer, (of_kind.scores ->> d.skill)::integer, d.score
        )) as wanted
        from plays
        join (values {_DEFAULTS}) d (kind, skill, score) on d.kind = plays.kind
        left join wanted_profile own on own.brand_id = $1 and own.persona_id = plays.persona_id
        left join wanted_profile of_kind
            on of_kind.brand_id = $1 and of_kind.persona_kind = plays.kind
        group by plays.staff_id, d.skill),
    profiles as (
        select people.id as staff_id, six.skill, s.score, s.assessed_at, w.wanted,
            case when w.wanted > s.score then w.wanted - s.score
                when w.wanted <= s.score then 0 end as gap
        from people
        cross join (values {_SIX}) six (skill, place)
        left join skill_score s
            on s.brand_id = $1 and s.staff_id = people.id and s.skill = six.skill
        left join wants w on w.staff_id = people.id and w.skill = six.skill
        order by people.id, six.place)"""

_ROLLED_UP = f"""
    select roots.id as unit_id, six.skill,
        count(p.wanted) as people,
        count(p.score) filter (where p.wanted is not null) as assessed,
        count(*) filter (where p.gap > 0) as people_below,
        percentile_cont(0.5) within group (order by p.score)
            filter (where p.wanted is not null) as median_score,
        percentile_cont(0.25) within group (order by p.score)
            filter (where p.wanted is not null) as lower_quartile_score,
        percentile_cont(0.5) within group (order by p.wanted) as median_wanted,
        percentile_cont(0.5) within group (order by p.gap) as median_gap
    from roots
    cross join (values {_SIX}) six (skill, place)
    left join members on members.unit_id = roots.id
    left join profiles p on p.staff_id = members.staff_id and p.skill = six.skill
    group by roots.id, six.skill, six.place order by roots.id, six.place"""


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
                and s.unit_id in ({SUBTREES}))""",
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
        f"""with people as (select s.id from staff s where {people.sql}), {_PROFILES}
            select * from profiles""",
        *people.arguments,
    )
    return rows


async def fetch_unit_profiles(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, unit_ids: list[UUID]
) -> list[asyncpg.Record]:
    """Six rows for each of these units, over everybody who plays a persona there or below.

    One statement for all: each person's profile is made once, in however many units they count.
    Sellers see none: where few work, a median is somebody's score.
    """
    units = visible_units(brand_id, extent)
    units.add("u.id = any(?::uuid[])", unit_ids)
    if extent.staff_id is not None:
        units.add("false")
    rows: list[asyncpg.Record] = await connection.fetch(
        f"""with roots as (select u.id, u.path from unit u where {units.sql}),
            members as (
                select roots.id as unit_id, s.id as staff_id
                from roots
                join unit below on below.brand_id = $1
                    and below.path >= roots.path and below.path < roots.path || '\\xff'::bytea
                join staff s on s.brand_id = $1 and s.unit_id = below.id
                where s.departed_at is null),
            people as (select distinct staff_id as id from members), {_PROFILES} {_ROLLED_UP}""",
        *units.arguments,
    )
    return rows
