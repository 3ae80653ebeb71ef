"""Relay: the Node interface and connections over the services' keyset pages."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
import strawberry

from gateway.context import Info, prefetch
from gateway.rows import Kind, read_page
from gateway.upstream import Refused

T = TypeVar("T")

LARGEST_PAGE = 100


@strawberry.interface(description="Anything with a typed id; `node(id:)` finds it again.")
class Node:
    id: strawberry.ID


@strawberry.type
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    nodes: list[T]
    page_info: PageInfo


@dataclass(slots=True)
class PageEdge(Generic[T]):
    """An edge as we make it (`Edge` is its type in the schema); few clients ask for its cursor."""

    node: T
    start: str | None
    """The services' cursor of the page's start."""
    offset: int
    end: str | None = None
    """The services' cursor of this very place, which they name for the last row of a page."""

    @property
    def cursor(self) -> str:
        return self.end or _write_cursor(self.start, self.offset)


async def connection(
    info: Info,
    kind: Kind[T],
    first: int,
    after: str | None,
    filters: Mapping[str, str | int | None] | None = None,
) -> Connection[T]:
    """A page of a service's list, with the relations that the selection asks for."""
    start, skip = _read_cursor(after)
    answer = await info.context.get(
        kind.service,
        kind.path,
        first=min(first + skip, LARGEST_PAGE),
        after=start,
        **(filters or {}),
    )
    page = read_page(kind.type, answer)
    rows = page.items[skip:]
    edges = [PageEdge(row, start, skip + position) for position, row in enumerate(rows, start=1)]
    if edges:
        edges[-1].end = page.page.end_cursor
    await prefetch(info, rows)
    return Connection(
        edges=edges,  # type: ignore[arg-type]
        nodes=rows,
        page_info=PageInfo(
            has_next_page=page.page.has_next,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def _write_cursor(start: str | None, offset: int) -> str:
    """A place inside a page. The services name only the end of a page: this is their cursor of the
    page's start with the rows to pass over; it starts with `~`, which theirs never do."""
    packed = msgspec.json.encode([start, offset])
    return "~" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _read_cursor(after: str | None) -> tuple[str | None, int]:
    if after is None or not after.startswith("~"):
        return after, 0
    try:
        packed = base64.urlsafe_b64decode(after[1:] + "=" * (-len(after[1:]) % 4))
        start, offset = msgspec.json.decode(packed, type=tuple[str | None, int])
    except (binascii.Error, msgspec.DecodeError) as error:
        raise Refused(422, "invalid", "not a cursor of this list", "/after") from error
    if not 0 < offset <= LARGEST_PAGE:
        raise Refused(422, "invalid", "not a cursor of this list", "/after")
    return start, offset
