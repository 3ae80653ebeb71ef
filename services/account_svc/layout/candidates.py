"""Who could take a seat that nobody sits on."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from operator import itemgetter

import msgspec

from account_svc.layout.snapshot import ID_BYTES, Id, Person, Tree, Unit
from account_svc.models import Seat, SeatRule, StaffStatus
from shared.events.account import Platform, UnitKind

_AFTER_SUBTREE = b"\xff"


class Place(StrEnum):
    """Where a candidate works, seen from the unit of the seat."""

    HERE = "here"
    BELOW = "below"
    NEARBY = "nearby"
    """Under a unit above."""


class Candidate(msgspec.Struct, frozen=True, gc=False):
    staff_id: Id
    place: Place
    skills: tuple[str, ...]
    """Of those that the seat asks for, in its order."""
    lacks: tuple[str, ...]
    tier: str


class Nobody(msgspec.Struct, frozen=True, gc=False):
    """Of the people who work at the unit itself, how many could not take the seat, and why."""

    has_an_account: int
    proposed_elsewhere: int
    absent: int
    departed: int
    not_sellers: int


class Pool:
    """People who can be proposed, each for one seat of a platform at most.

    `kinds` are the kinds of units that somebody works at: without teams, who works in a team of
    a store works at the store. `holders` have an account on the platform already.
    """

    def __init__(
        self,
        staff: Sequence[Person],
        tree: Tree,
        kinds: Collection[UnitKind],
        holders: Collection[tuple[Platform, Id]],
    ) -> None:
        self._tree = tree
        self._holders = frozenset(holders)
        self._taken = set(holders)
        self._here: dict[Id, list[Person]] = defaultdict(list)
        homes = tree.nearest(kinds)
        for person in staff:
            home = homes.get(person.unit_id)
            if home is not None:
                self._here[home].append(person)
        self._staff = staff
        self._by_path: tuple[list[bytes], list[Person]] | None = None
        self._ranked: dict[tuple[Id, Place, int], list[Person]] = {}
        self._queues: dict[tuple[Id, Place, int, Platform], Iterator[Person]] = {}
        self._nobody: dict[tuple[Id, Platform, bool], Nobody] = {}

    def propose(self, seats: Sequence[tuple[Platform, SeatRule, Unit]]) -> list[Candidate | Nobody]:
        """Somebody for each seat, in its order: people of the units themselves for all seats
        first, so that no seat takes another's own people; then people below, then nearby."""
        found: list[Candidate | Nobody | None] = [
            self._take(platform, rule, unit, Place.HERE) for platform, rule, unit in seats
        ]
        for number, (platform, rule, unit) in enumerate(seats):
            if found[number] is None:
                found[number] = self._from_afar(platform, rule, unit)
        return [
            self._why_nobody(platform, rule, unit) if one is None else one
            for one, (platform, rule, unit) in zip(found, seats, strict=True)
        ]

    def _from_afar(self, platform: Platform, rule: SeatRule, unit: Unit) -> Candidate | None:
        """Not under the root, unless the seat is the root's: a country is not nearby."""
        found = self._take(platform, rule, unit, Place.BELOW)
        end = len(unit.path) - ID_BYTES
        while found is None and end > ID_BYTES:
            above = self._tree.units.get(unit.path[end - ID_BYTES : end])
            if above is None:
                break
            found = self._take(platform, rule, above, Place.NEARBY)
            end -= ID_BYTES
        return found

    def _take(
        self, platform: Platform, rule: SeatRule, unit: Unit, place: Place
    ) -> Candidate | None:
        where = Place.HERE if place is Place.HERE else Place.BELOW
        key = (unit.id, where, id(rule), platform)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = iter(self._rank(rule, unit, where))
        for person in queue:
            if (platform, person.id) not in self._taken:
                self._taken.add((platform, person.id))
                return Candidate(
                    person.id,
                    place,
                    tuple(skill for skill in rule.skills if skill in person.skills),
                    tuple(skill for skill in rule.skills if skill not in person.skills),
                    person.tier,
                )
        return None

    def _rank(self, rule: SeatRule, unit: Unit, where: Place) -> list[Person]:
        """Who can take the rule's seats, the best first; equal people by their id."""
        key = (unit.id, where, id(rule))
        ranked = self._ranked.get(key)
        if ranked is None:
            if where is Place.HERE:
                people = [
                    person
                    for person in self._here.get(unit.id, ())
                    if person.status is StaffStatus.ACTIVE
                ]
            else:
                paths, able = self._able()
                start = bisect_left(paths, unit.path)
                end = bisect_left(paths, unit.path + _AFTER_SUBTREE)
                people = able[start:end]
            if rule.seat is Seat.KOS:
                people = [person for person in people if person.is_seller]
            wanted = frozenset(rule.skills)
            tiers = {tier: number for number, tier in enumerate(rule.tiers)}
            ranked = self._ranked[key] = sorted(
                people,
                key=lambda person: (
                    -len(wanted & person.skills),
                    tiers.get(person.tier, len(tiers)),
                    person.id,
                ),
            )
        return ranked

    def _able(self) -> tuple[list[bytes], list[Person]]:
        """Who is there to be proposed, ordered by the path of the unit they work at."""
        if self._by_path is None:
            units = self._tree.units
            able = [
                (units[person.unit_id].path, person)
                for person in self._staff
                if person.status is StaffStatus.ACTIVE and person.unit_id in units
            ]
            able.sort(key=itemgetter(0))
            self._by_path = [path for path, _ in able], [person for _, person in able]
        return self._by_path

    def _why_nobody(self, platform: Platform, rule: SeatRule, unit: Unit) -> Nobody:
        sells = rule.seat is Seat.KOS
        key = (unit.id, platform, sells)
        known = self._nobody.get(key)
        if known is None:
            has = elsewhere = absent = departed = others = 0
            for person in self._here.get(unit.id, ()):
                if person.status is StaffStatus.DEPARTED:
                    departed += 1
                elif (platform, person.id) in self._holders:
                    has += 1
                elif person.status is StaffStatus.ABSENT:
                    absent += 1
                elif sells and not person.is_seller:
                    others += 1
                else:
                    elsewhere += 1
            known = self._nobody[key] = Nobody(has, elsewhere, absent, departed, others)
        return known
