"""Keyset pages and by-ids reads: the two shapes of every read endpoint."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec
import orjson
from fastapi import Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared.errors import Invalid
from shared.ids import parse_typed

LARGEST_PAGE = 100
LARGEST_BATCH = 500

Item = TypeVar("Item")


class Row(Protocol):
    """What a list that is sorted by id consists of."""

    @property
    def id(self) -> UUID: ...


R = TypeVar("R", bound=Row)


class PageInfo(BaseModel):
    has_next: bool
    end_cursor: str | None


class Page(BaseModel, Generic[Item]):
    """Items in the order of the list; pass `end_cursor` as `after` for the next page."""

    items: list[Item]
    page: PageInfo

    @classmethod
    def of(cls, rows: Sequence[R], first: int, shape: Callable[[R], Item]) -> "Page[Item]":
        """A page of a list sorted by id; `rows` has one row more than `first` if there are more."""
        shown = rows[:first]
        end = encode_cursor(str(shown[-1].id)) if shown else None
        return cls(
            items=[shape(row) for row in shown],
            page=PageInfo(has_next=len(rows) > first, end_cursor=end),
        )


class Batch(BaseModel, Generic[Item]):
    """Items in any order; `missing` names the ids that are absent or out of the caller's sight."""

    items: list[Item]
    missing: list[str]


class ByIds(BaseModel):
    """Typed ids as a set, in any order; the answer names the missing ones."""

    ids: Annotated[list[str], Field(max_length=LARGEST_BATCH)]

    def uuids(self, prefix: str) -> list[UUID]:
        """The ids as UUIDs; Invalid names the first that has another prefix."""
        found = []
        for position, text in enumerate(self.ids):
            try:
                kind, value = parse_typed(text)
            except ValueError:
                kind, value = "", UUID(int=0)
            if kind != prefix:
                raise Invalid(
                    f"expected an id that starts with {prefix}_", field=f"/ids/{position}"
                )
            found.append(value)
        return found


@dataclass(frozen=True, slots=True)
class Cursor:
    """`first` items after the row whose sort key is `after` (None: from the start)."""

    first: int
    after: list[Any] | None

    @property
    def after_id(self) -> UUID | None:
        """`after` in a list that is sorted by id."""
        if self.after is None:
            return None
        try:
            return UUID(str(self.after[-1]))
        except (ValueError, IndexError) as error:
            raise Invalid("not a cursor of this list", field="/after") from error


async def _cursor(
    first: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 50,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> Cursor:
    return Cursor(first=first, after=None if after is None else _decode_cursor(after))


CursorQuery = Annotated[Cursor, Depends(_cursor)]


def encode_cursor(*sort_key: str | int) -> str:
    """An opaque cursor for the row with this sort key (its last part is the row's id)."""
    return base64.urlsafe_b64encode(orjson.dumps(sort_key)).decode().rstrip("=")


def _decode_cursor(text: str) -> list[Any]:
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = orjson.loads(base64.urlsafe_b64decode(padded))
    except ValueError as error:
        raise Invalid("not a cursor of this list", field="/after") from error
    if not isinstance(parts, list) or not all(_is_sort_key(part) for part in parts):
        raise Invalid("not a cursor of this list", field="/after")
    return parts


def _is_sort_key(part: object) -> bool:
    return isinstance(part, str) or (type(part) is int and abs(part) < 2**63)


def json_response(value: Any) -> Response:
    """`value` (msgspec structs, dicts, lists) as JSON, without a pydantic pass over it."""
    return Response(msgspec.json.encode(value), media_type="application/json")
