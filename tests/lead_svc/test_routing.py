from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lead_svc.routing import (
    Candidate,
    Inputs,
    LeadFacts,
    Outcome,
    Policy,
    PoolReason,
    Rejection,
    Step,
    TieBreak,
    decide,
)

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
UNIT = UUID(int=100)


def seller(number: int, step: Step = Step.STORE, **overrides: Any) -> Candidate:
    facts: dict[str, Any] = {
        "staff_id": UUID(int=number),
        "unit_id": UNIT,
        "step": step,
        "distance": 0,
        "is_seller": True,
        "is_departed": False,
        "absent_from": None,
        "absent_until": None,
        "is_suspended": False,
        "right_until": None,
        "capacity": 10,
        "open_load": 0,
        "last_offered_at": None,
    }
    return Candidate(**{**facts, **overrides})


def inputs(*candidates: Candidate, tried: tuple[UUID, ...] = (), **policy: Any) -> Inputs:
    lead = LeadFacts(
        lead_id=UUID(int=1), grade="A", author_staff_id=None, unit_id=UNIT, tried=tried
    )
    return Inputs(policy=Policy(**policy), lead=lead, candidates=candidates, at=AT)


def owner(given_inputs: Inputs) -> UUID | None:
    chosen = decide(given_inputs).chosen
    return None if chosen is None else chosen.staff_id


def causes(given_inputs: Inputs) -> dict[int, str | None]:
    return {
        one.staff_id.int: one.rejected_because and one.rejected_because.value
        for one in decide(given_inputs).considered
    }


def test_l6_author_of_the_post_comes_first() -> None:
    made = inputs(seller(2, Step.STORE), seller(1, Step.AUTHOR, open_load=9))

    decision = decide(made)

    assert decision.outcome is Outcome.OFFERED
    assert decision.chosen is not None
    assert decision.chosen.staff_id == UUID(int=1)
    assert decision.tie_break is TieBreak.ONLY_ONE
    assert causes(made) == {1: None, 2: "later_step"}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"is_seller": False}, "not_a_seller"),
        ({"is_departed": True}, "departed"),
        ({"is_leaving": True}, "leaving"),
        ({"absent_from": AT - timedelta(days=1)}, "absent"),
        ({"absent_from": AT, "absent_until": AT + timedelta(seconds=1)}, "absent"),
        ({"is_suspended": True}, "account_suspended"),
        ({"open_load": 10}, "full"),
        ({"capacity": 0}, "full"),
    ],
)
def test_l6_one_changed_fact_gives_the_colleague_in_the_store(
    change: dict[str, Any], cause: str
) -> None:
    able = inputs(seller(1, Step.AUTHOR), seller(2))
    changed = inputs(seller(1, Step.AUTHOR, **change), seller(2))

    assert owner(able) == UUID(int=1)
    assert owner(changed) == UUID(int=2)
    assert causes(changed) == {1: cause, 2: None}


@pytest.mark.parametrize(
    ("absent_from", "absent_until"),
    [
        (AT + timedelta(seconds=1), None),
        (AT - timedelta(days=2), AT),
    ],
)
def test_l6_an_absence_counts_only_while_it_lasts(
    absent_from: datetime, absent_until: datetime | None
) -> None:
    made = inputs(seller(1, absent_from=absent_from, absent_until=absent_until))

    assert owner(made) == UUID(int=1)


def test_l6_steps_go_from_the_store_to_the_region_to_the_brand() -> None:
    brand = seller(4, Step.BRAND, distance=3)
    region = seller(3, Step.REGION, distance=2)
    dealer = seller(2, Step.REGION, distance=1)
    store = seller(1, Step.STORE)

    assert owner(inputs(brand, region, dealer, store)) == UUID(int=1)
    assert owner(inputs(brand, region, dealer)) == UUID(int=2)
    assert owner(inputs(brand, region)) == UUID(int=3)
    assert owner(inputs(brand)) == UUID(int=4)


def test_l6_a_step_outside_the_policy_is_never_taken() -> None:
    made = inputs(seller(1, Step.AUTHOR), seller(2), steps=(Step.STORE,))

    assert owner(made) == UUID(int=2)
    assert causes(made) == {2: None}


def test_l6_turns_go_by_load_relative_to_capacity_then_by_waiting_then_by_id() -> None:
    half_full = seller(1, open_load=5, capacity=10)
    less_full = seller(2, open_load=8, capacity=20)
    waited = seller(3, last_offered_at=AT - timedelta(hours=2))
    served = seller(4, last_offered_at=AT - timedelta(hours=1))
    never = seller(5)

    by_load = decide(inputs(half_full, less_full))
    by_waiting = decide(inputs(served, waited))
    never_served = decide(inputs(waited, never))
    by_id = decide(inputs(seller(7), seller(6)))

    assert (by_load.chosen, by_load.tie_break) == (less_full, TieBreak.LOAD)
    assert (by_waiting.chosen, by_waiting.tie_break) == (waited, TieBreak.WAITED_LONGEST)
    assert (never_served.chosen, never_served.tie_break) == (never, TieBreak.WAITED_LONGEST)
    assert (by_id.chosen, by_id.tie_break) == (seller(6), TieBreak.ID)
    assert causes(inputs(half_full, less_full)) == {1: "others_first", 2: None}


