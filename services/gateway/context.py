"""What one operation carries: the caller, the way to the services, and the rows it has read."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
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
        self._wanted: dict[str, None] = {}
        self._round: asyncio.Future[None] | None = None
        """Ends when all that was wanted in this turn of the loop is known."""

    def get(self, row_id: str) -> Any:
        """The row or None; an awaitable of it when it was not fetched with its page."""
        if row_id not in self.known:
            return self._load(row_id)
        row = self.known[row_id]
        if isinstance(row, Exception):
            raise row
        return row

    async def ensure(self, ids: Iterable[str]) -> None:
        """Read those that are not known yet. A failure is kept and raised where a row is asked."""
        reading = self.want(ids)
        if reading is not None:
            await reading

    def want(self, ids: Iterable[str]) -> asyncio.Future[None] | None:
        """Begin to read those that are not known yet: what to await, or None if all are known.

        All that is wanted in one turn of the event loop is read together.
        """
        missing = [row_id for row_id in ids if row_id not in self.known]
        if not missing:
            return None
        if self._round is None:
            loop = asyncio.get_running_loop()
            self._round = loop.create_future()
            loop.call_soon(self._read)
        self._wanted.update(dict.fromkeys(missing))
        return self._round

    def _read(self) -> None:
        assert self._round is not None
        ids, done = list(self._wanted), self._round
        self._wanted, self._round = {}, None
        chunks = [ids[start : start + LARGEST_BATCH] for start in range(0, len(ids), LARGEST_BATCH)]
        unread = len(chunks)

        def keep(chunk: list[str], answer: asyncio.Future[bytes]) -> None:
            nonlocal unread
            try:
                rows = read_items(self._kind.type, answer.result())
            except Exception as failure:
                self.known.update(dict.fromkeys(chunk, failure))
            else:
                self.known.update(dict.fromkeys(chunk))
                self.known.update({row.id: row for row in rows})
            unread -= 1
            if unread == 0 and not done.done():
                done.set_result(None)

        for chunk in chunks:
            answer = self._context.begin_by_ids(self._kind, chunk)
            answer.add_done_callback(partial(keep, chunk))

    async def _load(self, row_id: str) -> Any:
        await self.ensure([row_id])
        return self.get(row_id)


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
    answers: dict[tuple[str, str, bytes | None], bytes | Exception] | None = None
    """What the services answered, while a planned operation may have to be run once more."""
    _related: dict[str, Related] = field(default_factory=dict)
    _batches: dict[tuple[str, int | None], DataLoader[str, Any]] = field(default_factory=dict)

    async def get(self, service: Service, path: str, **query: str | int | None) -> bytes:
        """GET with the query parameters that are not None."""
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        return await self._read(service, "GET", target, None)

    async def ask(self, service: Service, path: str, body: object) -> bytes:
        """A read that needs a body."""
        return await self._read(service, "POST", path, msgspec.json.encode(body))

    async def _read(self, service: Service, method: str, target: str, body: bytes | None) -> bytes:
        known = None if self.answers is None else self.answers.get((service, target, body))
        if known is None:
            try:
                known = await self.upstream.fetch(
                    service, method, target, self.caller, body, is_read=True
                )
            except (Refused, Unavailable) as failure:
                known = failure
            if self.answers is not None:
                self.answers[service, target, body] = known
        if isinstance(known, Exception):
            raise known
        return known

    async def by_ids(self, kind: Kind[Any], ids: list[str]) -> list[Any]:
        return read_items(kind.type, await self.begin_by_ids(kind, ids))

    def begin_by_ids(self, kind: Kind[Any], ids: list[str]) -> asyncio.Future[bytes]:
        return self.upstream.fetch(
            kind.service,
            "POST",
            f"{kind.path}/by-ids",
            self.caller,
            msgspec.json.encode({"ids": ids}),
            is_read=True,
        )

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
            ids.update([key for row in rows if (key := getattr(row, relation.key))])
        reading = [self.related(prefix).want(sorted(ids)) for prefix, ids in by_prefix.items()]
        for one in reading:
            if one is not None:
                await one
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
        if below:
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
