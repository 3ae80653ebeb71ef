"""The pure rule of health: a snapshot, dated rules, an instant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from account_svc.health import (
    Cause,
    HealthRules,
    PlatformWord,
    Snapshot,
    Standing,
    Token,
    health_rules,
    judge,
    turn,
    worse_than,
)
from shared.events.account import AccountStatus, HealthLevel, Platform

AT = datetime(2026, 12, 20, 4, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def snapshot(**known: Any) -> Snapshot:
    """An account without a fault."""
    well: dict[str, Any] = {
        "platform": Platform.XIAOHONGSHU,
        "status": AccountStatus.ACTIVE,
        "active_since": AT - days(200),
        "last_post_at": AT - days(1),
    }
    return Snapshot(**well | known)


def causes(known: Snapshot, at: datetime = AT) -> list[Cause]:
    return [reason.cause for reason in judge(known, health_rules(), at).reasons]


instants = st.integers(-150 * 24, 60 * 24).map(lambda hours: AT + timedelta(hours=hours))
snapshots = st.builds(
    Snapshot,
    platform=st.sampled_from([Platform.DOUYIN, Platform.XIAOHONGSHU]),
    status=st.sampled_from([AccountStatus.ACTIVE, AccountStatus.RESTRICTED]),
    active_since=instants,
    token=st.none()
    | st.builds(Token, ended_reason=st.none() | st.just("refused"), ends_at=st.none() | instants),
    last_post_at=st.none() | instants,
    leads_waiting=st.lists(instants, max_size=4).map(tuple),
    words=st.lists(
        st.builds(PlatformWord, st.just("bound"), st.none() | instants, st.none() | instants),
        max_size=2,
    ).map(tuple),
    drafts_held=st.lists(instants, max_size=6).map(tuple),
    posts_refused=st.lists(instants, max_size=4).map(tuple),
    set_back=st.lists(instants, max_size=2).map(tuple),
    follows=st.dictionaries(instants.map(datetime.date), st.integers(0, 200), max_size=40),
)


@given(snapshots, st.integers(0, 30).map(days))
def test_a7_time_alone_changes_nothing_before_the_instant_that_is_named(
    known: Snapshot, later: timedelta
) -> None:
    at = AT + later
    health = judge(known, health_rules(), at)
    last_moment = at + days(1000) if health.next_at is None else health.next_at - MOMENT

    then = judge(known, health_rules(), last_moment)

    assert (then.score, {each.cause for each in then.reasons}) == (
        health.score,
        {each.cause for each in health.reasons},
    )


@given(snapshots)
def test_a7_a_score_is_a_hundred_less_the_points_of_its_reasons(known: Snapshot) -> None:
    health = judge(known, health_rules(), AT)

    points = [reason.points for reason in health.reasons]
    assert health.score == max(0, 100 - sum(points))
    assert points == sorted(points, reverse=True)
    assert len({reason.cause for reason in health.reasons}) == len(points)


@pytest.mark.parametrize(
    ("known", "expected", "score"),
    [
        ({}, [], 100),
        ({"token": Token(ended_reason="refused")}, [Cause.TOKEN_ENDED], 55),
        ({"token": Token(ends_at=AT)}, [Cause.TOKEN_ENDED], 55),
        ({"token": Token(ends_at=AT + days(3))}, [Cause.TOKEN_ENDS_SOON], 90),
        ({"token": Token(ends_at=AT + days(3) + MOMENT)}, [], 100),
        ({"platform": Platform.DOUYIN}, [Cause.TOKEN_MISSING], 85),
        ({"platform": Platform.DOUYIN, "active_since": AT - days(7) + MOMENT}, [], 100),
        ({"last_post_at": AT - days(14)}, [Cause.SILENT], 90),
        ({"last_post_at": AT - days(30)}, [Cause.SILENT], 75),
        ({"last_post_at": None}, [Cause.SILENT], 75),
        ({"leads_waiting": (AT - days(1),) * 4}, [Cause.UNANSWERED], 70),
        ({"leads_waiting": (AT - days(1) + MOMENT, AT - days(30))}, [], 100),
        ({"words": (PlatformWord("bound", AT),)}, [Cause.STATUS_EXPIRED], 80),
        ({"words": (PlatformWord("bound", AT + days(14)),)}, [Cause.STATUS_ENDS_SOON], 95),
        ({"drafts_held": (AT - days(1),) * 9}, [Cause.DRAFTS_HELD], 80),
        ({"drafts_held": (AT - days(30),)}, [], 100),
        ({"posts_refused": (AT - days(89),) * 2}, [Cause.POSTS_REFUSED], 70),
        ({"set_back": (AT - days(89),)}, [Cause.SET_BACK], 90),
        ({"off_brand_since": AT}, [Cause.OFF_BRAND], 75),
        (
            {"status": AccountStatus.RESTRICTED, "set_back": (AT,), "last_post_at": None},
            [Cause.RESTRICTED],
            55,
        ),
        ({"status": AccountStatus.SUSPENDED, "set_back": (AT,)}, [Cause.SUSPENDED], 30),
    ],
)
def test_a7_each_fault_takes_its_points(
    known: dict[str, Any], expected: list[Cause], score: int
) -> None:
    health = judge(snapshot(**known), health_rules(), AT)

    assert [reason.cause for reason in health.reasons] == expected
    assert health.score == score


@pytest.mark.parametrize(
    ("last_week", "expected"),
    [(3, [Cause.FOLLOWERS_FELL]), (8, []), (30, []), (81, [Cause.FOLLOWERS_JUMPED])],
)
def test_a7_followers_are_compared_with_the_four_weeks_before(
    last_week: int, expected: list[Cause]
) -> None:
    today = date(2026, 12, 20)
    usual = {today - days(age): 5 for age in range(8, 36, 2)}  # 70: 17.5 a week

    few = snapshot(follows={**usual, today - days(3): last_week})
    many = snapshot(
        follows={**{day: 2 * won for day, won in usual.items()}, today - days(3): 2 * last_week}
    )

    assert causes(few) == []
    assert causes(many) == (expected if last_week != 8 else [])


def test_a7_several_faults_add_up_and_rules_hold_from_their_dates() -> None:
    known = snapshot(
        token=Token(ended_reason="refused"),
        last_post_at=None,
        posts_refused=(AT - days(2),),
    )
    before = datetime(2026, 11, 27, 15, 59, tzinfo=UTC)  # a minute to the first day in Shanghai

    health = judge(known, health_rules(), AT)

    assert (health.score, health_rules().level(health.score)) == (15, HealthLevel.CRITICAL)
    assert judge(known, health_rules(), before).score == 100
    assert judge(known, health_rules(), before).next_at == before + timedelta(minutes=1)


def test_a7_levels_below_a_level_are_the_worse_ones() -> None:
    assert worse_than(HealthLevel.FAIR) == [HealthLevel.POOR, HealthLevel.CRITICAL]
    assert worse_than(HealthLevel.CRITICAL) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"cause": "silent", "points": 10},
        {"cause": "restricted", "points": 10, "days": 3},
        {"cause": "bored", "points": 10},
        {"cause": "restricted", "points": 101},
    ],
)
def test_a7_a_rule_that_says_too_little_or_too_much_is_refused(rule: dict[str, Any]) -> None:
    row = {"valid_from": date(2026, 1, 1), "judgement": "x", **rule}

    with pytest.raises(ValidationError):
        HealthRules.model_validate({"good": 80, "fair": 60, "poor": 40, "rule": [row]})


def levels_of(
    *scores: tuple[float, int], before: Standing | None = None
) -> list[tuple[HealthLevel, float | None]]:
    """The level after each score, told with its hour, and when time alone betters it."""
    found: list[tuple[HealthLevel, float | None]] = []
    standing = before
    for hour, score in scores:
        at = AT + timedelta(hours=hour)
        standing, better_at = turn(standing, score, health_rules(), at)
        due = None if better_at is None else (better_at - AT) / timedelta(hours=1)
        found.append((standing.level, due))
    return found


def test_a7_a_fact_that_comes_and_goes_at_a_threshold_turns_the_level_once() -> None:
    flapping = levels_of((0, 90), (1, 75), (2, 85), (3, 75), (4, 85), (5, 75), (6, 85))

    assert [level for level, _ in flapping] == [HealthLevel.GOOD] + [HealthLevel.FAIR] * 6
    assert flapping[-1] == (HealthLevel.FAIR, 18)


def test_a7_a_better_level_holds_by_a_margin_or_after_a_time() -> None:
    assert levels_of((0, 75), (1, 94), (2, 95))[1:] == [
        (HealthLevel.FAIR, 13),
        (HealthLevel.GOOD, None),
    ]
    assert levels_of((0, 75), (1, 80), (12.9, 82), (13, 80)) == [
        (HealthLevel.FAIR, None),
        (HealthLevel.FAIR, 13),
        (HealthLevel.FAIR, 13),
        (HealthLevel.GOOD, None),
    ]
    assert levels_of((0, 30), (1, 85), (13, 85)) == [
        (HealthLevel.CRITICAL, None),
        (HealthLevel.FAIR, 13),
        (HealthLevel.GOOD, None),
    ]


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 100)), min_size=1, max_size=20))
def test_a7_a_level_is_never_better_than_its_score_and_gets_better_by_rule_alone(
    steps: list[tuple[int, int]],
) -> None:
    rules, order, hour = health_rules(), list(HealthLevel), 0
    standing: Standing | None = None
    for pause, score in steps:
        hour += pause
        before, at = standing, AT + timedelta(hours=hour)
        standing, better_at = turn(before, score, rules, at)
        by_score = rules.level(score)
        assert order.index(standing.level) >= order.index(by_score)
        assert (better_at is None) is (standing.level is by_score)
        assert better_at is None or better_at > at
        if before is not None and order.index(standing.level) < order.index(before.level):
            was_long_so = at - standing.by_score_since >= timedelta(hours=rules.better_after_hours)
            assert was_long_so or standing.level is rules.level(score - rules.better_by)


def test_a7_a_margin_that_reaches_over_a_level_is_refused() -> None:
    known = health_rules().model_dump()

    with pytest.raises(ValidationError, match="reaches over a whole level"):
        HealthRules.model_validate({**known, "better_by": 21})
