"""Units of a file: parents may come after their children, so the whole tree is read first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from account_svc.models import Unit, UnitFacts
from account_svc.repository import imports as repository
from account_svc.repository import org
from account_svc.use_cases.imports.lines import Problem
from account_svc.use_cases.imports.rows import UnitRow
from account_svc.use_cases.imports.tally import CLASH, Tally
from shared import outbox
from shared.errors import ServiceError
from shared.events.account import UnitAdded, UnitChanged, UnitKind, UnitMoved
from shared.ids import uuid7

_FACTS = tuple(UnitFacts.model_fields)
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""What lower(… collate "C") does."""

Placed = tuple[int, UnitRow]
"""A row with its line."""


def arrange(
    rows: Iterable[Placed], known: Mapping[str, str | None]
) -> tuple[list[Placed], list[Problem]]:
    """The rows with parents before children, and the rows that have no place in the tree.

    `known` maps the code of every unit the brand has to its parent's code (None: the root). A row
    that is refused leaves its unit where it was, and what hangs under it is judged by that.
    """
    root = next(code for code, parent in known.items() if parent is None)
    pending = {row.code: (line, row) for line, row in rows}
    problems = [Problem(pending.pop(code)[0], "code", CLASH) for code in _clashing(pending, known)]
    while True:
        judgement = _Judgement(pending, known, root)
        for code in pending:
            judgement.place(code)
        if not judgement.refused:
            break
        # A refusal changes where the unit hangs, and so what hangs under it: judged once more.
        problems += (Problem(pending[code][0], *why) for code, why in judgement.refused.items())
        pending = {code: row for code, row in pending.items() if code not in judgement.refused}
    ordered = sorted(pending.values(), key=lambda placed: judgement.depths[placed[1].code])
    return ordered, sorted(problems, key=lambda problem: problem.line)


def _clashing(pending: Iterable[str], known: Collection[str]) -> list[str]:
    """The codes of new units that another has, upper and lower case being the same."""
    taken = {code.translate(_LOWER) for code in known}
    found = []
    for code in pending:
        if code not in known:
            if code.translate(_LOWER) in taken:
                found.append(code)
            taken.add(code.translate(_LOWER))
    return found


class _Judgement:
    """Where every unit would hang if all pending rows were taken."""

    def __init__(
        self, pending: Mapping[str, Placed], known: Mapping[str, str | None], root: str
    ) -> None:
        self._pending = pending
        self._known = known
        self._root = root
        self._open: set[str] = set()
        """Units that a refusal has freed from their place; the next judgement finds another."""
        self.depths: dict[str, int] = {root: 0}
        """Units that hang on the root, and how far down."""
        self.refused: dict[str, tuple[str, str]] = {}
        """Rows without a place: field and reason."""

    def place(self, code: str) -> None:
        """Judge the unit and all above it."""
        way: dict[str, None] = {}
        while code not in way and self._is_new(code):
            way[code] = None
            code = self._parent_of(code)
        below = list(way)
        if code in way:
            below, circle = below[: below.index(code)], below[below.index(code) :]
            for member in circle:
                self._refuse(member, "the units hang on each other in a circle")
        for member in reversed(below):
            parent = self._parent_of(member)
            if parent in self.depths:
                self.depths[member] = self.depths[parent] + 1
            elif parent in self._known:
                self._open.add(member)
            elif parent in self.refused:
                self._refuse(member, "its parent was refused")
            else:
                self._refuse(member, "no unit has this code")

    def _is_new(self, code: str) -> bool:
        is_judged = code in self.depths or code in self.refused or code in self._open
        return not is_judged and (code in self._pending or code in self._known)

    def _refuse(self, code: str, reason: str) -> None:
        if code in self._pending:
            self.refused[code] = ("parent_code", reason)
        else:
            self._open.add(code)

    def _parent_of(self, code: str) -> str:
        if code in self._pending and code != self._root:
            return self._pending[code][1].parent_code or self._root
        return self._known[code] or self._root


async def take_units(
    session: AsyncSession, brand_id: UUID, rows: Sequence[Placed], tally: Tally
) -> None:
    """Add and change the units of one chunk, parents first, under the lock of the tree."""
    await org.lock_tree(session, brand_id)
    codes = {row.code for _, row in rows} | {row.parent_code for _, row in rows if row.parent_code}
    units = {unit.code: unit for unit in await repository.units_by_code(session, brand_id, codes)}
    root = await repository.get_root(session, brand_id)
    for line, row in rows:
        unit = units.get(row.code)
        parent = units.get(row.parent_code) if row.parent_code else root
        try:
            if parent is None:
                tally.refuse(line, "parent_code", "its parent was refused")
            elif (row.kind is UnitKind.BRAND) != (row.code == root.code):
                tally.refuse(line, "kind", "the root of the tree, and no other unit, is the brand")
            elif unit is root and row.parent_code:
                tally.refuse(line, "parent_code", "the root of the tree hangs under no unit")
            elif unit is None:
                units[row.code] = _add(session, brand_id, row, parent)
                tally.rows_added += 1
            else:
                is_changed = _change(session, unit, row)
                is_moved = unit is not root and unit.parent_id != parent.id
                if is_moved:
                    await _move(session, unit, parent, units.values())
                tally.note_change(is_changed=is_changed or is_moved)
        except ServiceError as refusal:
            tally.refuse(line, "parent_code", refusal.message)


def _add(session: AsyncSession, brand_id: UUID, row: UnitRow, parent: Unit) -> Unit:
    facts = row.model_dump(include=set(_FACTS))
    unit = Unit(id=uuid7(), brand_id=brand_id, path=b"", **facts)
    unit.hang_under(parent)
    session.add(unit)
    outbox.add(session, unit, UnitAdded(**unit.facts()))
    return unit


def _change(session: AsyncSession, unit: Unit, row: UnitRow) -> bool:
    changed = {name for name in _FACTS if getattr(unit, name) != getattr(row, name)}
    for name in changed:
        setattr(unit, name, getattr(row, name))
    if changed:
        outbox.add(session, unit, UnitChanged(**unit.facts()))
    return bool(changed)


async def _move(session: AsyncSession, unit: Unit, parent: Unit, loaded: Iterable[Unit]) -> None:
    old_path = unit.path
    unit.hang_under(parent, levels_below=await org.levels_below(session, unit))
    outbox.add(session, unit, UnitMoved(unit_id=unit.id, ancestor_ids=unit.ancestor_ids))
    await org.move_subtree(session, unit.brand_id, old_path, unit.path)
    for other in loaded:
        if other is not unit and other.path.startswith(old_path):
            # the statement has moved the row; the loaded copy follows without another update
            set_committed_value(other, "path", unit.path + other.path[len(old_path) :])
