"""What is done in communities pays once for each activity, and a void takes it back."""

from datetime import timedelta

import pytest

from account_svc.consumers import HANDLERS
from account_svc.models import BadFormula, Trigger
from account_svc.models.formula import check_formula
from shared.database import Sessions
from shared.events.account import IncentivePosted, IncentiveReversed
from shared.events.lead import (
    CommunityActivityKind,
    CommunityRole,
)
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import (
    AT,
    RULE,
    activity_of,
    activity_voided,
    deliver,
    envelope,
    ledger,
    make_rule,
    race,
)
from tests.account_svc.making import Api, make_staff
from tests.caller import Json, uuid_of


async def test_a11_each_activity_pays_who_did_it_once_however_often_it_is_told(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, trigger="community_activity", amount=3)
    community_id = uuid7()
    told = [activity_of(seller, community_id=community_id) for _ in range(2)]

    await deliver(api, inbox, *told)
    await deliver(api, inbox, told[0], first_version=3)

    entries = await ledger(api)
    assert {entry["cause"] for entry in entries} == {
        typed("activity", each.activity_id) for each in told
    }
    assert [(entry["amount"], entry["debit"], entry["credit"]) for entry in entries] == [
        (3, "rewards/community_activity", seller["id"])
    ] * 2
    assert [type(each) for each in await api.events("kos.incentive")] == [IncentivePosted] * 2


async def test_a11_a_voided_activity_is_taken_back_in_the_ledger_and_in_the_race(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    first, second = await make_staff(api), await make_staff(api)
    await make_rule(api, trigger="community_activity", amount=5)
    done = [activity_of(first), activity_of(first), activity_of(second)]

    await deliver(api, inbox, *done)
    before = await race(api, worker_sessions)
    await deliver(api, inbox, activity_voided(done[0]), activity_voided(done[1]), first_version=2)
    after = await race(api, worker_sessions)

    assert [row["points"] for row in before] == [10, 5]
    assert [(row["store_id"], row["points"]) for row in after] == [
        (second["unit_id"], 5),
        (first["unit_id"], 0),
    ]
    assert {(row["accepted_leads"], row["deals"], row["voided_leads"]) for row in after} == {
        (0, 0, 0)
    }
    assert sorted(entry["amount"] for entry in await ledger(api)) == [-5, -5, 5, 5, 5]
    kinds = [type(each) for each in await api.events("kos.incentive")]
    assert kinds.count(IncentiveReversed) == 2


async def test_a11_a_void_that_comes_before_its_activity_leaves_nothing(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    """Not as it is sent: another consumer, or a replay of parts, may meet them so."""
    await make_rule(api, trigger="community_activity", amount=5)
    done = activity_of(seller)

    await inbox.take([envelope(api.brand_id, activity_voided(done), 1)])
    await inbox.take([envelope(api.brand_id, done, 2)])

    assert [entry["amount"] for entry in await ledger(api)] == [5, -5]
    assert [row["points"] for row in await race(api, worker_sessions)] == [0]


async def test_a11_a_formula_pays_by_what_was_done_as_whom_and_on_whose_word(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    formula = (
        '(8 if kind == "event_held" else 2) * (1 if done_as == "host" else 3)'
        " * (0 if self_recorded and not has_external_id else 1)"
    )
    await make_rule(api, trigger="community_activity", amount=0, formula=formula)
    own = uuid_of(seller["id"])

    for overrides in (
        {"kind": CommunityActivityKind.EVENT_HELD},
        {"done_as": CommunityRole.DEPUTY, "recorded_by": uuid7()},
        {"recorded_by": own},
        {"recorded_by": own, "has_external_id": True},
    ):
        await deliver(api, inbox, activity_of(seller, **overrides))

    assert sorted(entry["amount"] for entry in await ledger(api)) == [0, 2, 6, 8]


@pytest.mark.parametrize("formula", ["score", "amount + 1", '5 if kind > 3 else "x"', "kind * 2"])
def test_a11_a_formula_of_activities_names_their_facts_alone(formula: str) -> None:
    with pytest.raises(BadFormula):
        check_formula(Trigger.COMMUNITY_ACTIVITY, formula)


async def test_a11_a_first_rule_for_activities_does_not_reach_back_over_one_that_came(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await deliver(api, inbox, activity_of(seller))
    rule = {**RULE, "trigger": "community_activity"}

    problem = await api.refuse("/incentive-rules", {**rule, "valid_from": AT.isoformat()})

    assert (problem["code"], problem["field"]) == ("rule_in_the_past", "/valid_from")
    after = (AT + timedelta(seconds=1)).isoformat()
    await make_rule(api, trigger="community_activity", valid_from=after)
    assert await ledger(api) == []


async def test_a11_many_activities_at_once_are_a_burst_and_what_hosts_note_is_no_made_up_lead(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await api.put("/race-policy", {"checks": {"burst_entries": 4, "burst_minutes": 10}})
    await make_rule(api, trigger="community_activity")
    own = uuid_of(seller["id"])
    minutes = [0, 30, 33, 36, 39, 80]

    for minute in minutes:
        at = AT + timedelta(minutes=minute)
        await deliver(api, inbox, activity_of(seller, recorded_by=own, at=at))

    found = (await api.get("/ledger/suspicions", period="2026-11"))["items"]
    assert len(found) == 4
    assert {(r["kind"], r["count"]) for each in found for r in each["reasons"]} == {("burst", 4)}


async def test_a11_activities_taken_in_again_by_another_consumer_pay_nothing_more(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api, trigger="community_activity", amount=5)
    community_id = uuid7()
    done = [activity_of(seller, community_id=community_id) for _ in range(3)]
    sent = await deliver(api, inbox, *done, activity_voided(done[1]))
    before = await ledger(api)

    await Inbox(f"replay-{uuid7()}", HANDLERS, worker_sessions, bytes(32)).take(sent)

    assert await ledger(api) == before
    assert len(before) == 4
