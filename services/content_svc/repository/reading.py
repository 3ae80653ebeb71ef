"""Pages and by-ids reads: SQL on the driver's connection, rows to plain JSON values."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg

from shared.access import Extent
from shared.database import brand_read
from shared.errors import Invalid
from shared.ids import typed
from shared.web.pages import Cursor, encode_cursor

Shape = Callable[[asyncpg.Record], dict[str, Any]]

_SUBTREES = "select unit_id from unit_directory where brand_id = $1 and ancestor_ids && ?::uuid[]"


class Conditions:
    """A `where` clause with its arguments; `$1` is the brand, each `?` takes one value."""

    def __init__(self, alias: str, brand_id: UUID) -> None:
        self.alias = alias
        self.arguments: list[Any] = [brand_id]
        self._parts = [f"{alias}.brand_id = $1"]

    def add(self, condition: str, *values: Any) -> None:
        for value in values:
            self.arguments.append(value)
            condition = condition.replace("?", f"${len(self.arguments)}", 1)
        self._parts.append(condition)

    def add_given(self, condition: str, value: Any) -> None:
        """Add the condition unless the filter was left out."""
        if value is not None:
            self.add(condition, value)

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

    @property
    def sql(self) -> str:
        return " and ".join(self._parts)


async def read_page(
    pool: "asyncpg.Pool", select: str, conditions: Conditions, cursor: Cursor, shape: Shape
) -> dict[str, Any]:
    """Newest first (ids are sortable by time), as the body of a page."""
    if cursor.after is not None:
        conditions.add(f"{conditions.alias}.id < ?", _cursor_id(cursor))
    statement = (
        f"{select} where {conditions.sql} order by {conditions.alias}.id desc "
        f"limit {cursor.first + 1}"
    )
    async with brand_read(pool, conditions.arguments[0]) as connection:
        rows = await connection.fetch(statement, *conditions.arguments)
    shown = rows[: cursor.first]
    return {
        "items": [shape(row) for row in shown],
        "page": {
            "has_next": len(rows) > cursor.first,
            "end_cursor": encode_cursor(str(shown[-1]["id"])) if shown else None,
        },
    }


async def read_by_ids(
    pool: "asyncpg.Pool",
    select: str,
    conditions: Conditions,
    prefix: str,
    ids: list[UUID],
    shape: Shape,
) -> dict[str, Any]:
    """Found items in any order, and the ids that are absent or not the caller's to see."""
    conditions.add(f"{conditions.alias}.id = any(?::uuid[])", ids)
    async with brand_read(pool, conditions.arguments[0]) as connection:
        rows = await connection.fetch(f"{select} where {conditions.sql}", *conditions.arguments)
    found = {row["id"] for row in rows}
    return {
        "items": [shape(row) for row in rows],
        "missing": [typed(prefix, wanted) for wanted in dict.fromkeys(ids) if wanted not in found],
    }


async def read_one(
    pool: "asyncpg.Pool", select: str, conditions: Conditions, item_id: UUID, shape: Shape
) -> dict[str, Any] | None:
    conditions.add(f"{conditions.alias}.id = ?", item_id)
    async with brand_read(pool, conditions.arguments[0]) as connection:
        row = await connection.fetchrow(f"{select} where {conditions.sql}", *conditions.arguments)
    return None if row is None else shape(row)


def optional(prefix: str, value: UUID | None) -> str | None:
    return None if value is None else typed(prefix, value)


def _cursor_id(cursor: Cursor) -> UUID:
    try:
        return UUID(str((cursor.after or [""])[-1]))
    except ValueError as error:
        raise Invalid("not a cursor of this list", field="/after") from error