def test_l6_a_seller_who_was_tried_is_not_tried_again() -> None:
    made = inputs(seller(1), seller(2, open_load=9), tried=(UUID(int=1),))

    assert owner(made) == UUID(int=2)
    assert causes(made) == {1: "tried", 2: None}


def test_l6_an_uncertified_seller_gets_nothing_where_the_policy_demands_the_right() -> None:
    until = AT + timedelta(days=1)
    made = inputs(
        seller(1),
        seller(2, right_until=AT),
        seller(3, right_until=until),
        required_right="handling_leads",
    )

    assert owner(made) == UUID(int=3)
    assert causes(made) == {1: "uncertified", 2: "uncertified", 3: None}


def test_l6_after_the_last_allowed_offer_the_lead_is_pooled() -> None:
    tried = (UUID(int=8), UUID(int=9))
    made = inputs(seller(1), tried=tried, max_offers=2)

    decision = decide(made)

    assert decision.outcome is Outcome.POOLED
    assert decision.pool_reason is PoolReason.MAX_OFFERS
    assert decision.chosen is None


def test_l6_the_decision_is_put_into_words_for_three_readers() -> None:
    words = decide(inputs(seller(1, Step.AUTHOR, open_load=10), seller(2))).explanation

    assert words.kos == "这条线索来自您所在的门店，由您跟进，请在 15 分钟内接单。"
    assert words.manager == (
        "按“同店”分配：考虑 2 人，不可接 在手线索已满 1 人；选中理由：仅此一人可接（在手 0/10）。"
    )
    assert words.auditor == (
        "策略版本 0；等级 A；步骤 store，上溯 0 级；候选 2；排除 在手线索已满 1 人；"
        "排序依据 only_one；时限 15 分钟。"
    )


def test_l6_nobody_able_is_explained() -> None:
    words = decide(inputs(seller(1, is_departed=True))).explanation

    assert words.kos == "这条线索已进入公海：没有可接单的销售。"
    assert words.manager == "进入公海：没有可接单的销售；考虑 1 人，不可接 已离职 1 人。"


instants = st.none() | st.integers(-3, 3).map(lambda hours: AT + timedelta(hours=hours))
candidates = st.builds(
    Candidate,
    staff_id=st.integers(1, 40).map(lambda number: UUID(int=number)),
    unit_id=st.just(UNIT),
    step=st.sampled_from(Step),
    distance=st.integers(0, 3),
    is_seller=st.booleans(),
    is_departed=st.booleans(),
    absent_from=instants,
    absent_until=instants,
    is_suspended=st.booleans(),
    right_until=instants,
    capacity=st.integers(0, 3),
    open_load=st.integers(0, 3),
    last_offered_at=instants,
)
snapshots = st.builds(
    Inputs,
    policy=st.builds(
        Policy,
        steps=st.permutations(list(Step)).map(tuple),
        max_offers=st.integers(1, 3),
        required_right=st.sampled_from([None, "handling_leads"]),
    ),
    lead=st.builds(
        LeadFacts,
        lead_id=st.just(UUID(int=1)),
        grade=st.sampled_from("ABCD"),
        author_staff_id=st.none(),
        unit_id=st.just(UNIT),
        tried=st.lists(st.integers(1, 40).map(lambda n: UUID(int=n)), max_size=3).map(tuple),
    ),
    candidates=st.lists(candidates, max_size=12, unique_by=lambda one: one.staff_id).map(tuple),
    at=st.just(AT),
)


@given(snapshots)
def test_l6_replaying_stored_inputs_gives_the_same_decision(made: Inputs) -> None:
    stored = orjson.loads(orjson.dumps(made.as_json()))

    assert decide(Inputs.from_json(stored)) == decide(made)


@given(snapshots)
def test_l6_the_order_of_the_candidates_does_not_matter(made: Inputs) -> None:
    turned = msgspec.structs.replace(made, candidates=made.candidates[::-1])

    assert decide(turned) == decide(made)


@given(snapshots)
def test_l6_absent_departed_uncertified_suspended_and_full_sellers_never_receive(
    made: Inputs,
) -> None:
    chosen = decide(made).chosen

    if chosen is not None:
        assert chosen.is_seller
        assert not chosen.is_departed
        assert not chosen.is_suspended
        assert chosen.open_load < chosen.capacity
        assert chosen.staff_id not in made.lead.tried
        assert chosen.absent_from is None or (
            chosen.absent_from > AT
            or (chosen.absent_until is not None and chosen.absent_until <= AT)
        )
        if made.policy.required_right is not None:
            assert chosen.right_until is not None
            assert chosen.right_until > AT


@given(snapshots)
def test_l6_every_candidate_but_the_chosen_has_a_cause(made: Inputs) -> None:
    decision = decide(made)

    chosen = [one for one in decision.considered if one.is_chosen]
    assert len(decision.considered) == len(made.candidates)
    assert len(chosen) == (decision.outcome is Outcome.OFFERED)
    assert all(
        isinstance(one.rejected_because, Rejection) != one.is_chosen
        or (decision.pool_reason is PoolReason.MAX_OFFERS and one.rejected_because is None)
        for one in decision.considered
    )
