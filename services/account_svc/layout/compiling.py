"""What a layout asks of a matrix: the seats that should exist against the accounts that do.

`compile_layout` is a function of its arguments alone; reading the snapshot is the repository's.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from account_svc.errors import LayoutTooLarge, PolicyExpired
from account_svc.layout.candidates import Candidate, Nobody, Pool
from account_svc.layout.snapshot import Id, Person, Registered, Snapshot, Tree, Unit
from account_svc.models import Domain, PolicyFact, Seat, SeatRule, StaffStatus, find_policy
from shared.events.account import AccountStatus, Platform, UnitKind

OF_A_PERSON = frozenset({Seat.KOS, Seat.HQ_STAFF})
"""Seats that somebody sits on; the others belong to a unit, whoever runs them."""


class SeatState(StrEnum):
    FILLED = "filled"
    MISSING = "missing"
    DOUBLED = "doubled"
    """One more than the layout asks for, or a second account of the same person."""
    ORPHANED = "orphaned"
    """Its unit or its person no longer fits."""
    UNPLANNED = "unplanned"
    """The layout has no such seat."""


class Cause(StrEnum):
    """Why an account does not fill a seat."""

    MORE_THAN_WANTED = "more_than_wanted"
    SAME_PERSON = "same_person"
    PERSON_DEPARTED = "person_departed"
    PERSON_ELSEWHERE = "person_elsewhere"
    NOT_A_SELLER = "not_a_seller"
    NOBODY = "nobody"
    UNIT_DOES_NOT_FIT = "unit_does_not_fit"
    NO_SUCH_SEAT = "no_such_seat"


class SeatLine(msgspec.Struct, gc=False):
    """A seat with its account, a seat without one, or an account without a seat."""

    state: SeatState
    seat: Seat
    label: str | None
    platform: Platform
    unit_id: Id
    account_id: Id | None = None
    cause: Cause | None = None
    candidate: Candidate | None = None
    nobody: Nobody | None = None
    """Of a missing seat without a candidate: who was looked at."""


@dataclass(slots=True)
class City:
    city: str
    stores: int = 0
    wanted: int = 0
    filled: int = 0

    @property
    def is_gap(self) -> bool:
        """Nobody of the brand is to be met there, although somebody should be."""
        return self.filled == 0 and (self.wanted > 0 or self.stores == 0)


@dataclass(slots=True)
class Quota:
    """How much of a platform's seats is used, and would be if nothing were missing.

    For a limit per store the figures are those of the store that would use most.
    """

    platform: Platform
    fact: PolicyFact
    limit: int | None
    used: int
    needed: int
    over_unit_ids: list[Id] = field(default_factory=list)
    """Stores that would pass the limit."""
    source: str | None = None
    refusal: str | None = None
    """Why there is no limit to go by: the policy has expired."""

    @property
    def is_exceeded(self) -> bool:
        return self.limit is not None and self.needed > self.limit


@dataclass(slots=True)
class Compiled:
    lines: dict[SeatState, list[SeatLine]]
    cities: list[City]
    quotas: list[Quota]

    def count(self, state: SeatState) -> int:
        return len(self.lines[state])

    @property
    def wanted(self) -> int:
        return self.count(SeatState.FILLED) + self.count(SeatState.MISSING)

    @property
    def without_candidate(self) -> int:
        return sum(line.candidate is None for line in self.lines[SeatState.MISSING])


_WORKPLACES = frozenset(UnitKind) - {UnitKind.TEAM}
"""Who works in a team works at the unit above, unless the layout has seats for teams."""
Key = tuple[Seat, Platform, Id]
MOST_SEATS = 500_000
"""Of one answer: a hundred seats on every platform for each store of thousands fit no memory."""


def compile_layout(
    rules: Sequence[SeatRule],
    form: Domain,
    cities: Sequence[str],
    snapshot: Snapshot,
    *,
    platform: Platform | None = None,
) -> Compiled:
    """Lay the rules of one form over the snapshot, on all their platforms or on one.

    Lines are in the order of the tree, then of the rules. Nobody is proposed for two seats of one
    platform, nor who has an account of this form there.
    """
    units = Counter(unit.kind for unit in snapshot.units)
    wanted = sum(units[rule.per] * rule.count * len(_platforms([rule], platform)) for rule in rules)
    if wanted > MOST_SEATS:
        raise LayoutTooLarge(f"asks for {wanted} seats; {MOST_SEATS} can be laid out at once")
    tree = Tree(snapshot.units)
    accounts = [
        account
        for account in snapshot.accounts
        if account.domain is form and platform in (None, account.platform)
    ]
    lines: dict[SeatState, list[SeatLine]] = {state: [] for state in SeatState}
    places = _Places(lines, _seated(accounts, rules, snapshot, tree, lines))
    for unit in snapshot.units:
        for rule in rules:
            if rule.per is unit.kind:
                places.fill(rule, unit, platform)
    pool = Pool(
        snapshot.staff,
        tree,
        _WORKPLACES | {rule.per for rule in rules},
        {(account.platform, account.staff_id) for account in accounts if account.staff_id},
    )
    seats = [(line.platform, rule, tree.units[line.unit_id]) for line, rule in places.missing]
    for (line, _), found in zip(places.missing, pool.propose(seats), strict=True):
        if isinstance(found, Candidate):
            line.candidate = found
        else:
            line.nobody = found
    return Compiled(
        lines,
        _cities(tree, lines, cities if snapshot.is_whole else ()),
        _quotas(snapshot, tree, lines, _platforms(rules, platform)),
    )


def _seated(
    accounts: Sequence[Registered],
    rules: Sequence[SeatRule],
    snapshot: Snapshot,
    tree: Tree,
    lines: dict[SeatState, list[SeatLine]],
) -> dict[Key, list[Registered]]:
    """Accounts by the seat they are made for; those that fit none go to the lines."""
    kinds: dict[tuple[Seat, Platform], list[UnitKind]] = defaultdict(list)
    for rule in rules:
        for platform in rule.platforms:
            kinds[rule.seat, platform].append(rule.per)
    homes = {key: tree.nearest(pers) for key, pers in kinds.items()}
    by_kind = {kind: tree.nearest((kind,)) for kind in UnitKind}
    people = {person.id: person for person in snapshot.staff}
    seated: dict[Key, list[Registered]] = defaultdict(list)
    for account in accounts:
        home = homes.get((account.seat, account.platform))
        unit_id = None if home is None else home.get(account.unit_id)
        if home is None:
            lines[SeatState.UNPLANNED].append(
                _without_seat(SeatState.UNPLANNED, account, Cause.NO_SUCH_SEAT)
            )
        elif unit_id is None:
            lines[SeatState.ORPHANED].append(
                _without_seat(SeatState.ORPHANED, account, Cause.UNIT_DOES_NOT_FIT)
            )
        elif cause := _misfit(account, unit_id, people, by_kind[tree.units[unit_id].kind]):
            lines[SeatState.ORPHANED].append(_without_seat(SeatState.ORPHANED, account, cause))
        else:
            seated[account.seat, account.platform, unit_id].append(account)
    return seated


def _misfit(
    account: Registered, unit_id: Id, people: dict[Id, Person], homes: dict[Id, Id]
) -> Cause | None:
    """Why the person does not fit the account of this unit; `homes` are the units of its kind by
    those below."""
    if account.staff_id is None:
        return Cause.NOBODY if account.seat in OF_A_PERSON else None
    person = people.get(account.staff_id)
    if person is not None and person.status is StaffStatus.DEPARTED:
        return Cause.PERSON_DEPARTED
    if account.seat not in OF_A_PERSON:
        return None
    if person is None or homes.get(person.unit_id) != unit_id:
        return Cause.PERSON_ELSEWHERE
    if account.seat is Seat.KOS and not person.is_seller:
        return Cause.NOT_A_SELLER
    return None


def _without_seat(state: SeatState, account: Registered, cause: Cause) -> SeatLine:
    return SeatLine(state, account.seat, None, account.platform, account.unit_id, account.id, cause)


@dataclass(slots=True)
class _Places:
    lines: dict[SeatState, list[SeatLine]]
    sitting: dict[Key, list[Registered]]
    missing: list[tuple[SeatLine, SeatRule]] = field(default_factory=list)
    seen: set[tuple[Platform, Id]] = field(default_factory=set)
    """Who sits on a seat of the platform already, of the seats that are a person's."""

    def fill(self, rule: SeatRule, unit: Unit, only: Platform | None) -> None:
        for platform in rule.platforms:
            if only in (None, platform):
                self._fill(rule, unit, platform)

    def _fill(self, rule: SeatRule, unit: Unit, platform: Platform) -> None:
        """The accounts that were there first keep their seats; those in use come before others."""
        left = rule.count
        here = self.sitting.get((rule.seat, platform, unit.id), ())
        for account in sorted(here, key=_standing):
            cause = self._surplus(account, left)
            state = SeatState.FILLED if cause is None else SeatState.DOUBLED
            left -= cause is None
            self.lines[state].append(
                SeatLine(state, rule.seat, rule.label, platform, unit.id, account.id, cause)
            )
        for _ in range(left):
            line = SeatLine(SeatState.MISSING, rule.seat, rule.label, platform, unit.id)
            self.lines[SeatState.MISSING].append(line)
            self.missing.append((line, rule))

    def _surplus(self, account: Registered, left: int) -> Cause | None:
        if account.seat in OF_A_PERSON and account.staff_id is not None:
            if (account.platform, account.staff_id) in self.seen:
                return Cause.SAME_PERSON
            if left:
                self.seen.add((account.platform, account.staff_id))
        return None if left else Cause.MORE_THAN_WANTED


