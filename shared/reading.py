"""Pages and by-ids reads on the driver's connection: conditions in, the bodies of answers out."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg

from shared.ids import typed
from shared.web.pages import Cursor, encode_cursor

Shape = Callable[[asyncpg.Record], dict[str, Any]]


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

    @property
    def sql(self) -> str:
        return " and ".join(self._parts)


async def fetch_page(
    connection: asyncpg.Connection, select: str, conditions: Conditions, cursor: Cursor
) -> tuple[list[asyncpg.Record], bool]:
    """Rows newest first (ids are sortable by time), and whether more follow."""
    conditions.add_given(f"{conditions.alias}.id < ?", cursor.after_id)
    rows = await connection.fetch(
        f"{select} where {conditions.sql} order by {conditions.alias}.id desc "
        f"limit {cursor.first + 1}",
        *conditions.arguments,
    )
    return rows[: cursor.first], len(rows) > cursor.first


async def fetch_by_ids(
    connection: asyncpg.Connection, select: str, conditions: Conditions, ids: list[UUID]
) -> list[asyncpg.Record]:
    """The rows that exist and meet the conditions, in any order."""
    conditions.add(f"{conditions.alias}.id = any(?::uuid[])", ids)
    rows: list[asyncpg.Record] = await connection.fetch(
        f"{select} where {conditions.sql}", *conditions.arguments
    )
    return rows


def page_of(rows: list[asyncpg.Record], has_next: bool, shape: Shape) -> dict[str, Any]:
    """The body of a page; the cursor is the id of its last row."""
    end = encode_cursor(str(rows[-1]["id"])) if rows else None
    return {
        "items": [shape(row) for row in rows],
        "page": {"has_next": has_next, "end_cursor": end},
    }


def batch_of(
    rows: list[asyncpg.Record], prefix: str, ids: list[UUID], shape: Shape
) -> dict[str, Any]:
    """Found items in any order, and the ids that are absent or not the caller's to see."""
    found = {row["id"] for row in rows}
    return {
        "items": [shape(row) for row in rows],
        "missing": [typed(prefix, wanted) for wanted in dict.fromkeys(ids) if wanted not in found],
    }
