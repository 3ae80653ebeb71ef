"""Ask with something of another brand and with something that never was: nobody can tell them
apart, and nothing of the other brand is in any byte of the answer."""

import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from unittest import mock
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

import shared.web.commands
from content_svc.routes import library
from content_svc.use_cases import posts
from deploy.local.databases import Service
from shared.database import Sessions, brand_session
from shared.ids import typed
from shared.web import encode_cursor
from tests.isolation.brand import KINDS, Brand, uuid_of
from tests.isolation.planting import tables_of
from tests.isolation.words import other_word, reads_plain
from tests.isolation.world import World

_TYPED = re.compile(r"[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}")
_ENDS = re.compile(rb"_([0-7][0-9a-hjkmnp-tv-z]{25})")
_UUIDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMES = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[^\"]*")
_REQUEST_ID = re.compile(rb'"request_?[iI]d": ?"[^"]*"')
_VERSION = re.compile(rb'"version": ?\d+')
_CURSOR = re.compile(rb'"(?:(?:end|start)_?[cC]ursor|cursor)": ?"~?([^"]*)"')
_SECRET = re.compile(rb'"(secret|prefix)": ?"[^"]*"')


@dataclass(frozen=True)
class Probe:
    """Something of another brand, and the like that nobody ever had."""

    kind: str
    foreign: str
    never: str

    @property
    def is_text(self) -> bool:
        """Whether it can go where a text is taken: one random id in seventy reads as a way to
        WeChat, and the answer would be about its letters."""
        return reads_plain(self.foreign)


def probes_of_ids(brand: Brand) -> list[Probe]:
    """One for every kind of id."""
    found = []
    for prefix in KINDS:
        ids = brand.ids[prefix]
        foreign = next(filter(reads_plain, ids), ids[0])
        found.append(Probe(prefix, foreign, never_was(foreign)))
    found.append(Probe("brand", brand.typed_id, never_was(brand.typed_id)))
    event_id = next(iter(brand.parked.values()))[0]
    found.append(Probe("event", event_id, str(_near(UUID(event_id)))))
    return found


def event_of(brand: Brand, service: str) -> Probe:
    """The parked event of this service."""
    event_id = brand.parked[service][0]
    return Probe("event", event_id, str(_near(UUID(event_id))))


def probes_of_words(brand: Brand) -> list[Probe]:
    """One for everything else that names a thing of the brand; a cursor at a row of it, too."""
    found = [Probe(kind, word, other_word(word)) for kind, word in brand.words.items()]
    row = uuid_of(brand.ids["lead"][0])
    at, never = (encode_cursor(str(value)) for value in (row, _near(row)))
    return [*found, Probe("cursor", at, never)]


def probes_of_names(probes: list[Probe]) -> list[Probe]:
    """Those that can be the name of something in a formula."""
    return [each for each in probes if each.foreign.isidentifier() and each.never.isidentifier()]


def never_was(typed_id: str) -> str:
    """An id like it, of the same instant, which the compliance check reads as nothing else.

    Where that reads something in the part which all ids of the instant share, any such id will do:
    then neither goes where a text is taken (`Probe.is_text`).
    """
    kind, value = typed_id.partition("_")[0], uuid_of(typed_id)
    others = [typed(kind, _near(value, number)) for number in range(100)]
    return next(filter(reads_plain, others), others[0])


def _near(value: UUID, number: int = 0) -> UUID:
    """Of the same instant: it sorts where the other one does."""
    return UUID(int=value.int ^ (0x5A5A5A5A5A5A + number * 0x10101010101))