def _standing(account: Registered) -> tuple[bool, Id]:
    return account.status is not AccountStatus.ACTIVE, account.id


def _platforms(rules: Sequence[SeatRule], platform: Platform | None) -> list[Platform]:
    named = dict.fromkeys(each for rule in rules for each in rule.platforms)
    return [each for each in named if platform in (None, each)]


def _cities(
    tree: Tree, lines: dict[SeatState, list[SeatLine]], wanted: Sequence[str]
) -> list[City]:
    """The cities of stores and those that the layout names, those with a gap first."""
    found = {name: City(name) for name in wanted}
    for unit in tree.units.values():
        if unit.kind is UnitKind.STORE and unit.city:
            found.setdefault(unit.city, City(unit.city)).stores += 1
    for state in (SeatState.FILLED, SeatState.MISSING):
        for line in lines[state]:
            city = found.get(tree.units[line.unit_id].city or "")
            if city is not None:
                city.wanted += 1
                city.filled += state is SeatState.FILLED
    return sorted(found.values(), key=lambda city: (not city.is_gap, -city.wanted, city.city))


def _quotas(
    snapshot: Snapshot,
    tree: Tree,
    lines: dict[SeatState, list[SeatLine]],
    platforms: Sequence[Platform],
) -> list[Quota]:
    """Against every account of the platform, of both sides and of any seat."""
    stores_of = tree.nearest((UnitKind.STORE,))
    used: Counter[Platform] = Counter()
    by_store: dict[Platform, Counter[Id]] = {platform: Counter() for platform in Platform}
    for account in snapshot.accounts:
        used[account.platform] += 1
        store = stores_of.get(account.unit_id)
        if store is not None:
            by_store[account.platform][store] += 1
    needed = Counter(used)
    needed_by_store = {platform: Counter(stores) for platform, stores in by_store.items()}
    for line in lines[SeatState.MISSING]:
        needed[line.platform] += 1
        store = stores_of.get(line.unit_id)
        if store is not None:
            needed_by_store[line.platform][store] += 1
    found = []
    for platform in platforms:
        if snapshot.is_whole:
            fact = PolicyFact.SEATS_PER_ORGANISATION
            quota = Quota(platform, fact, None, used[platform], needed[platform])
            found.append(_limited(quota, snapshot))
        stores = needed_by_store[platform]
        most = max(stores, key=lambda store: (stores[store], store), default=None)
        figures = (0, 0) if most is None else (by_store[platform][most], stores[most])
        quota = _limited(Quota(platform, PolicyFact.SEATS_PER_STORE, None, *figures), snapshot)
        if quota.limit is not None:
            limit = quota.limit
            quota.over_unit_ids = sorted(store for store, n in stores.items() if n > limit)
        found.append(quota)
    return [quota for quota in found if quota.limit is not None or quota.refusal is not None]


def _limited(quota: Quota, snapshot: Snapshot) -> Quota:
    try:
        policy = find_policy(snapshot.policies, quota.platform, quota.fact, snapshot.at)
    except PolicyExpired as expired:
        quota.refusal = expired.message
    else:
        if policy is not None:
            quota.limit, quota.source = policy.number, policy.source
    return quota
