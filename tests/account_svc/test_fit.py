"""The fit adviser: go or no-go with reasons, and platforms in an order that suits the industry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_svc.fit import Condition, Level, Verdict, advise, fit_rules
from shared.access import Role
from shared.events.account import Platform
from tests.account_svc.graph import Graph
from tests.account_svc.importing import UNITS, load
from tests.account_svc.making import Api

ASK = """query($industry: String, $market: FitLevel, $rivalry: FitLevel, $outlets: FitLevel,
    $audience: FitLevel, $budget: FitLevel, $decision: FitLevel) {
  fitAdvice(industry: $industry, wideMarket: $market, fierceRivalry: $rivalry,
      manyOutlets: $outlets, activeAudience: $audience, lastingBudget: $budget,
      longDecision: $decision) {
    industry verdict reason score
    findings { condition level weight isDecisive reason }
    platforms { platform fits reason } } }"""
ALL_MET = dict.fromkeys(("market", "rivalry", "outlets", "audience", "budget", "decision"), "MET")
EVERYTHING = dict.fromkeys(Condition, Level.MET)


async def test_a9_a_brand_that_meets_the_six_conditions_is_told_to_go_and_where(
    api: Api, graph: Graph
) -> None:
    told = await graph.ask(api.principal, ASK, **ALL_MET)

    advice = told["fitAdvice"]
    assert (advice["industry"], advice["verdict"], advice["score"]) == ("food", "GO", 1.0)
    assert len(advice["findings"]) == 6
    assert all(finding["reason"] for finding in advice["findings"])
    assert [one["platform"] for one in advice["platforms"] if one["fits"]] == ["DOUYIN"]
    assert advice["platforms"][0]["reason"].startswith("food: reach by city")


async def test_a9_what_is_needed_and_unmet_decides_alone_and_is_named(
    api: Api, graph: Graph
) -> None:
    told = await graph.ask(api.principal, ASK, **{**ALL_MET, "budget": "UNMET"})

    advice = told["fitAdvice"]
    decisive = [one["condition"] for one in advice["findings"] if one["isDecisive"]]
    assert (advice["verdict"], decisive) == ("NO_GO", ["LASTING_BUDGET"])
    assert advice["reason"] == "needed and unmet: lasting_budget"


async def test_a9_outlets_are_counted_in_the_tree_when_nobody_answers(
    api: Api, graph: Graph
) -> None:
    rows = "".join(f"S{n},,store,{n}号店,,,,,,\n" for n in range(50))
    few = await graph.ask(api.principal, ASK, **{**ALL_MET, "outlets": None})
    assert (await load(api, "units", UNITS + rows))["rows_added"] == 50

    many = await graph.ask(api.principal, ASK, **{**ALL_MET, "outlets": None})

    found = [
        next(one for one in told["fitAdvice"]["findings"] if one["condition"] == "MANY_OUTLETS")
        for told in (few, many)
    ]
    assert [one["level"] for one in found] == ["UNMET", "MET"]
    assert [one["reason"].partition(";")[0] for one in found] == [
        "0 stores in the tree",
        "50 stores in the tree",
    ]
    assert [told["fitAdvice"]["verdict"] for told in (few, many)] == ["NO_GO", "GO"]


async def test_a9_too_few_answers_are_no_go_until_the_rest_is_known(api: Api, graph: Graph) -> None:
    told = await graph.ask(api.principal, ASK, outlets="MET")

    assert told["fitAdvice"]["verdict"] == "NO_GO"
    assert told["fitAdvice"]["reason"] == (
        "too little is known: answer wide_market, fierce_rivalry, active_audience, lasting_budget,"
        " long_decision first"
    )


async def test_a9_a_seller_does_not_ask_for_the_brand(api: Api, graph: Graph) -> None:
    seller = api.acting(Role.KOS, staff_id="staff_01m8hgayk0er1t324xyqvsk7w7")

    told = await graph.send(seller.principal, ASK)

    assert told["errors"][0]["extensions"]["code"] == "not_allowed"


@pytest.mark.parametrize(
    ("industry", "first"),
    [
        ("local_life", Platform.DOUYIN),
        ("food", Platform.DOUYIN),
        ("beauty", Platform.XIAOHONGSHU),
        ("mother_baby", Platform.XIAOHONGSHU),
        ("study_abroad", Platform.XIAOHONGSHU),
        ("finance", Platform.CHANNELS),
        ("health", Platform.CHANNELS),
        ("business", Platform.CHANNELS),
    ],
)
def test_a9_the_platform_that_suits_the_industry_comes_first(
    industry: str, first: Platform
) -> None:
    advice = advise(fit_rules(), industry, EVERYTHING, stores=0)

    assert advice.platforms[0].platform is first
    assert [one.platform for one in advice.platforms if one.fits] == [first]


def test_a9_cars_fit_everywhere_and_of_an_unknown_industry_nothing_is_claimed() -> None:
    cars, unknown = (
        advise(fit_rules(), industry, EVERYTHING, stores=0) for industry in ("cars", "kites")
    )

    assert all(one.fits for one in cars.platforms)
    assert not any(one.fits for one in unknown.platforms)
    assert unknown.platforms[0].reason == "kites: nothing is known for it"


ANSWERS = st.dictionaries(st.sampled_from(Condition), st.sampled_from(Level))


@given(ANSWERS, st.integers(0, 500), st.sampled_from(Condition))
def test_a9_a_better_answer_never_turns_go_into_no_go(
    answers: dict[Condition, Level], stores: int, better: Condition
) -> None:
    before = advise(fit_rules(), "food", answers, stores=stores)
    after = advise(fit_rules(), "food", {**answers, better: Level.MET}, stores=stores)

    assert before.verdict is Verdict.NO_GO or after.verdict is Verdict.GO
    assert 0 <= before.score <= 1
