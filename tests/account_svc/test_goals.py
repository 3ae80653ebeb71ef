"""Goals of units and people: set, changed with history, read with actual, pace and forecast."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from account_svc.models import period_of
from shared.access import Role
from shared.clock import now
from shared.ids import uuid7
from shared.inbox import Inbox
from tests.account_svc.aiming import DAY, aim, deal_voided, progress, published, won
from tests.account_svc.earning import accepted, deliver, lead_voided
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.caller import Json

NOON = datetime(2026, 11, 16, 4, 0, tzinfo=UTC)
"""12:00 in the stores, the middle of the month."""


async def test_a12_results_of_every_kind_count_once_and_voided_ones_do_not(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    account = await make_account(api, seller)
    lead, sold = uuid7(), won(seller, now(), amount_minor=100)
    await deliver(
        api,
        inbox,
        accepted(seller, lead, now()),
        accepted(seller, at=now()),
        published(account, now(), seller),
        sold,
        won(seller, now(), amount_minor=250),
        won(seller, now(), amount_minor=999, currency="USD"),
        lead_voided(lead),
        deal_voided(sold),
    )

    actual = {
        metric: (await progress(api, seller, metric=metric))["actual"]
        for metric in ("leads_accepted", "posts_published", "deals_won", "deal_value")
    }

    assert actual == {
        "leads_accepted": 1,
        "posts_published": 1,
        "deals_won": 2,
        "deal_value": 250,
    }
    assert (await progress(api, {"id": seller["unit_id"]}))["actual"] == 1


async def test_a12_a_changed_goal_keeps_its_history(api: Api, seller: Json) -> None:
    await aim(api, seller, 10)
    await aim(api, seller, 12)

    history = (await api.get("/goals", staff_id=seller["id"], metric="leads_accepted"))["items"]

    assert [(each["version"], each["target"], each["is_current"]) for each in history] == [
        (2, 12, True),
        (1, 10, False),
    ]
    assert history[0]["set_by"] == "test-admin"
    assert (await progress(api, seller))["target"] == 12
    assert (await api.audited())[-1][1:] == ("goal.set", history[0]["id"])


async def test_a12_a_goal_of_0_is_taken_back(api: Api, seller: Json) -> None:
    await aim(api, seller, 10)
    await aim(api, seller, 0)

    found = await progress(api, seller)

    assert (found["target"], found["reached"], found["expected"]) == (None, None, None)
    assert (await progress(api, {"id": seller["unit_id"]}))["below"]["goals"] == 0


async def test_a12_pace_is_by_the_hours_of_the_store(api: Api, inbox: Inbox) -> None:
    store = await make_unit(api, opens_at="10:00", closes_at="14:00")
    seller = await make_staff(api, store)
    with time_machine.travel(NOON, tick=False):
        await aim(api, seller, 60)
        await aim(api, store, 60, period="2026-Q4")
        await deliver(api, inbox, *(accepted(seller, at=now() - DAY) for _ in range(3)))

        month = await progress(api, seller)
        quarter = await progress(api, store, period="2026-Q4")

    assert (month["elapsed"], month["expected"]) == (pytest.approx(15.5 / 30), 31)
    assert (month["actual"], month["reached"]) == (3, 0.05)
    assert quarter["elapsed"] == pytest.approx(46.5 / 92)
    assert (quarter["actual"], quarter["target"]) == (3, 60)


async def test_a12_a_forecast_names_its_method_or_says_that_there_is_not_enough(
    api: Api, inbox: Inbox
) -> None:
    store = await make_unit(api)
    known, fresh = await make_staff(api, store), await make_staff(api, store)
    with time_machine.travel(NOON, tick=False):
        days = [accepted(known, at=now() - day * DAY) for day in range(1, 22) for _ in range(2)]
        await deliver(api, inbox, *days, accepted(fresh, at=now() - 3 * DAY))

        steady = (await progress(api, known))["forecast"]
        little = (await progress(api, fresh))["forecast"]
        past = (await progress(api, known, period="2026-10"))["forecast"]

    assert steady == {
        "value": 60,
        "method": "damped_holt",
        "days": 21,
        "backtest_percent": 0.0,
        "refusal": None,
    }
    assert (little["value"], little["days"]) == (None, 3)
    assert little["refusal"] == "not enough data: 3 days of the 14 that it takes"
    assert (past["value"], past["method"]) == (12, "final")


async def test_a12_a_unit_s_goal_stands_beside_the_sum_of_those_below(
    api: Api, inbox: Inbox
) -> None:
    region = await make_unit(api, kind="region")
    one, two = [await make_unit(api, region) for _ in range(2)]
    seller, leaver = await make_staff(api, two), await make_staff(api, two)
    await aim(api, region, 100)
    await aim(api, one, 40)
    await aim(api, await make_staff(api, one), 7)
    await aim(api, seller, 30)
    await aim(api, leaver, 20)
    await api.post(f"/staff/{leaver['id']}/depart", {"reason": "离职"})
    await deliver(api, inbox, accepted(seller, at=now()))

    of_region, of_store = await progress(api, region), await progress(api, one)
    of_two = await progress(api, two)
    await api.post(f"/units/{two['id']}/move", {"parent_id": (await api.root())["id"]})
    moved = await progress(api, region)

    assert of_region["below"] == {"goals": 2, "target": 70, "gap": 30}
    assert of_store["below"] == {"goals": 1, "target": 7, "gap": 33}
    assert of_two["below"] == {"goals": 1, "target": 30, "gap": None}
    assert (of_region["actual"], moved["actual"]) == (1, 0)
    assert moved["below"] == {"goals": 1, "target": 40, "gap": 60}


async def test_a12_managers_set_goals_below_their_own_unit_and_see_their_part(api: Api) -> None:
    region, other = [await make_unit(api, kind="region") for _ in range(2)]
    store = await make_unit(api, region)
    seller = await make_staff(api, store)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(region["id"],))
    me = api.acting(Role.KOS, staff_id=seller["id"])
    this_month = period_of(now())
    goal = await aim(manager, store, 5)
    await aim(api, other, 9)

    own = await manager.refuse(
        "/goals/of-units",
        {
            "period": this_month,
            "metric": "deals_won",
            "goals": [{"unit_id": region["id"], "target": 1}],
        },
    )
    foreign = await manager.refuse(
        "/goals/of-units",
        {
            "period": this_month,
            "metric": "deals_won",
            "goals": [
                {"unit_id": store["id"], "target": 1},
                {"unit_id": other["id"], "target": 1},
            ],
        },
    )
    seen = await manager.post("/goal-progress/by-units", {"ids": [store["id"], other["id"]]})

    assert (own["status"], own["code"]) == (403, "goal_from_above")
    assert (foreign["code"], foreign["field"]) == ("unknown_unit", "/goals/1/unit_id")
    assert [each["id"] for each in (await manager.get("/goals"))["items"]] == [goal["id"]]
    assert seen["missing"] == [other["id"]]
    assert (await me.get("/goals"))["items"] == []
    assert (await me.post("/goal-progress/by-units", {"ids": [store["id"]]}))["items"] == []
    assert (await progress(me, seller))["actual"] == 0


async def test_a12_a_period_that_is_over_keeps_its_goals(api: Api, seller: Json) -> None:
    body = {
        "period": "2026-Q3",
        "metric": "deals_won",
        "goals": [{"staff_id": seller["id"], "target": 3}],
    }
    with time_machine.travel(NOON, tick=False):
        refused = await api.refuse("/goals/of-staff", body)
    malformed = await api.refuse("/goals/of-staff", {**body, "period": "2026-Q5"})

    assert (refused["code"], refused["field"]) == ("period_over", "/period")
    assert (malformed["status"], malformed["field"]) == (422, "/period")
    assert (await api.get("/goals"))["items"] == []


SET = """mutation($input: SetStaffGoalsInput!) { setStaffGoals(input: $input) {
  ... on GoalsSet { goals { version target staff { id } } }
  ... on Problem { code path } } }"""
READ = """query($unit: ID!, $period: String) { unit(id: $unit) {
  goalProgress(period: $period) { metric target actual below { goals target gap } }
  children(first: 5) { nodes { id goalProgress(period: $period) { metric target actual elapsed
    forecast { value method days refusal } } } } }
  goals(first: 5) { nodes { target staff { id } isCurrent } } }"""


async def test_a12_goals_are_set_and_read_down_the_tree_through_the_gateway(
    api: Api, graph: Graph, inbox: Inbox
) -> None:
    region = await make_unit(api, kind="region")
    store = await make_unit(api, region)
    seller = await make_staff(api, store)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(region["id"],)).principal
    period = period_of(now())
    given = {
        "period": period,
        "metric": "LEADS_ACCEPTED",
        "goals": [{"staffId": seller["id"], "target": 8}],
    }
    await deliver(api, inbox, accepted(seller, at=now() - timedelta(seconds=1)))

    made = await graph.ask(manager, SET, input={**given, "idempotencyKey": "goals-1"})
    again = await graph.ask(manager, SET, input={**given, "idempotencyKey": "goals-1"})
    refused = await graph.ask(
        manager, SET, input={**given, "goals": [{"staffId": f"staff_{'0' * 26}", "target": 1}]}
    )
    found = await graph.ask(manager, READ, unit=region["id"], period=period)

    goal = {"version": 1, "target": 8, "staff": {"id": seller["id"]}}
    assert made == again == {"setStaffGoals": {"goals": [goal]}}
    assert refused["setStaffGoals"] == {
        "code": "unknown_staff",
        "path": ["input", "goals", "0", "staffId"],
    }
    of_region = found["unit"]["goalProgress"][1]
    assert of_region == {
        "metric": "LEADS_ACCEPTED",
        "target": None,
        "actual": 1,
        "below": {"goals": 1, "target": 8, "gap": None},
    }
    (child,) = found["unit"]["children"]["nodes"]
    assert child["id"] == store["id"]
    assert child["goalProgress"][1]["actual"] == 1
    assert child["goalProgress"][1]["forecast"]["refusal"].startswith("not enough data: 0 days")
    assert found["goals"]["nodes"] == [
        {"target": 8, "staff": {"id": seller["id"]}, "isCurrent": True}
    ]


@pytest.mark.parametrize("period", ["20２６-12", "2026-1２", "2026-13", "2026-Q5"])
async def test_a12_a_period_is_written_in_one_way(api: Api, period: str) -> None:
    unit = await make_unit(api)
    goals = {"metric": "posts_published", "goals": [{"unit_id": unit["id"], "target": 5}]}

    problem = await api.refuse("/goals/of-units", {**goals, "period": period})

    assert (problem["status"], problem["field"]) == (422, "/period")
