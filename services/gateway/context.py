"""What one operation carries: the caller, the way to the services, and the rows it has read."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec
import strawberry
from strawberry.dataloader import DataLoader

from gateway.credentials import Caller
from gateway.feed import Feed
from gateway.relations import Plan, plan_of
from gateway.rows import Batch, Kind, read_items
from gateway.upstream import Refused, Service, Unavailable, Upstream

T = TypeVar("T")

LARGEST_BATCH = 500
_TYPED_ID = re.compile(r"([a-z]+)_[0-7][0-9a-hjkmnp-tv-z]{25}")


class Related:
    """The rows of one kind by id: known ones at once, others by one request for many."""

    def __init__(self, kind: Kind[Any], context: "Context") -> None:
        self._kind = kind
        self._context = context
        self.known: dict[str, Any] = {}
        """Row, None when there is none for this caller, or the failure to read it."""
        self._loader: DataLoader[str, Any] = DataLoader(load_fn=self._load)

    def get(self, row_id: str) -> Any:
        """The row or None; an awaitable of it when it was not fetched with its page."""
        if row_id in self.known:
            row = self.known[row_id]
            if isinstance(row, Exception):
                raise row
            return row
        return self._loader.load(row_id)

    async def ensure(self, ids: Iterable[str]) -> None:
        """Read those that are not known yet. A failure is kept and raised where a row is asked."""
        missing = [row_id for row_id in ids if row_id not in self.known]
        chunks = [
            missing[start : start + LARGEST_BATCH]
            for start in range(0, len(missing), LARGEST_BATCH)
        ]
        await asyncio.gather(*(self._read(chunk) for chunk in chunks))

    async def _read(self, ids: list[str]) -> None:
        try:
            rows = await self._context.by_ids(self._kind, ids)
        except (Refused, Unavailable) as failure:
            self.known.update(dict.fromkeys(ids, failure))
            return
        self.known.update(dict.fromkeys(ids))
        self.known.update({row.id: row for row in rows})

    async def _load(self, ids: list[str]) -> list[Any]:
        await self.ensure(ids)
        return [self.known[row_id] for row_id in ids]


@dataclass(slots=True)
class Context:
    caller: Caller
    upstream: Upstream
    kinds: Mapping[str, Kind[Any]]
    """Every kind by the prefix of its ids."""
    feed: Feed
    request_id: str
    plans: dict[tuple[int, ...], Plan]
    """Belongs to the cached document: which relations a selection asks for."""
    compiled: dict[tuple[object, ...], Any]
    """Belongs to the cached document: how plain selections are built."""
    _related: dict[str, Related] = field(default_factory=dict)
    _batches: dict[tuple[str, int | None], DataLoader[str, Any]] = field(default_factory=dict)

    async def get(self, service: Service, path: str, **query: str | int | None) -> bytes:
        """GET with the query parameters that are not None."""
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        return await self.upstream.fetch(service, "GET", target, self.caller, is_read=True)

    async def ask(self, service: Service, path: str, body: object) -> bytes:
        """A read that needs a body."""
        return await self.upstream.fetch(
            service, "POST", path, self.caller, msgspec.json.encode(body), is_read=True
        )

    async def by_ids(self, kind: Kind[Any], ids: list[str]) -> list[Any]:
        answer = await self.ask(kind.service, f"{kind.path}/by-ids", {"ids": ids})
        return read_items(kind.type, answer)

    def related(self, prefix: str) -> Related:
        if prefix not in self._related:
            self._related[prefix] = Related(self.kinds[prefix], self)
        return self._related[prefix]

    def batch(self, batch: Batch[T], first: int | None = None) -> DataLoader[str, T | None]:
        """A loader over an endpoint that answers for many ids at once, `first` rows for each."""
        loader = self._batches.get((batch.path, first))
        if loader is None:

            async def load(ids: list[str]) -> list[T | None]:
                body: dict[str, Any] = {"ids": ids}
                if first is not None:
                    body["first"] = first
                answer = await self.ask(batch.service, batch.path, body)
                rows = read_items(batch.type, answer)
                found = {getattr(row, batch.key): row for row in rows}
                return [found.get(row_id) for row_id in ids]

            loader = DataLoader(load_fn=load, max_batch_size=LARGEST_BATCH)
            self._batches[batch.path, first] = loader
        return loader

    def known(self, prefix: str) -> dict[str, Any]:
        return self.related(prefix).known

    def forget(self) -> None:
        """Read everything anew: for the next event of a subscription."""
        self._related.clear()
        self._batches.clear()

    async def load_relations(self, rows: Iterable[Any], plan: Plan) -> None:
        """Fetch what the rows point to: each kind once a level, all kinds of a level at a time."""
        if not plan:
            return
        by_prefix: dict[str, set[str]] = {}
        for relation, _ in plan.values():
            ids = by_prefix.setdefault(relation.prefix, set())
            ids.update(filter(None, (getattr(row, relation.key) for row in rows)))
        await asyncio.gather(
            *(self.related(prefix).ensure(sorted(ids)) for prefix, ids in by_prefix.items() if ids)
        )
        below = []
        for relation, deeper in plan.values():
            if deeper:
                known = self.related(relation.prefix).known
                found = [known.get(getattr(row, relation.key)) for row in rows]
                below.append(
                    self.load_relations(
                        [row for row in found if isinstance(row, msgspec.Struct)], deeper
                    )
                )
        await asyncio.gather(*below)


Info: TypeAlias = strawberry.Info[Context, None]


async def prefetch(info: Info, rows: Iterable[Any]) -> None:
    """Fetch the relations of these rows that the selection of the running field asks for."""
    raw = info._raw_info
    key = tuple(id(node) for node in raw.field_nodes)
    plans = info.context.plans
    if key not in plans:
        plans[key] = plan_of(raw)
    await info.context.load_relations(rows, plans[key])


def is_id(text: str, prefix: str) -> bool:
    """Whether the text is a typed id of this kind; what is not never reaches a path."""
    match = _TYPED_ID.fullmatch(text)
    return match is not None and match[1] == prefix


async def find(info: Info, kind: Kind[T], row_id: str) -> T | None:
    """The row with this id and the relations the selection asks for; None as if it never was."""
    if not is_id(row_id, kind.prefix):
        return None
    related = info.context.related(kind.prefix)
    await related.ensure([row_id])
    row: T | None = related.get(row_id)
    if row is not None:
        await prefetch(info, [row])
    return row


async def find_many(info: Info, kinds: Mapping[str, Kind[Any]], ids: list[Any]) -> list[Any]:
    """What `find` finds for each id, with one request per kind; ids of no kind give None."""
    by_prefix: dict[str, list[str]] = {}
    for row_id in dict.fromkeys(ids):
        prefix = row_id.partition("_")[0]
        if prefix in kinds and is_id(row_id, prefix):
            by_prefix.setdefault(prefix, []).append(row_id)
    context = info.context
    await asyncio.gather(*(context.related(kind).ensure(some) for kind, some in by_prefix.items()))
    known = {
        row_id: context.related(prefix).get(row_id)
        for prefix, some in by_prefix.items()
        for row_id in some
    }
    await prefetch(info, [row for row in known.values() if row is not None])
    return [known.get(row_id) for row_id in ids]
