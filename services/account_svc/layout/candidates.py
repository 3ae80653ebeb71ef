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
    uncertified: int
    """Without a certificate that running an account needs."""


Rank = tuple[int, int]
_LAST: Rank = (1, 0)


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
        self._staff = staff
        self._here: dict[Id, list[Person]] = defaultdict(list)
        homes = tree.nearest(kinds)
        for person in staff:
            home = homes.get(person.unit_id)
            if home is not None:
                self._here[home].append(person)
        self._holders: dict[Platform, set[Id]] = {platform: set() for platform in Platform}
        for platform, staff_id in holders:
            self._holders[platform].add(staff_id)
        self._taken = {platform: set(ids) for platform, ids in self._holders.items()}
        self._by_path: tuple[list[bytes], list[Person]] | None = None
        self._ranks: dict[int, dict[tuple[frozenset[str], str], Rank]] = defaultdict(dict)
        self._below: dict[tuple[Id, int], list[Person]] = {}
        self._queues: dict[tuple[Id, int, Platform], Iterator[Person]] = {}
        self._nobody: dict[tuple[Id, Platform, bool], Nobody] = {}

    def propose(self, seats: Sequence[tuple[Platform, SeatRule, Unit]]) -> list[Candidate | Nobody]:
        """Somebody for each seat, in its order: people of the units themselves for all seats
        first, so that no seat takes another's own people; then people below, then nearby."""
        found: list[Candidate | Nobody | None] = [
            self._from_here(platform, rule, unit) for platform, rule, unit in seats
        ]
        for number, (platform, rule, unit) in enumerate(seats):
            if found[number] is None:
                found[number] = self._from_afar(platform, rule, unit)
        return [
            self._why_nobody(platform, rule, unit) if one is None else one
            for one, (platform, rule, unit) in zip(found, seats, strict=True)
        ]

    def _from_here(self, platform: Platform, rule: SeatRule, unit: Unit) -> Candidate | None:
        """A scan: a unit has few people and few seats, and sorting them is most of the work."""
        taken = self._taken[platform]
        best, lowest = None, _LAST
        for person in self._here.get(unit.id, ()):
            if person.id not in taken and _can_sit(rule, person):
                rank = self._rank(rule, person)
                if rank < lowest or (rank == lowest and best is not None and person.id < best.id):
                    best, lowest = person, rank
        return None if best is None else self._take(platform, rule, best, Place.HERE)

    def _from_afar(self, platform: Platform, rule: SeatRule, unit: Unit) -> Candidate | None:
        """Not under the root, unless the seat is the root's: a country is not nearby."""
        found = self._from_below(platform, rule, unit, Place.BELOW)
        end = len(unit.path) - ID_BYTES
        while found is None and end > ID_BYTES:
            above = self._tree.units.get(unit.path[end - ID_BYTES : end])
            if above is None:
                break
            found = self._from_below(platform, rule, above, Place.NEARBY)
            end -= ID_BYTES
        return found

    def _from_below(
        self, platform: Platform, rule: SeatRule, unit: Unit, place: Place
    ) -> Candidate | None:
        """The best first, for all seats of the rule: who was passed over is taken for good."""
        key = (unit.id, id(rule), platform)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = iter(self._all_below(rule, unit))
        taken = self._taken[platform]
        for person in queue:
            if person.id not in taken:
                return self._take(platform, rule, person, place)
        return None

    def _all_below(self, rule: SeatRule, unit: Unit) -> list[Person]:
        """Equal people stay in the order of the tree, those of one unit in that of their ids."""
        key = (unit.id, id(rule))
        found = self._below.get(key)
        if found is None:
            paths, able = self._able()
            start = bisect_left(paths, unit.path)
            end = bisect_left(paths, unit.path + _AFTER_SUBTREE)
            people = [person for person in able[start:end] if _can_sit(rule, person)]
            ranks = [self._rank(rule, person) for person in people]
            order = sorted(range(len(people)), key=ranks.__getitem__)
            found = self._below[key] = [people[number] for number in order]
        return found

    def _rank(self, rule: SeatRule, person: Person) -> Rank:
        """Lower is better. People share few sets of skills and tiers."""
        ranks, key = self._ranks[id(rule)], (person.skills, person.tier)
        rank = ranks.get(key)
        if rank is None:
            matched = sum(skill in person.skills for skill in rule.skills)
            tiers = rule.tiers
            tier = tiers.index(person.tier) if person.tier in tiers else len(tiers)
            rank = ranks[key] = (-matched, tier)
        return rank

    def _take(self, platform: Platform, rule: SeatRule, person: Person, place: Place) -> Candidate:
        self._taken[platform].add(person.id)
        return Candidate(
            person.id,
            place,
            tuple(skill for skill in rule.skills if skill in person.skills),
            tuple(skill for skill in rule.skills if skill not in person.skills),
            person.tier,
        )

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
            has = elsewhere = absent = departed = others = untrained = 0
            for person in self._here.get(unit.id, ()):
                if person.status is StaffStatus.DEPARTED:
                    departed += 1
                elif person.id in self._holders[platform]:
                    has += 1
                elif person.status is StaffStatus.ABSENT:
                    absent += 1
                elif sells and not person.is_seller:
                    others += 1
                elif not person.is_certified:
                    untrained += 1
                else:
                    elsewhere += 1
            known = self._nobody[key] = Nobody(has, elsewhere, absent, departed, others, untrained)
        return known


def _can_sit(rule: SeatRule, person: Person) -> bool:
    is_free = person.status is StaffStatus.ACTIVE and person.is_certified
    return is_free and (person.is_seller or rule.seat is not Seat.KOS)
