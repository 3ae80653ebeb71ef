"""SQL of imports: runs, their problems, and rows found by their natural keys."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, Text, cast, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from account_svc.errors import BrandNotFound
from account_svc.models import (
    Account,
    ImportProblem,
    ImportRun,
    Persona,
    PersonaKind,
    Staff,
    Unit,
)
from account_svc.repository.reading import Conditions
from shared.events.account import AccountStatus, Platform

SELECT_RUN = """select r.id, r.kind, r.status, r.rows_read, r.rows_added, r.rows_changed,
    r.rows_unchanged, r.rows_refused, r.started_at, r.progress_at, r.finished_at
    from import_run r"""
PROBLEMS_SHOWN = 1_000


async def lock_kind(session: AsyncSession, brand_id: UUID, kind: str) -> None:
    """One chunk of a kind at a time in a brand: two runs of the same file do not collide."""
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('import/' || :kind || :brand, 0))"),
        {"kind": kind, "brand": str(brand_id)},
    )


async def find_run(session: AsyncSession, brand_id: UUID, run_id: UUID) -> ImportRun | None:
    return await session.get(ImportRun, {"brand_id": brand_id, "id": run_id}, with_for_update=True)


async def forget_problems(session: AsyncSession, brand_id: UUID, run_id: UUID) -> None:
    await session.execute(
        delete(ImportProblem).where(
            ImportProblem.brand_id == brand_id, ImportProblem.import_id == run_id
        )
    )


async def save_progress(
    session: AsyncSession, brand_id: UUID, run_id: UUID, values: dict[str, Any]
) -> None:
    await session.execute(
        update(ImportRun)
        .where(ImportRun.brand_id == brand_id, ImportRun.id == run_id)
        .values(**values)
    )


async def add_problems(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await session.execute(insert(ImportProblem), rows)


async def parent_codes(session: AsyncSession, brand_id: UUID) -> dict[str, str | None]:
    """The code of every unit of the brand, and its parent's."""
    above = aliased(Unit)
    rows = await session.execute(
        select(Unit.code, above.code)
        .outerjoin(above, (above.brand_id == Unit.brand_id) & (above.id == Unit.parent_id))
        .where(Unit.brand_id == brand_id)
    )
    return dict(iter(rows))


async def get_root(session: AsyncSession, brand_id: UUID) -> Unit:
    root: Unit | None = await session.scalar(
        select(Unit).where(Unit.brand_id == brand_id, Unit.parent_id.is_(None))
    )
    if root is None:
        raise BrandNotFound("no such brand")
    return root


async def units_by_code(
    session: AsyncSession, brand_id: UUID, codes: Collection[str]
) -> Sequence[Unit]:
    found = await session.scalars(
        select(Unit)
        .where(Unit.brand_id == brand_id, Unit.code.in_(codes))
        .order_by(Unit.id)
        .with_for_update()
    )
    return found.all()


async def unit_ids_by_code(
    session: AsyncSession, brand_id: UUID, codes: Collection[str]
) -> dict[str, UUID]:
    rows = await session.execute(
        select(Unit.code, Unit.id).where(Unit.brand_id == brand_id, Unit.code.in_(codes))
    )
    return dict(iter(rows))


async def staff_by_code(
    session: AsyncSession, brand_id: UUID, codes: Collection[str]
) -> dict[str, Staff]:
    found = await session.scalars(
        select(Staff)
        .where(Staff.brand_id == brand_id, Staff.code.in_(codes))
        .order_by(Staff.id)
        .with_for_update()
    )
    return {staff.code: staff for staff in found}


async def sellers_by_code(
    session: AsyncSession, brand_id: UUID, codes: Collection[str]
) -> dict[str, UUID]:
    """The people with these codes who still sell for the brand."""
    rows = await session.execute(
        select(Staff.code, Staff.id).where(
            Staff.brand_id == brand_id, Staff.code.in_(codes), Staff.departed_at.is_(None)
        )
    )
    return dict(iter(rows))


async def accounts_by_handle(
    session: AsyncSession, brand_id: UUID, keys: Collection[tuple[Platform, str]]
) -> dict[tuple[Platform, str], Account]:
    """Of several with a handle the one that is not retired, else the last that was."""
    # a join, for a thousand pairs in an IN list are compared one by one
    wanted = (
        func.unnest(
            cast([platform.value for platform, _ in keys], ARRAY(Text())),
            cast([handle for _, handle in keys], ARRAY(Text())),
        )
        .table_valued("platform", "handle", name="wanted")
        .render_derived()
    )
    found = await session.scalars(
        select(Account)
        .join(
            wanted,
            (cast(Account.platform, Text()) == wanted.c.platform)
            & (Account.handle == wanted.c.handle),
        )
        .where(Account.brand_id == brand_id)
        .order_by(Account.id)
        .with_for_update(of=Account)
    )
    ordered = sorted(found, key=lambda each: (each.status is not AccountStatus.RETIRED, each.id))
    return {(account.platform, account.handle): account for account in ordered}


async def insert_named(
    session: AsyncSession, table: type[Staff] | type[Account], rows: Sequence[dict[str, Any]]
) -> set[UUID]:
    """Insert the rows whose code or handle nobody has in upper or lower case; the ids of those."""
    ids = await session.scalars(
        upsert(table).on_conflict_do_nothing().returning(table.id), list(rows)
    )
    return set(ids)


async def personas_by_kind(session: AsyncSession, brand_id: UUID) -> dict[PersonaKind, Persona]:
    """The brand's first persona of each kind."""
    found = await session.scalars(
        select(Persona).where(Persona.brand_id == brand_id).order_by(Persona.id.desc())
    )
    return {persona.kind: persona for persona in found}


async def fetch_problems(
    connection: asyncpg.Connection, brand_id: UUID, run_id: UUID
) -> list[asyncpg.Record]:
    """The first thousand, by line."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select line, field, reason from import_problem where brand_id = $1 and import_id = $2 "
        f"order by line, id limit {PROBLEMS_SHOWN}",
        brand_id,
        run_id,
    )
    return rows


def all_runs(brand_id: UUID) -> Conditions:
    return Conditions("r", brand_id)
