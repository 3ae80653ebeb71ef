"""What each role may do with each operation, looked at from outside and as docs/access.md says.

A cell: `–` refused, `all` of the whole brand, `part` of the caller's units or own things; with `*`
personal data is masked.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local.settings import REPOSITORY
from shared.access import Principal, Role
from tests.isolation import sdl
from tests.isolation.brand import Brand, Store
from tests.isolation.openapi import Operation, Request, request_of
from tests.isolation.probing import undone
from tests.isolation.world import World

Json = dict[str, Any]
Row = dict[Role, str]

MATRIX = REPOSITORY / "docs" / "access.md"
NO, ALL, PART, MASKED = "–", "all", "part", "*"
IN_A_STORE = (Role.REGION_MANAGER, Role.STORE_MANAGER, Role.KOS)
COUNTS = ("lead GET /funnel", "query funnel")
"""These show figures alone: a part of the brand has smaller ones."""
SHOWN_BELOW = (
    "query layoutReport",
    "query layoutSeats",
    "query pairs",
    "mutation recordRelation",
    "mutation setStaffGoals",
    "mutation setUnitGoals",
    "mutation withdrawRelation",
)
"""These name things of the brand in the objects below alone."""
_LINE = re.compile(r"^\| `([^` ]+ [^`]+)` \|(.+)\|$")


def read_matrix(path: Path = MATRIX) -> dict[str, Row]:
    """Every operation of the document with its cells."""
    found: dict[str, Row] = {}
    for line in path.read_text().splitlines():
        match = _LINE.match(line)
        if match:
            cells = [cell.strip() for cell in match[2].split("|")]
            assert match[1] not in found, f"{match[1]} stands twice in {path.name}"
            found[match[1]] = dict(zip(Role, cells, strict=True))
    return found


@dataclass
class Looker:
    """Asks as every role of one brand, whose callers are those of the east store."""

    world: World
    brand: Brand
    kinds: dict[str, str] = field(default_factory=dict)
    """By operation: the kind of id that its `ids` take."""

    async def row(self, operation: Operation) -> Row:
        if any(slot.prefix == "*" for slot in operation.slots):
            await self._find_kind(operation)
        as_admin = [await self._rest(operation, self.brand.admin, at) for at in self._stores]
        return {
            role: await self._cell(
                operation.name, role, as_admin, lambda who, at: self._rest(operation, who, at)
            )
            for role in Role
        }

    async def graph_row(
        self, operation: sdl.Operation, roles: tuple[Role, ...] = tuple(Role)
    ) -> Row:
        as_admin = [await self._graph(operation, self.brand.admin, at) for at in self._stores]
        return {
            role: await self._cell(
                operation.name, role, as_admin, lambda who, at: self._graph(operation, who, at)
            )
            for role in roles
        }

    @property
    def _stores(self) -> tuple[Store, Store]:
        return self.brand.east, self.brand.west

    async def _cell(self, name: str, role: Role, as_admin: list[str | None], ask: Any) -> str:
        """`ask` gives the answer's text, or None for a refusal."""
        who = self.brand.acting(role)
        east = as_admin[0] if role is Role.BRAND_ADMIN else await ask(who, self.brand.east)
        if east is None:
            return NO
        masked = ""
        full = as_admin[0] if as_admin[0] is not None else east
        if any(word in full and word not in east for word in self._personal(self.brand.east)):
            masked = MASKED
        if role not in IN_A_STORE:
            return ALL + masked
        if name in COUNTS:
            return (ALL if east == as_admin[0] else PART) + masked
        west = await ask(who, self.brand.west)
        reaches_west = west is not None and (
            as_admin[1] is None
            or self._shows(west, self.brand.west)
            or not self._shows(as_admin[1], self.brand.west)
        )
        return (ALL if reaches_west else PART) + masked

    def _personal(self, store: Store) -> list[str]:
        canary, word = self.brand.canary, store.word
        return [f"{canary}-person-{word}", store.phone, f"{canary}-lead-{word}", store.lead_phone]

    def _shows(self, text: str, store: Store) -> bool:
        ids = [typed for some in self.brand.at[store.word].values() for typed in some]
        return any(needle in text for needle in (f"{self.brand.canary}-{store.word}", *ids))

    async def _find_kind(self, operation: Operation) -> None:
        slot = next(slot for slot in operation.slots if slot.prefix == "*")
        for prefix, ids in {**self.brand.ids, "brand": [self.brand.typed_id]}.items():
            request = request_of(operation, self.brand).fill(slot, ids[0])
            if (await self._send(request, self.brand.admin)).status_code == 200:
                self.kinds[operation.name] = prefix

    async def _rest(self, operation: Operation, who: Principal, store: Store) -> str | None:
        seen = self.brand.seen_from(store)
        request = request_of(operation, _within_a_store(seen))
        kind, wanted = self.kinds.get(operation.name), ""
        if kind is not None:
            slot = next(slot for slot in operation.slots if slot.prefix == "*")
            wanted = self.brand.typed_id if kind == "brand" else seen.ids[kind][0]
            request = request.fill(slot, wanted)
        with undone():
            answer = await self._send(request, who)
        assert answer.status_code in (200, 201, 403, 404, 409, 422), (operation.name, answer.text)
        if answer.status_code in (403, 404, 422):
            return None
        if kind is None:
            return answer.text
        # what was asked for is repeated in the answer
        return answer.text.replace(wanted, "") if answer.json()["items"] else None

    async def _send(self, request: Request, who: Principal) -> httpx.Response:
        operation = request.operation
        return await self.world.send(
            operation.service, who, operation.method, request.path, **request.options
        )

    async def _graph(self, operation: sdl.Operation, who: Principal, store: Store) -> str | None:
        depth = 1 if operation.name in (*COUNTS, *SHOWN_BELOW) else 0
        seen = _within_a_store(self.brand.seen_from(store))
        call = sdl.calls_of(operation, seen, depth=depth)[0]
        with undone():
            answer = await self.world.ask(who, call.document, call.variables)
        found = answer.json()
        codes = {error["extensions"]["code"] for error in found.get("errors", ())}
        assert codes <= {"not_allowed"}, (operation.name, answer.text)
        data = found["data"][operation.field]
        kind = data.get("__typename") if isinstance(data, dict) else None
        refused = kind in ("NotAllowed", "NotFound", "Invalid")
        if codes or refused or not _holds_anything(data):
            return None
        return answer.text


def _holds_anything(data: Any) -> bool:
    """Whether there is more than nulls and the names of types."""
    if isinstance(data, dict):
        return any(_holds_anything(value) for key, value in data.items() if key != "__typename")
    if isinstance(data, list):
        return data == [] or any(_holds_anything(value) for value in data)
    return data is not None


def _within_a_store(brand: Brand) -> Brand:
    """Commands that join two stores join one with itself: what counts is who may give them."""
    brand.west = brand.east
    return brand


def to_line(name: str, row: Row) -> str:
    return f"| `{name}` | {' | '.join(row[role] for role in Role)} |"
