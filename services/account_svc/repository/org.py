"""SQL of brands and units."""

from uuid import UUID

import asyncpg
from sqlalchemy import Select, Uuid, and_, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from account_svc.errors import BrandNotFound, UnitNotFound
from account_svc.models import Unit
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent

SELECT_UNIT = """select u.id, u.parent_id, u.kind, u.code, u.name, u.city_code, u.city, u.latitude,
    u.longitude, u.opens_at, u.closes_at, u.path, u.version from unit u"""

_AFTER_SUBTREE = b"\xff"


async def lock_tree(session: AsyncSession, brand_id: UUID) -> None:
    """One change of a brand's tree at a time: paths are derived from the paths above."""
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('tree/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


def subtree_ids(brand_id: UUID, unit_ids: tuple[UUID, ...]) -> Select[UUID]:
    """The units of these subtrees, their roots included."""
    root, below = aliased(Unit), aliased(Unit)
    under = and_(
        below.brand_id == root.brand_id,
        below.path >= root.path,
        below.path < root.path.op("||")(_AFTER_SUBTREE),
    )
    wanted = func.any(cast(list(unit_ids), ARRAY(Uuid())))
    return select(below.id).join(root, under).where(root.brand_id == brand_id, root.id == wanted)


async def find_unit(
    session: AsyncSession, brand_id: UUID, extent: Extent, unit_id: UUID
) -> Unit | None:
    statement = select(Unit).where(Unit.brand_id == brand_id, Unit.id == unit_id)
    if extent.unit_ids is not None:
        statement = statement.where(Unit.id.in_(subtree_ids(brand_id, extent.unit_ids)))
    found: Unit | None = await session.scalar(statement)
    return found


async def get_unit_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, unit_id: UUID
) -> Unit:
    if await find_unit(session, brand_id, extent, unit_id) is None:
        raise UnitNotFound("no such unit")
    return (
        await session.scalars(
            select(Unit)
            .where(Unit.brand_id == brand_id, Unit.id == unit_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one()


async def levels_below(session: AsyncSession, unit: Unit) -> int:
    """How deep the tree goes on below the unit."""
    longest = await session.scalar(
        select(func.max(func.octet_length(Unit.path))).where(
            Unit.brand_id == unit.brand_id,
            Unit.path >= unit.path,
            Unit.path < unit.path + _AFTER_SUBTREE,
        )
    )
    return ((longest or len(unit.path)) - len(unit.path)) // len(unit.id.bytes)


async def move_subtree(
    session: AsyncSession, brand_id: UUID, old_path: bytes, new_path: bytes
) -> None:
    """Everything below `old_path` hangs below `new_path`; the unit itself is moved already."""
    await session.execute(
        update(Unit)
        .where(
            Unit.brand_id == brand_id,
            Unit.path > old_path,
            Unit.path < old_path + _AFTER_SUBTREE,
        )
        .values(path=func.overlay(Unit.path, new_path, 1, len(old_path)))
        .execution_options(synchronize_session=False)
    )


async def fetch_brand(connection: asyncpg.Connection, brand_id: UUID) -> asyncpg.Record:
    row = await connection.fetchrow("select * from brand where brand_id = $1", brand_id)
    if row is None:
        raise BrandNotFound("no such brand")
    return row


async def count_stores(connection: asyncpg.Connection, brand_id: UUID) -> int:
    number: int = await connection.fetchval(
        "select count(*) from unit u where u.brand_id = $1 and u.kind = 'store'", brand_id
    )
    return number


def visible_units(brand_id: UUID, extent: Extent) -> Conditions:
    """A manager's subtrees; for a seller the home unit and the units above it."""
    conditions = Conditions("u", brand_id)
    if extent.unit_ids is not None:
        conditions.add(f"u.id = any({SUBTREES})", list(extent.unit_ids))
    if extent.staff_id is not None:
        conditions.add(
            """exists (select 1 from staff s join unit home
                on home.brand_id = s.brand_id and home.id = s.unit_id
                where s.brand_id = $1 and s.id = ?
                and home.path >= u.path and home.path < u.path || '\\xff'::bytea)""",
            extent.staff_id,
        )
    return conditions


def filtered_units(
    brand_id: UUID, extent: Extent, *, parent_id: UUID | None, kind: str | None, q: str | None
) -> Conditions:
    conditions = visible_units(brand_id, extent)
    conditions.add_given("u.parent_id = ?", parent_id)
    conditions.add_given("u.kind = ?", kind)
    if q:
        pattern = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        conditions.add("(u.name ilike ? or u.code ilike ?)", pattern, pattern)
    return conditions