@dataclass
class Findings:
    """What the run asked and what it found; empty lists are what it hopes for."""

    requests: int = 0
    probes: int = 0
    covered: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    """Something of the other brand was in an answer."""
    told_apart: list[str] = field(default_factory=list)
    """The answers for a foreign and for an unknown thing differ."""
    broken: list[str] = field(default_factory=list)
    """Answered by a 5xx."""

    def check(self) -> None:
        assert not self.seen, self.seen
        assert not self.told_apart, self.told_apart
        assert not self.broken, self.broken

    def take(
        self, name: str, probe: Probe, own: Brand, other: Brand, answers: list[httpx.Response]
    ) -> None:
        self.probes += 1
        self.requests += len(answers)
        case = f"{name} with the {probe.kind}"
        foreign, never = answers
        for answer in answers:
            if answer.status_code >= 500:
                self.broken.append(f"{case}: {answer.status_code} {answer.text[:200]}")
        content = _without(foreign.content, probe.foreign)
        if probe.kind != "cursor":
            content += _inside_cursors(foreign.content)
        if shown := look_for(other, content):
            self.seen.append(f"{case}: {shown} in {foreign.text[:300]}")
        bare = [
            _bare(_without(answer.content, sent), own)
            for answer, sent in ((foreign, probe.foreign), (never, probe.never))
        ]
        heads = [_heads(answer) for answer in answers]
        if bare[0] != bare[1] or heads[0] != heads[1]:
            self.told_apart.append(
                f"{case}: {foreign.status_code} {bare[0][:300]!r}"
                f" but {never.status_code} {bare[1][:300]!r}"
            )


def look_for(other: Brand, content: bytes) -> str | None:
    """What of the other brand stands in these bytes, or None."""
    for secret in other.secrets():
        if secret.encode() in content:
            return secret
    for pattern in (_ENDS, _UUIDS):
        for found in pattern.findall(content):
            if found.decode() in other.needles:
                return str(found.decode())
    return None


def _inside_cursors(content: bytes) -> bytes:
    """What the cursors of a page say when they are read: they hold the ids of rows."""
    found = b""
    for cursor in _CURSOR.findall(content):
        # the gateway's cursor of an edge holds a service's cursor
        read = _decoded(cursor)
        inner = re.search(rb'"([A-Za-z0-9_-]{20,})"', read)
        found += read + b"\n" + (_decoded(inner[1]) if inner else b"") + b"\n"
    return found


def _decoded(cursor: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(cursor + b"=" * (-len(cursor) % 4))
    except ValueError:
        return b""


def _without(content: bytes, sent: str) -> bytes:
    """What was asked with may be repeated in the answer."""
    bare = content.replace(sent.encode(), b"<sent>")
    if _TYPED.fullmatch(sent):
        bare = bare.replace(str(uuid_of(sent)).encode(), b"<sent>")
    return bare


def _bare(content: bytes, own: Brand) -> bytes:
    """Without what differs between any two answers: times, fresh ids, the id of the request."""

    def known(found: re.Match[bytes]) -> bytes:
        text = found[found.lastindex or 0].decode()
        return found[0] if text in own.needles else b"<new>"

    bare = _TIMES.sub(b"<time>", content)
    for pattern in (_REQUEST_ID, _VERSION, _SECRET, _CURSOR):
        bare = pattern.sub(b"", bare)
    return _UUIDS.sub(known, _ENDS.sub(known, bare))


def _heads(answer: httpx.Response) -> tuple[int, list[str]]:
    """The status and the names of the headers; what they hold, where it tells anything."""
    return answer.status_code, sorted(
        f"{name}: {value}" if name == "content-type" else name
        for name, value in answer.headers.items()
    )


async def digest(world: World, service: Service, brand: Brand) -> dict[str, str]:
    """Every table of the brand by a hash of its rows."""
    async with world.database(service) as connection:
        parts = [
            f"select '{table}' as name, md5(coalesce(string_agg(t::text, '|' order by t::text), "
            f"'')) as hash from {table} t where brand_id = $1"
            for table in await tables_of(connection)
        ]
        rows = await connection.fetch(" union all ".join(parts), brand.id)
    return {row["name"]: row["hash"] for row in rows}


@contextmanager
def undone() -> Iterator[None]:
    """Commands run to their end, constraints included, and are then rolled back."""

    class Undo(Exception):
        pass

    @asynccontextmanager
    async def rolled_back(sessions: Sessions, brand_id: UUID) -> AsyncIterator[AsyncSession]:
        try:
            async with brand_session(sessions, brand_id) as session:
                yield session
                await session.flush()
                # the answer may still read the rows
                session.expunge_all()
                raise Undo  # noqa: TRY301 - leaving the block so is what rolls back
        except Undo:
            pass

    with ExitStack() as stack:
        for module in (shared.web.commands, library, posts):
            stack.enter_context(mock.patch.object(module, "brand_session", rolled_back))
        yield
