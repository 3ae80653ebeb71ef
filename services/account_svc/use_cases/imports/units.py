"""Units of a file: parents may come after their children, so the whole tree is read first."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from account_svc.models import Unit, UnitFacts
from account_svc.repository import imports as repository
from account_svc.repository import org
from account_svc.use_cases.imports.lines import Problem
from account_svc.use_cases.imports.rows import UnitRow
from account_svc.use_cases.imports.tally import Tally
from shared import outbox
from shared.errors import ServiceError
from shared.events.account import UnitAdded, UnitChanged, UnitKind, UnitMoved
from shared.ids import uuid7

_FACTS = tuple(UnitFacts.model_fields)

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
    problems: list[Problem] = []
    while True:
        depths, refused = _judge(pending, known, root)
        if not refused:
            break
        problems += refused
        lines = {problem.line for problem in refused}
        pending = {code: placed for code, placed in pending.items() if placed[0] not in lines}
    ordered = sorted(pending.values(), key=lambda placed: depths[placed[1].code])
    return ordered, sorted(problems, key=lambda problem: problem.line)


def _judge(
    pending: Mapping[str, Placed], known: Mapping[str, str | None], root: str
) -> tuple[dict[str, int], list[Problem]]:
    """Depth of every unit that hangs on the root, and the rows that hang on nothing or each other.

    Refusing a row can free or orphan others: judged again until nothing is refused.
    """
    depths: dict[str, int] = {root: 0}
    orphans: set[str] = set()
    refused: list[Problem] = []
    for start in pending:
        way: dict[str, None] = {}
        code = start
        while code not in depths and code not in orphans and code not in way:
            way[code] = None
            code = _parent_of(code, pending, known, root)
        if code in way:
            circle = list(way)[list(way).index(code) :]
            refused += [
                Problem(
                    pending[member][0], "parent_code", "the units hang on each other in a circle"
                )
                for member in circle
                if member in pending
            ]
            orphans.update(way)
        elif code in orphans:
            orphans.update(way)
        for member in reversed(way):
            if member in orphans:
                continue
            parent = _parent_of(member, pending, known, root)
            if parent in depths:
                depths[member] = depths[parent] + 1
            else:
                orphans.add(member)
                refused.append(Problem(pending[member][0], "parent_code", "no unit has this code"))
    return depths, refused


def _parent_of(
    code: str, pending: Mapping[str, Placed], known: Mapping[str, str | None], root: str
) -> str:
    if code in pending and code != root:
        return pending[code][1].parent_code or root
    return known.get(code) or root


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
                tally.refuse(line, "parent_code", "the parent was refused")
            elif (row.kind is UnitKind.BRAND) != (row.code == root.code):
                tally.refuse(line, "kind", "the root of the tree, and no other unit, is the brand")
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
    unit.hang_under(parent)
    outbox.add(session, unit, UnitMoved(unit_id=unit.id, ancestor_ids=unit.ancestor_ids))
    await org.move_subtree(session, unit.brand_id, old_path, unit.path)
    for other in loaded:
        if other is not unit and other.path.startswith(old_path):
            # the statement has moved the row; the loaded copy follows without another update
            set_committed_value(other, "path", unit.path + other.path[len(old_path) :])
