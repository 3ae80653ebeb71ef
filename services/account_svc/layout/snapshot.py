"""What a layout is laid over: a part of the tree with its people, accounts and policies."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from account_svc.models import Domain, PolicyRow, Seat, StaffStatus
from shared.events.account import AccountStatus, Platform, UnitKind

Id = bytes
"""The 16 bytes of a UUID: a tenth of the time to hash and to compare. Rows are structs for the same
reason: a large matrix has hundreds of thousands."""
ID_BYTES = 16


class Unit(msgspec.Struct, frozen=True, gc=False):
    id: Id
    kind: UnitKind
    city: str | None
    path: bytes
    """The ids from the root to the unit."""

    @property
    def parent_id(self) -> Id:
        """Empty for the root."""
        return self.path[-2 * ID_BYTES : -ID_BYTES]


class Person(msgspec.Struct, frozen=True, gc=False):
    id: Id
    unit_id: Id
    is_seller: bool
    skills: frozenset[str]
    tier: str
    status: StaffStatus
    is_certified: bool = True
    """Whether they may run an account."""


class Registered(msgspec.Struct, frozen=True, gc=False):
    """An account that is part of the matrix: not a retired one."""

    id: Id
    platform: Platform
    domain: Domain
    seat: Seat
    unit_id: Id
    staff_id: Id | None
    status: AccountStatus


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: datetime
    units: Sequence[Unit]
    """A part of the tree, ordered by path: each unit before those below it."""
    staff: Sequence[Person]
    """Ordered by id, and accounts too: what is compiled twice comes out the same."""
    accounts: Sequence[Registered]
    policies: list[PolicyRow]
    is_whole: bool = True
    """Whether it is all of the brand: what is true of a part says nothing of the whole."""


class Tree:
    """Units by id, and for each the nearest unit of some kinds: itself or one above it."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.units = {unit.id: unit for unit in units}
        self._nearest: dict[frozenset[UnitKind], dict[Id, Id]] = {}

    def nearest(self, kinds: Collection[UnitKind]) -> dict[Id, Id]:
        """By unit: the lowest unit of one of these kinds that is the unit or lies above it."""
        wanted = frozenset(kinds)
        found = self._nearest.get(wanted)
        if found is None:
            found = self._nearest[wanted] = {}
            for unit in self.units.values():
                if unit.kind in wanted:
                    found[unit.id] = unit.id
                elif (above := found.get(unit.parent_id)) is not None:
                    found[unit.id] = above
        return found
