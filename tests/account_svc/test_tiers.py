"""Tiers among comparable people: a pure function over a snapshot."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from account_svc.models.lift import Tier, TierRules
from account_svc.models.race import League
from account_svc.models.tiers import Placed, Seller, league_of, place
from shared.ids import uuid7

UNIT = uuid7()


def make(result: int, skill: float | None = None, league: str | None = "all") -> Seller:
    return Seller(uuid7(), UNIT, league, result, skill)


def tiers(placed: list[Placed]) -> list[Tier | None]:
    return [each.tier for each in placed]


def test_a13_of_ten_people_two_are_top_and_two_are_tail() -> None:
    found = place([make(result) for result in range(10)], TierRules())

    assert tiers(found) == [Tier.TAIL] * 2 + [Tier.MIDDLE] * 6 + [Tier.TOP] * 2
    assert found[9].score == 0.95


def test_a13_a_small_store_is_not_compared_with_a_flagship() -> None:
    small = [make(result, league="small") for result in (1, 2, 3, 4, 5)]
    large = [make(result, league="large") for result in (100, 200, 300, 400, 500)]

    found = {each.seller.result: each.tier for each in place([*small, *large], TierRules())}

    assert found[5] is found[500] is Tier.TOP
    assert found[1] is found[100] is Tier.TAIL


def test_a13_skill_moves_whom_the_result_does_not_tell_apart() -> None:
    able, unable = make(5, 90.0), make(5, 10.0)
    others = [make(5, 50.0) for _ in range(8)]

    found = {each.seller: each.tier for each in place([able, unable, *others], TierRules())}

    assert (found[able], found[unable]) == (Tier.TOP, Tier.TAIL)
    assert Counter(found.values())[Tier.MIDDLE] == 8


def test_a13_where_everybody_is_equal_everybody_is_in_the_middle() -> None:
    assert set(tiers(place([make(0) for _ in range(7)], TierRules()))) == {Tier.MIDDLE}


def test_a13_too_few_are_not_compared() -> None:
    assert tiers(place([make(1), make(2), make(3)], TierRules())) == [None] * 3


def test_a13_a_store_is_in_the_last_league_whose_minimums_it_reaches() -> None:
    leagues = [
        League(code="small", name="s"),
        League(code="large", name="l", min_sellers=5, min_leads=20),
    ]

    assert league_of(leagues, sellers=9, leads=19) == "small"
    assert league_of(leagues, sellers=5, leads=20) == "large"


PEOPLE = st.lists(
    st.tuples(
        st.integers(0, 20),
        st.one_of(st.none(), st.integers(0, 100)),
        st.sampled_from(["a", "b", None]),
    ),
    max_size=30,
)
RULES = st.builds(
    TierRules,
    top_percent=st.integers(1, 49),
    tail_percent=st.integers(1, 49),
    skill_percent=st.integers(0, 100),
)


@given(PEOPLE, RULES, st.randoms(use_true_random=False))
def test_a13_the_order_of_the_snapshot_and_other_leagues_change_nothing(
    drawn: list[tuple[int, int | None, str | None]], rules: TierRules, chance: random.Random
) -> None:
    sellers = [make(*each) for each in drawn]
    found = {each.seller: each for each in place(sellers, rules)}

    mixed = list(sellers)
    chance.shuffle(mixed)

    assert {each.seller: each for each in place(mixed, rules)} == found
    alone = [each for each in sellers if each.league == "a"]
    assert all(each == found[each.seller] for each in place(alone, rules))


@given(PEOPLE, RULES)
def test_a13_equals_are_equal_and_more_of_both_is_never_a_lower_tier(
    drawn: list[tuple[int, int | None, str | None]], rules: TierRules
) -> None:
    order = [Tier.TAIL, Tier.MIDDLE, Tier.TOP]
    placed = [each for each in place([make(*each) for each in drawn], rules) if each.tier]
    for one in placed:
        for other in placed:
            a, b = one.seller, other.seller
            if a.league != b.league or (a.skill is None) != (b.skill is None):
                continue
            if a.result <= b.result and (a.skill or 0) <= (b.skill or 0):
                assert one.tier is not None
                assert other.tier is not None
                assert order.index(one.tier) <= order.index(other.tier)
