"""Customers and communities of a WeCom member, moved to other members within the platform's limits.

A move is asked for in calls of so many; a customer has a day to refuse; none is moved more often
than so many times in so many days; a taker may be full of customers; a giver gives only so many
communities a day. Each call that the platform accepts counts as a move, also one that the customer
then refuses.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from account_svc.models.policy import PolicyFact

_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limits:
    per_call: int
    moves: int
    window: timedelta
    """The same customer or community is moved at most `moves` times in it."""
    delay: timedelta
    """From the call until the move takes effect or is refused."""
    moves_fact: PolicyFact = PolicyFact.TRANSFERS_PER_CUSTOMER
    """What says `moves`."""
    per_day: int | None = None
    """How many one giver gives away within 24 hours; None: any number."""


class Outcome(StrEnum):
    """What came of asking for the move of one customer."""

    ACCEPTED = "accepted"
    """The platform will move them unless they refuse."""
    MOVED = "moved"
    REFUSED = "refused"
    """By the customer."""
    TAKER_FULL = "taker_full"
    TOO_OFTEN = "too_often"
    """The platform knows of moves that we do not."""
    IN_PROGRESS = "in_progress"
    """Somebody else moves them just now."""
    GONE = "gone"
    """They are no customer of the giver any more."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """The platform was not asked, for the handover was cancelled first."""


@dataclass(frozen=True, slots=True)
class Movable:
    """A customer or a community."""

    id: UUID
    moved_at: tuple[datetime, ...] = ()
    """When the platform accepted earlier moves, in any order."""
    not_to: frozenset[UUID] = frozenset()
    """Takers who will not do: refused by the customer, or the one who gives."""


@dataclass(frozen=True, slots=True)
class Taker:
    id: UUID
    room: int | None = None
    """How many more customers they may have; None: as far as is known, any number."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next move of one. Without a taker, or without a time, it needs somebody to decide."""

    taker_id: UUID | None
    due_at: datetime | None
    limit: PolicyFact | None
    """What the move has to wait for."""


def plan_moves(
    things: Iterable[Movable], takers: Sequence[Taker], limits: Limits, at: datetime
) -> dict[UUID, Step]:
    """A step for each, none of which breaks a limit that is its own; takers get about equally many.
    What the giver gives in a day is kept by `within_a_day`."""
    given: Counter[UUID] = Counter()
    steps = {}
    for thing in things:
        due_at, limit = earliest_move(thing.moved_at, limits, at)
        fitting = [
            taker
            for taker in takers
            if taker.id not in thing.not_to and (taker.room is None or given[taker.id] < taker.room)
        ]
        taker = min(fitting, key=lambda each: given[each.id], default=None)
        if taker is not None and due_at is not None:
            given[taker.id] += 1
        steps[thing.id] = Step(None if taker is None else taker.id, due_at, limit)
    return steps


def within_a_day(
    steps: Mapping[UUID, Step], given_at: Iterable[datetime], limits: Limits
) -> dict[UUID, Step]:
    """The steps, as much later as the giver's day asks for. `given_at` is when this giver gave or
    is to give others: no 24 hours hold more than `per_day` of all of them."""
    if limits.per_day is None:
        return dict(steps)
    if limits.per_day < 1:
        none = PolicyFact.COMMUNITIES_PER_DAY
        return {each: Step(step.taker_id, None, none) for each, step in steps.items()}
    times = sorted(given_at)
    spread = dict(steps)
    by_time = [
        (step.due_at, each, step)
        for each, step in steps.items()
        if step.due_at is not None and step.taker_id is not None
    ]
    for due_at, each, step in sorted(by_time, key=lambda one: one[0]):
        free_at = times[-limits.per_day] + _DAY if len(times) >= limits.per_day else due_at
        if free_at > due_at:
            spread[each] = Step(step.taker_id, free_at, PolicyFact.COMMUNITIES_PER_DAY)
        insort(times, max(due_at, free_at))
    return spread


def earliest_move(
    moved_at: Iterable[datetime], limits: Limits, at: datetime
) -> tuple[datetime | None, PolicyFact | None]:
    """The first instant from `at` on at which the platform takes another move, and what made it
    wait; no instant where it takes none at all."""
    if limits.moves < 1 or limits.per_call < 1:
        return None, limits.moves_fact
    moves = sorted(moved_at)
    due_at, limit = at, None
    if moves and moves[-1] + limits.delay > due_at:
        due_at, limit = moves[-1] + limits.delay, PolicyFact.TRANSFER_DELAY_HOURS
    recent = [move for move in moves if move > due_at - limits.window]
    if len(recent) >= limits.moves:
        due_at, limit = recent[-limits.moves] + limits.window, limits.moves_fact
    return due_at, limit


def calls_of(due: Mapping[UUID, UUID], limits: Limits) -> list[tuple[UUID, list[UUID]]]:
    """What is due, by customer, as calls to one taker each that are not too large."""
    by_taker: dict[UUID, list[UUID]] = {}
    for customer_id, taker_id in due.items():
        by_taker.setdefault(taker_id, []).append(customer_id)
    size = limits.per_call
    return [
        (taker_id, ids[start : start + size])
        for taker_id, ids in by_taker.items()
        for start in range(0, len(ids), size)
    ]


def learn(
    customer: Movable, taker_id: UUID, outcome: Outcome, limits: Limits, at: datetime
) -> Movable:
    """The customer as known after an outcome, for the next plan."""
    match outcome:
        case Outcome.ACCEPTED:
            return replace(customer, moved_at=(*customer.moved_at, at))
        case Outcome.REFUSED:
            return replace(customer, not_to=customer.not_to | {taker_id})
        case Outcome.IN_PROGRESS:
            # the move of somebody else counts like one of ours
            return replace(customer, moved_at=(*customer.moved_at, at))
        case Outcome.TOO_OFTEN:
            # as if all moves that it allows had been made just now: no earlier time is certain
            return replace(customer, moved_at=(*customer.moved_at, *[at] * limits.moves))
        case _:
            return customer
