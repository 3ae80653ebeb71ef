"""What a caller may see as conditions of a statement; pages and batches of the brand's rows."""

from typing import Any
from uuid import UUID

import asyncpg

from shared import reading
from shared.access import Extent
from shared.database import brand_read
from shared.ids import typed
from shared.reading import Shape, batch_of, fetch_by_ids, fetch_page, page_of
from shared.web.pages import Cursor

_SUBTREES = "select unit_id from unit_directory where brand_id = $1 and ancestor_ids && ?::uuid[]"


class Conditions(reading.Conditions):
    def within(self, alias: str, unit_ids: tuple[UUID, ...]) -> None:
        """Only rows of these units and all below them, by `unit_id` of `alias`."""
        self.add(f"{alias}.unit_id in ({_SUBTREES})", list(unit_ids))

    def limit_to(self, extent: Extent, alias: str | None = None) -> None:
        """Only rows of the extent, by `unit_id` and `staff_id` of `alias`."""
        alias = alias or self.alias
        if extent.unit_ids is not None:
            self.within(alias, extent.unit_ids)
        if extent.staff_id is not None:
            self.add(f"{alias}.staff_id = ?", extent.staff_id)


async def read_page(
    pool: "asyncpg.Pool", select: str, conditions: Conditions, cursor: Cursor, shape: Shape
) -> dict[str, Any]:
    async with brand_read(pool, conditions.arguments[0]) as connection:
        rows, has_next = await fetch_page(connection, select, conditions, cursor)
    return page_of(rows, has_next, shape)


async def read_by_ids(
    pool: "asyncpg.Pool",
    select: str,
    conditions: Conditions,
    prefix: str,
    ids: list[UUID],
    shape: Shape,
) -> dict[str, Any]:
    async with brand_read(pool, conditions.arguments[0]) as connection:
        rows = await fetch_by_ids(connection, select, conditions, ids)
    return batch_of(rows, prefix, ids, shape)


def optional(prefix: str, value: UUID | None) -> str | None:
    return None if value is None else typed(prefix, value)
