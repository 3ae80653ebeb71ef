"""What platforms allow: rows for every brand, rows of a brand, and which of them holds when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_svc.errors import PolicyExpired
from account_svc.models import PolicyFact, PolicyRow, find_policy
from account_svc.models.policy import LONGEST
from account_svc.platform_wide import platform_wide_policies
from shared.access import Role
from shared.clock import now
from shared.events.account import Platform
from shared.ids import uuid7
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api

SEATS = {"platform": "xiaohongshu", "fact": "seats_per_store", "source": "年框合同 2026-17"}
AT = datetime(2026, 6, 1, tzinfo=UTC)

HOLDING = """query($platform: Platform!, $fact: PolicyFact!, $at: DateTime) {
  holdingPolicy(platform: $platform, fact: $fact, at: $at) {
    number words origin isSecondHand source validFrom validTo } }"""
SET = """mutation($input: SetPlatformPolicyInput!) { setPlatformPolicy(input: $input) {
  __typename
  ... on PlatformPolicy { id fact number validTo }
  ... on Problem { code message path } } }"""


def row(**told: object) -> PolicyRow:
    facts = {
        "platform": Platform.DOUYIN,
        "fact": PolicyFact.POSTS_PER_DAY,
        "number": 3,
        "words": None,
        "valid_from": AT,
        "valid_to": None,
        "source": "x",
    }
    return PolicyRow(**{**facts, **told})  # type: ignore[arg-type]


def found(rows: list[PolicyRow], at: datetime) -> PolicyRow | None:
    return find_policy(rows, Platform.DOUYIN, PolicyFact.POSTS_PER_DAY, at)


async def test_a8_wecoms_transfer_limits_hold_for_every_brand_with_their_source(
    api: Api, graph: Graph
) -> None:
    numbers = {}
    for fact in ("CALL", "CUSTOMER"):
        told = await graph.ask(
            api.principal, HOLDING, platform="WECOM", fact=f"TRANSFERS_PER_{fact}"
        )
        numbers[fact] = told["holdingPolicy"]["number"]
    everything = await graph.ask(
        api.principal,
        "{ holdingPolicies(platform: WECOM) { items { fact number words origin source } } }",
    )

    items = {item["fact"]: item for item in everything["holdingPolicies"]["items"]}
    assert numbers == {"CALL": 100, "CUSTOMER": 2}
    assert (items["TRANSFER_WINDOW_DAYS"]["number"], items["TRANSFER_DELAY_HOURS"]["number"]) == (
        90,
        24,
    )
    assert "contact_card" in items["LEAD_IN_MEANS"]["words"]
    assert {item["origin"] for item in items.values()} == {"PLATFORM"}
    assert all("work.weixin.qq.com" in item["source"] for item in items.values())


async def test_a8_a_brands_row_overrides_and_ends_at_its_instant(api: Api, graph: Graph) -> None:
    ends = now() + timedelta(days=30)
    own = {"platform": "WECOM", "fact": "TEXT_LENGTH", "source": "合同"}
    made = await graph.ask(
        api.principal, SET, input={**own, "number": 500, "validTo": ends.isoformat()}
    )

    async def limit(at: datetime | None) -> tuple[int, str]:
        facts = {"platform": "WECOM", "fact": "TEXT_LENGTH"}
        told = await graph.ask(api.principal, HOLDING, **facts, at=at and at.isoformat())
        return told["holdingPolicy"]["number"], told["holdingPolicy"]["origin"]

    assert made["setPlatformPolicy"]["__typename"] == "PlatformPolicy"
    assert await limit(None) == (500, "BRAND")
    assert await limit(ends - timedelta(microseconds=1)) == (500, "BRAND")
    assert await limit(ends) == (2000, "PLATFORM")
    assert await limit(now() - timedelta(minutes=1)) == (2000, "PLATFORM")


async def test_a8_an_expired_policy_is_refused_by_the_name_of_its_fact(
    api: Api, graph: Graph
) -> None:
    ends = now() + timedelta(hours=1)
    await api.post("/policies", {**SEATS, "number": 10, "valid_to": ends.isoformat()})

    refused = await graph.send(
        api.principal,
        HOLDING,
        platform="XIAOHONGSHU",
        fact="SEATS_PER_STORE",
        at=ends.isoformat(),
    )
    listed = await graph.ask(
        api.principal,
        "query($at: DateTime) { holdingPolicies(platform: XIAOHONGSHU, at: $at) {"
        " items { fact } expired { fact reason } } }",
        at=ends.isoformat(),
    )

    (error,) = refused["errors"]
    assert error["extensions"]["code"] == "policy_expired"
    assert error["message"].startswith("seats_per_store of xiaohongshu expired at ")
    assert [one["fact"] for one in listed["holdingPolicies"]["expired"]] == ["SEATS_PER_STORE"]
    assert [one["fact"] for one in listed["holdingPolicies"]["items"]] == ["LEAD_IN_MEANS"]


async def test_a8_a_row_that_has_ended_already_cannot_be_set(api: Api, graph: Graph) -> None:
    yesterday = (now() - timedelta(days=1)).isoformat()
    told = {"platform": "DOUYIN", "fact": "POSTS_PER_DAY", "number": 3, "source": "合同"}

    answer = await graph.ask(api.principal, SET, input={**told, "validTo": yesterday})
    problem = await api.refuse("/policies", {**SEATS, "number": 3, "valid_to": yesterday})

    assert answer["setPlatformPolicy"]["code"] == "policy_expired"
    assert answer["setPlatformPolicy"]["path"] == ["input", "validTo"]
    assert "posts_per_day of douyin" in answer["setPlatformPolicy"]["message"]
    assert (problem["status"], problem["field"]) == (409, "/valid_to")
    assert (await api.get("/policies"))["items"] == []


async def test_a8_a_fact_takes_a_number_or_words_but_never_the_other(api: Api) -> None:
    words = {**SEATS, "fact": "lead_in_means"}

    for body in (
        {**SEATS, "words": ["contact_card"]},
        {**SEATS, "number": 3, "words": ["x"]},
        {**words, "number": 3},
        SEATS,
        {**SEATS, "number": -1},
    ):
        assert (await api.refuse("/policies", body))["status"] == 422
    told = await api.post("/policies", {**words, "words": ["contact_card"]})

    assert (told["number"], told["words"]) == (None, ["contact_card"])


async def test_a8_only_head_office_sets_policies_and_it_is_written_down(
    api: Api, graph: Graph
) -> None:
    manager = api.acting(Role.REGION_MANAGER, unit_ids=((await api.root())["id"],))
    told = {"platform": "DOUYIN", "fact": "POSTS_PER_DAY", "number": 3, "source": "合同"}

    refused = await graph.ask(manager.principal, SET, input=told)
    made = await graph.ask(api.principal, SET, input=told)
    again = await graph.ask(
        api.principal,
        "query($id: ID!) { node(id: $id) { ... on PlatformPolicy { fact number } } }",
        id=made["setPlatformPolicy"]["id"],
    )

    assert refused["setPlatformPolicy"]["__typename"] == "NotAllowed"
    assert again["node"] == {"fact": "POSTS_PER_DAY", "number": 3}
    assert (await api.audited())[-1] == (
        api.principal.actor,
        "policy.set",
        made["setPlatformPolicy"]["id"],
    )


async def test_a8_what_no_row_says_is_not_known(api: Api, graph: Graph) -> None:
    told = await graph.ask(api.principal, HOLDING, platform="BILIBILI", fact="POSTS_PER_DAY")

    answer = await api.request("GET", "/policies/holding/bilibili/posts_per_day")
    assert told["holdingPolicy"] is None
    assert (answer.status_code, answer.json()["code"]) == (404, "policy_not_found")


def test_a8_every_shipped_row_has_a_source_and_holds_alone() -> None:
    rows = platform_wide_policies()

    facts = [(row.platform, row.fact) for row in rows]
    assert len(set(facts)) == len(facts)
    assert all(row.source and row.id is None and row.holds_at(now()) for row in rows)
    assert {row.platform for row in rows if row.is_second_hand} == {
        Platform.DOUYIN,
        Platform.XIAOHONGSHU,
        Platform.KUAISHOU,
        Platform.WECOM,
    }
    of_wecom = {row.fact for row in rows if row.platform is Platform.WECOM and row.is_second_hand}
    assert of_wecom == {
        PolicyFact.COMMUNITIES_PER_CALL,
        PolicyFact.COMMUNITIES_PER_DAY,
        PolicyFact.TRANSFERS_PER_COMMUNITY,
        PolicyFact.COMMUNITY_WINDOW_DAYS,
    }


HOURS = st.integers(-50, 50).map(lambda hours: AT + timedelta(hours=hours))


@st.composite
def some_row(draw: st.DrawFn) -> PolicyRow:
    begins = draw(HOURS)
    lasts = draw(st.none() | st.integers(1, 50))
    return row(
        number=draw(st.integers(0, 9)),
        valid_from=begins,
        valid_to=None if lasts is None else begins + timedelta(hours=lasts),
        id=draw(st.none() | st.just(uuid7())),
    )


@given(st.lists(some_row(), max_size=6), HOURS)
def test_a8_whatever_the_rows_what_is_found_holds_and_nothing_holding_is_passed_over(
    rows: list[PolicyRow], at: datetime
) -> None:
    holding = [one for one in rows if one.valid_from <= at and (one.valid_to or at) >= at]
    holding = [one for one in holding if one.valid_to != at]
    begun = [one for one in rows if one.valid_from <= at]

    if begun and not holding:
        with pytest.raises(PolicyExpired, match="posts_per_day of douyin"):
            found(rows, at)
        return
    one = found(rows, at)

    assert (one is None) == (not holding)
    if one is not None:
        assert one in holding
        assert (one.id is not None) == any(other.id is not None for other in holding)
        rivals = [other for other in holding if (other.id is None) == (one.id is None)]
        assert one.valid_from == max(other.valid_from for other in rivals)


def test_a8_another_platforms_row_says_nothing() -> None:
    assert found([row(platform=Platform.KUAISHOU), row(fact=PolicyFact.TEXT_LENGTH)], AT) is None


async def test_a8_a_length_of_time_leaves_the_calendar_whole(api: Api) -> None:
    told = {"platform": "wecom", "source": "合同"}

    refusals = [
        await api.refuse("/policies", {**told, "fact": fact, "number": longest + 1})
        for fact, longest in LONGEST.items()
    ]

    assert [problem["field"] for problem in refusals] == ["/number"] * len(LONGEST)
    assert (await api.get("/policies"))["items"] == []
    days = {"fact": "transfer_window_days", "number": 3_650}
    assert (await api.post("/policies", {**told, **days}))["number"] == 3_650
