"""SQL of rights: what they need, what was announced, and the snapshot they are judged by."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import Certificate, HeldRight, RightRequirement, Staff
from account_svc.repository.reading import Conditions
from account_svc.rights import Held
from shared.events.account import Right

_REQUIREMENTS = """select distinct on (r."right") r."right", r.version, r.course_ids, r.valid_from
    from right_requirement r where r.brand_id = $1 and r.valid_from <= $2
    order by r."right", r.version desc"""
_CERTIFICATES = """select t.staff_id, t.course_id, t.earned_at, t.expires_at from certificate t
    where t.brand_id = $1 and t.staff_id = any($2::uuid[])"""
_COURSES = "select c.id, c.code, c.name from course c where c.brand_id = $1"


async def lock_requirements(session: AsyncSession, brand_id: UUID) -> None:
    """Wait for everybody who judges by the requirements as they are, then keep them away."""
    await _lock(session, "pg_advisory_xact_lock", brand_id)


async def hold_requirements(session: AsyncSession, brand_id: UUID) -> None:
    """Nobody changes the requirements before this transaction ends."""
    await _lock(session, "pg_advisory_xact_lock_shared", brand_id)


async def _lock(session: AsyncSession, function: str, brand_id: UUID) -> None:
    await session.execute(
        text(f"select {function}(hashtextextended('rights/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


async def last_version(session: AsyncSession, brand_id: UUID, right: Right) -> int:
    """The newest version of what the right needs; 0 if nobody ever said."""
    version = await session.scalar(
        select(func.max(RightRequirement.version)).where(
            RightRequirement.brand_id == brand_id, RightRequirement.right == right
        )
    )
    return version or 0


async def courses_by_right(
    session: AsyncSession, brand_id: UUID, at: datetime
) -> dict[Right, list[UUID]]:
    rows = await session.scalars(
        select(RightRequirement)
        .where(RightRequirement.brand_id == brand_id, RightRequirement.valid_from <= at)
        .order_by(RightRequirement.version)
    )
    return {row.right: row.course_ids for row in rows}


async def certificates_by_staff(
    session: AsyncSession, brand_id: UUID, staff_ids: Iterable[UUID]
) -> Mapping[UUID, list[Held]]:
    found: dict[UUID, list[Held]] = defaultdict(list)
    for row in await session.execute(
        select(
            Certificate.staff_id,
            Certificate.course_id,
            Certificate.earned_at,
            Certificate.expires_at,
        ).where(Certificate.brand_id == brand_id, Certificate.staff_id.in_(list(staff_ids)))
    ):
        found[row.staff_id].append(Held(row.course_id, row.earned_at, row.expires_at))
    return found


async def announced(
    session: AsyncSession, brand_id: UUID, staff_ids: Iterable[UUID]
) -> dict[tuple[UUID, Right], HeldRight]:
    """What was last announced of these people, whom the caller has locked."""
    rows = await session.scalars(
        select(HeldRight)
        .where(HeldRight.brand_id == brand_id, HeldRight.staff_id.in_(list(staff_ids)))
        .execution_options(populate_existing=True)
    )
    return {(row.staff_id, row.right): row for row in rows}


async def lock_staff(
    session: AsyncSession, brand_id: UUID, staff_ids: Sequence[UUID]
) -> Sequence[Staff]:
    return (
        await session.scalars(
            select(Staff)
            .where(Staff.brand_id == brand_id, Staff.id.in_(staff_ids))
            .order_by(Staff.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).all()


async def lock_concerned(
    session: AsyncSession, requirement: RightRequirement, size: int
) -> Sequence[Staff]:
    """The next people whom a new requirement may concern: who held the right, or may now."""
    held = select(HeldRight.staff_id).where(
        HeldRight.brand_id == requirement.brand_id,
        HeldRight.staff_id == Staff.id,
        HeldRight.right == requirement.right,
    )
    certified = select(Certificate.staff_id).where(
        Certificate.brand_id == requirement.brand_id,
        Certificate.staff_id == Staff.id,
        Certificate.course_id.in_(requirement.course_ids),
    )
    statement = select(Staff).where(
        Staff.brand_id == requirement.brand_id, held.exists() | certified.exists()
    )
    if requirement.told_to is not None:
        statement = statement.where(Staff.id > requirement.told_to)
    return (await session.scalars(statement.order_by(Staff.id).limit(size).with_for_update())).all()


async def get_requirement_for_update(
    session: AsyncSession, brand_id: UUID, requirement_id: UUID
) -> RightRequirement:
    return await session.get_one(RightRequirement, (brand_id, requirement_id), with_for_update=True)


async def fetch_requirements(
    connection: asyncpg.Connection, brand_id: UUID, at: datetime
) -> dict[Right, asyncpg.Record]:
    rows = await connection.fetch(_REQUIREMENTS, brand_id, at)
    return {Right(row["right"]): row for row in rows}


async def fetch_certificates(
    connection: asyncpg.Connection, brand_id: UUID, staff_ids: list[UUID]
) -> Mapping[UUID, list[Held]]:
    found: dict[UUID, list[Held]] = defaultdict(list)
    for row in await connection.fetch(_CERTIFICATES, brand_id, staff_ids):
        found[row["staff_id"]].append(Held(row["course_id"], row["earned_at"], row["expires_at"]))
    return found


async def fetch_courses(
    connection: asyncpg.Connection, brand_id: UUID, course_ids: Iterable[UUID]
) -> dict[UUID, Any]:
    """Code and name of these courses."""
    rows = await connection.fetch(
        f"{_COURSES} and c.id = any($2::uuid[])", brand_id, list(course_ids)
    )
    return {row["id"]: row for row in rows}


async def fetch_staff(
    connection: asyncpg.Connection, conditions: Conditions, staff_ids: list[UUID]
) -> list[asyncpg.Record]:
    """Who of these people the caller may see, and when they departed."""
    conditions.add("s.id = any(?::uuid[])", staff_ids)
    rows: list[asyncpg.Record] = await connection.fetch(
        f"select s.id, s.departed_at from staff s where {conditions.sql}", *conditions.arguments
    )
    return rows
