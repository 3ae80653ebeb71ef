"""Relay: the Node interface and connections over the services' keyset pages."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
import strawberry

from gateway.context import Info, prefetch
from gateway.rows import Kind, read_page
from shared.ids import parse_typed
from shared.web import encode_cursor

T = TypeVar("T")


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


class PageEdge(msgspec.Struct, Generic[T], gc=False):
    """An edge as we make it (`Edge` is its type in the schema); few clients ask for its cursor."""

    node: T
    sort_key: str
    end: str | None = None
    """The service's own cursor of this place, which it names for the last row of a page."""

    @property
    def cursor(self) -> str:
        return self.end or _cursor_of(getattr(self.node, self.sort_key))


class PageEnds(msgspec.Struct, gc=False):
    """The `PageInfo` of a page as we make it."""

    edges: list[Any]
    has_next_page: bool
    has_previous_page: bool

    @property
    def start_cursor(self) -> str | None:
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        return self.edges[-1].cursor if self.edges else None


async def connection(
    info: Info,
    kind: Kind[T],
    first: int,
    after: str | None,
    filters: Mapping[str, str | int | None] | None = None,
) -> Connection[T]:
    """A page of a service's list, with the relations that the selection asks for.

    `first: 0` is a page without rows that says whether there are any (Relay's specification).
    """
    answer = await info.context.get(
        kind.service, kind.path, first=first or 1, after=after, **(filters or {})
    )
    page = read_page(kind.type, answer)
    rows, has_next = (page.items, page.page.has_next) if first else ([], bool(page.items))
    edges = [PageEdge(row, kind.sort_key) for row in rows]
    if edges:
        edges[-1].end = page.page.end_cursor
    await prefetch(info, rows)
    return Connection(
        edges=edges,  # type: ignore[arg-type]
        nodes=rows,
        page_info=PageEnds(edges, has_next, after is not None),  # type: ignore[arg-type]
    )


def _cursor_of(sort_key: str | int) -> str:
    """The services' cursor of a row: rows that come before it later do not move the place."""
    return encode_cursor(str(parse_typed(sort_key)[1]) if isinstance(sort_key, str) else sort_key)
