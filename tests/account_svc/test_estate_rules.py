"""The pure rules of a handover, against a platform that keeps every limit and forgives nothing."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_svc.errors import LimitUnknown
from account_svc.estate import (
    Fate,
    Limits,
    Movable,
    Outcome,
    Step,
    Taker,
    calls_of,
    community_limits_at,
    earliest_move,
    fate_of,
    learn,
    limits_at,
    plan_moves,
    within_a_day,
)
from account_svc.models import PolicyFact
from account_svc.models.policy import LONGEST
from account_svc.platform_wide import platform_wide_policies
from shared.events.account import Ownership, Platform

AT = datetime(2026, 12, 1, 2, tzinfo=UTC)
WECOM = limits_at(list(platform_wide_policies()), AT)
COMMUNITIES = community_limits_at(list(platform_wide_policies()), AT)
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)


class Strict:
    """WeCom as documented. It fails the test where a plan breaks a limit that it could know."""

    def __init__(self, chance: random.Random, customers: Sequence[Movable], room: int) -> None:
        self.chance = chance
        self.moves = {each.id: list(each.moved_at) for each in customers}
        self.hidden = {
            each.id: [AT - timedelta(days=chance.randint(0, 89)) for _ in range(2)]
            for each in chance.sample(customers, len(customers) // 50)
        }
        self.room: dict[UUID, int] = defaultdict(lambda: room)
        self.with_taker: dict[UUID, UUID] = {}
        self.calls = 0

    def ask(self, taker: UUID, ids: Sequence[UUID], at: datetime) -> dict[UUID, Outcome]:
        self.calls += 1
        assert 1 <= len(ids) <= WECOM.per_call
        assert len(set(ids)) == len(ids)
        return {each: self._ask_one(taker, each, at) for each in ids}

    def _ask_one(self, taker: UUID, customer: UUID, at: datetime) -> Outcome:
        known = self.moves[customer]
        assert customer not in self.with_taker, "moved twice"
        assert not any(move > at - WECOM.delay for move in known), "still in progress"
        assert sum(move > at - WECOM.window for move in known) < WECOM.moves, "too often"
        if sum(move > at - WECOM.window for move in known + self.hidden.get(customer, [])) >= 2:
            return Outcome.TOO_OFTEN
        if self.room[taker] < 1:
            return Outcome.TAKER_FULL
        self.room[taker] -= 1
        known.append(at)
        return Outcome.ACCEPTED

    def result(self, taker: UUID, customer: UUID) -> Outcome:
        """A day later."""
        if self.chance.random() < 0.1:
            self.room[taker] += 1
            return Outcome.REFUSED
        self.with_taker[customer] = taker
        return Outcome.MOVED


def test_a6_five_thousand_customers_move_and_no_limit_is_ever_broken() -> None:
    """Refusals go elsewhere, full takers get no more, and nobody is lost."""
    chance = random.Random(6)
    takers = [UUID(int=number) for number in range(1, 9)]
    customers = {
        UUID(int=1000 + number): Movable(
            UUID(int=1000 + number),
            tuple(
                AT - timedelta(hours=chance.randint(1, 150 * 24))
                for _ in range(chance.choice([0, 0, 0, 1, 2, 3]))
            ),
        )
        for number in range(5_000)
    }
    platform = Strict(chance, list(customers.values()), room=700)
    open_ids, full, at = set(customers), set(), AT
    unplaced: set[UUID] = set()

    for _ in range(200):
        known = [Taker(each, room=0 if each in full else None) for each in takers]
        steps = plan_moves((customers[each] for each in sorted(open_ids)), known, WECOM, at)
        assert steps.keys() == open_ids
        unplaced = {each for each, step in steps.items() if step.taker_id is None}
        due = {
            each: step.taker_id
            for each, step in steps.items()
            if step.taker_id is not None and step.due_at == at
        }
        accepted: list[tuple[UUID, UUID]] = []
        for taker, ids in calls_of(due, WECOM):
            for each, outcome in platform.ask(taker, ids, at).items():
                customers[each] = learn(customers[each], taker, outcome, WECOM, at)
                if outcome is Outcome.ACCEPTED:
                    accepted.append((taker, each))
                elif outcome is Outcome.TAKER_FULL:
                    full.add(taker)
        for taker, each in accepted:
            outcome = platform.result(taker, each)
            customers[each] = learn(customers[each], taker, outcome, WECOM, at)
            if outcome is Outcome.MOVED:
                open_ids.discard(each)
        if open_ids == unplaced:
            break
        at += WECOM.delay

    assert open_ids == unplaced == customers.keys() - platform.with_taker.keys()
    assert len(platform.with_taker) > 4_900
    assert max(700 - room for room in platform.room.values()) <= 700
    assert platform.calls >= 50


hours = st.integers(0, 120 * 24).map(lambda number: AT - timedelta(hours=number))


@given(st.lists(hours, max_size=6), st.integers(1, 3))
def test_a6_the_earliest_move_is_allowed_and_none_before_it_is(
    moved_at: list[datetime], moves: int
) -> None:
    limits = Limits(100, moves, timedelta(days=90), timedelta(hours=24))

    def is_allowed(at: datetime) -> bool:
        recent = sum(move > at - limits.window for move in moved_at)
        return recent < moves and not any(move > at - limits.delay for move in moved_at)

    due_at, limit = earliest_move(moved_at, limits, AT)

    assert due_at is not None
    assert is_allowed(due_at)
    assert (due_at == AT) == (limit is None)
    assert due_at == AT or not is_allowed(due_at - MOMENT)


def test_a6_a_window_from_before_it_had_a_bound_breaks_no_plan() -> None:
    endless = [
        replace(row, number=10**9) if row.fact in LONGEST else row
        for row in platform_wide_policies()
    ]
    limits = limits_at(endless, AT)

    due_at, limit = earliest_move([AT - DAY] * 2, limits, AT)

    assert due_at is not None
    assert due_at > AT + timedelta(days=3_600)
    assert limit is PolicyFact.TRANSFERS_PER_CUSTOMER


@settings(max_examples=50)
@given(st.integers(0, 250), st.integers(1, 4))
def test_a6_takers_get_about_equally_many_and_calls_are_never_too_large(
    number: int, number_of_takers: int
) -> None:
    takers = [Taker(UUID(int=each)) for each in range(number_of_takers)]
    customers = [Movable(UUID(int=1000 + each)) for each in range(number)]

    steps = plan_moves(customers, takers, WECOM, AT)

    due = {each: step.taker_id for each, step in steps.items() if step.taker_id is not None}
    shares = [list(due.values()).count(taker.id) for taker in takers]
    calls = calls_of(due, WECOM)
    assert max(shares) - min(shares) <= 1
    assert sorted(each for _, ids in calls for each in ids) == [each.id for each in customers]
    assert all(len(ids) <= 100 for _, ids in calls)


def test_a6_a_refused_taker_is_not_asked_again_and_without_another_somebody_has_to_decide() -> None:
    one, other = Taker(UUID(int=1)), Taker(UUID(int=2))
    asked = Movable(UUID(int=9), moved_at=(AT,))
    refused = learn(asked, one.id, Outcome.REFUSED, WECOM, AT)
    later = AT + WECOM.delay

    with_other = plan_moves([refused], [one, other], WECOM, AT)[refused.id]
    alone = plan_moves([refused], [one], WECOM, AT)[refused.id]
    full = plan_moves([refused], [Taker(other.id, room=0)], WECOM, AT)[refused.id]

    assert (with_other.taker_id, with_other.due_at) == (other.id, later)
    assert with_other.limit is PolicyFact.TRANSFER_DELAY_HOURS
    assert alone.taker_id is full.taker_id is None


def test_a6_a_move_that_the_platform_calls_too_often_waits_out_the_whole_window() -> None:
    customer = learn(Movable(UUID(int=9)), UUID(int=1), Outcome.TOO_OFTEN, WECOM, AT)

    step = plan_moves([customer], [Taker(UUID(int=2))], WECOM, AT)[customer.id]

    assert step.due_at == AT + timedelta(days=90)
    assert step.limit is PolicyFact.TRANSFERS_PER_CUSTOMER


@settings(max_examples=200)
@given(
    st.lists(st.integers(0, 100).map(lambda number: AT + timedelta(hours=number)), max_size=25),
    st.lists(st.integers(-24, 100).map(lambda number: AT + timedelta(hours=number)), max_size=25),
    st.integers(1, 5),
)
def test_a6_no_day_takes_more_communities_than_it_may_and_none_is_earlier_than_its_own_limit(
    due_at: list[datetime], planned_at: list[datetime], per_day: int
) -> None:
    limits = replace(COMMUNITIES, per_day=per_day)
    steps = {UUID(int=number): Step(UUID(int=99), each, None) for number, each in enumerate(due_at)}
    kept: list[datetime] = []
    for each in sorted(planned_at):
        if sum(other > each - DAY for other in kept) < per_day:
            kept.append(each)

    spread = within_a_day(steps, kept, limits)

    times = [*kept, *(step.due_at for step in spread.values() if step.due_at is not None)]
    assert spread.keys() == steps.keys()
    for end in times:
        assert sum(end - DAY < each <= end for each in times) <= per_day
    for group_id, step in spread.items():
        before = steps[group_id].due_at
        assert step.due_at is not None
        assert before is not None
        assert step.due_at >= before
        is_put_off = step.limit is PolicyFact.COMMUNITIES_PER_DAY
        assert is_put_off == (step.due_at > before)


def test_a6_three_hundred_communities_go_a_day_and_a_hundred_in_a_call() -> None:
    groups = [Movable(UUID(int=1000 + each)) for each in range(301)]
    takers = [Taker(UUID(int=1)), Taker(UUID(int=2))]

    steps = within_a_day(plan_moves(groups, takers, COMMUNITIES, AT), [], COMMUNITIES)

    later = [step for step in steps.values() if step.due_at != AT]
    today = {
        each: step.taker_id
        for each, step in steps.items()
        if step.due_at == AT and step.taker_id is not None
    }
    assert [(step.due_at, step.limit) for step in later] == [
        (AT + DAY, PolicyFact.COMMUNITIES_PER_DAY)
    ]
    assert len(calls_of(today, COMMUNITIES)) == 4
    assert (COMMUNITIES.moves, COMMUNITIES.window) == (2, timedelta(days=90))


def test_a6_a_day_that_takes_none_leaves_every_community_to_a_decision() -> None:
    none = replace(COMMUNITIES, per_day=0)
    steps = plan_moves([Movable(UUID(int=9))], [Taker(UUID(int=1))], none, AT)

    spread = within_a_day(steps, [], none)

    assert spread[UUID(int=9)].due_at is None


def test_a6_without_a_row_that_says_the_limit_nothing_is_planned() -> None:
    rows = [
        row for row in platform_wide_policies() if row.fact is not PolicyFact.TRANSFER_WINDOW_DAYS
    ]

    with pytest.raises(LimitUnknown, match="transfer_window_days of wecom"):
        limits_at(rows, AT)


def test_a6_limits_that_allow_nothing_plan_nothing() -> None:
    never = Limits(100, 0, timedelta(days=90), timedelta(hours=24))

    step = plan_moves([Movable(UUID(int=9))], [Taker(UUID(int=2))], never, AT)

    assert step[UUID(int=9)].due_at is None


@pytest.mark.parametrize(
    ("platform", "ownership", "fate"),
    [
        (Platform.DOUYIN, Ownership.BRAND_MADE, Fate.HAND_OVER),
        (Platform.DOUYIN, Ownership.CONSENT_GIVEN, Fate.HAND_OVER),
        (Platform.DOUYIN, Ownership.STAFF_OWNED, Fate.RETIRE),
        (Platform.DOUYIN, None, Fate.ASK),
        (Platform.WECOM, Ownership.BRAND_MADE, Fate.RETIRE),
        (Platform.WECOM, None, Fate.RETIRE),
    ],
)
def test_a6_what_becomes_of_an_account_follows_from_whose_it_is(
    platform: Platform, ownership: Ownership | None, fate: Fate
) -> None:
    assert fate_of(platform, ownership) is fate
