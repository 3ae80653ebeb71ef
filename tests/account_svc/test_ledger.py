"""Rules as data, and the ledger that facts fill once."""

import asyncio
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from account_svc.consumers import on_lead_accepted
from account_svc.models import RuleFacts, Trigger
from account_svc.use_cases.incentives import set_rule
from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Received
from shared.events.account import IncentivePosted, IncentiveReversed, Platform
from shared.events.content import PostPublished
from shared.events.lead import DealVoided, DealWon
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import (
    AT,
    RULE,
    accepted,
    deal,
    deliver,
    envelope,
    lead_voided,
    ledger,
    make_rule,
    race,
)
from tests.account_svc.making import Api, make_staff
from tests.caller import Json, uuid_of


async def test_a11_an_accepted_lead_pays_once_and_is_announced(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    rule = await make_rule(api)
    event = accepted(seller)

    await deliver(api, inbox, event)

    (entry,) = await ledger(api)
    assert entry == {
        "id": entry["id"],
        "staff_id": seller["id"],
        "unit_id": seller["unit_id"],
        "rule_id": rule["id"],
        "rule_version": 1,
        "cause": typed("lead", event.lead_id),
        "debit": "rewards/lead_accepted",
        "credit": seller["id"],
        "amount": 10,
        "currency": "points",
        "earned_at": "2026-11-10T03:00:00Z",
        "reverses_id": None,
    }
    assert await api.events_with_versions("kos.incentive") == [
        (
            IncentivePosted(
                entry_id=uuid_of(entry["id"]),
                staff_id=uuid_of(seller["id"]),
                unit_id=uuid_of(seller["unit_id"]),
                rule_id=uuid_of(rule["id"]),
                rule_version=1,
                cause=entry["cause"],
                amount=10,
                currency="points",
                earned_at=AT,
            ),
            1,
        )
    ]


async def test_a11_one_cause_pays_once_even_when_told_again(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api)
    event = accepted(seller)

    await deliver(api, inbox, event, event)

    assert len(await ledger(api)) == 1
    assert len(await api.events("kos.incentive")) == 1


async def test_a11_a_void_takes_back_by_a_counter_entry(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api)
    lead_id = uuid7()

    await deliver(api, inbox, accepted(seller, lead_id), lead_voided(lead_id))

    entry, counter = await ledger(api)
    assert (entry["amount"], entry["reverses_id"]) == (10, None)
    assert (counter["amount"], counter["reverses_id"]) == (-10, entry["id"])
    assert (counter["debit"], counter["credit"]) == (entry["credit"], entry["debit"])
    assert (await api.events("kos.incentive"))[-1] == IncentiveReversed(
        entry_id=uuid_of(counter["id"]),
        staff_id=uuid_of(seller["id"]),
        unit_id=uuid_of(seller["unit_id"]),
        reverses_id=uuid_of(entry["id"]),
        cause=typed("lead", lead_id),
        amount=-10,
        currency="points",
    )


async def test_a11_a_void_that_comes_first_ends_the_same(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    lead_id = uuid7()

    await deliver(api, inbox, lead_voided(lead_id), accepted(seller, lead_id))

    assert [entry["amount"] for entry in await ledger(api)] == [10, -10]
    assert [standing["points"] for standing in await race(api, worker_sessions)] == [0]


async def test_a11_a_deal_pays_its_rate_and_a_void_takes_it_back(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, trigger="deal_won", amount=500, rate_bp=100, currency="CNY")
    facts = deal(seller, uuid7())

    await deliver(
        api, inbox, DealWon(**facts, closed_at=AT), DealVoided(**facts, reason="refunded")
    )

    entries = await ledger(api)
    assert [(entry["amount"], entry["currency"]) for entry in entries] == [
        (20_499, "CNY"),
        (-20_499, "CNY"),
    ]
    assert {entry["cause"] for entry in entries} == {typed("deal", facts["deal_id"])}


async def test_a11_a_published_post_pays_only_by_a_rule(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    published = [
        PostPublished(
            post_id=uuid7(),
            account_id=uuid7(),
            platform=Platform.XIAOHONGSHU,
            staff_id=uuid_of(seller["id"]),
            unit_id=uuid_of(seller["unit_id"]),
            platform_post_id="p",
            url=None,
            published_at=AT + timedelta(minutes=minutes),
        )
        for minutes in (0, 2)
    ]

    await deliver(api, inbox, published[0])
    between = AT + timedelta(minutes=1)
    await make_rule(api, trigger="post_published", amount=2, valid_from=between.isoformat())
    await deliver(api, inbox, published[1])

    assert [(entry["cause"], entry["amount"]) for entry in await ledger(api)] == [
        (typed("post", published[1].post_id), 2)
    ]


async def test_a11_the_version_valid_when_it_happened_decides(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    tomorrow = now() + timedelta(days=1)
    await make_rule(api)
    await make_rule(api, amount=25, valid_from=tomorrow.isoformat())

    await deliver(api, inbox, accepted(seller, at=now()))
    with time_machine.travel(tomorrow + timedelta(hours=1)):
        await deliver(api, inbox, accepted(seller, at=now()))

    assert [(entry["amount"], entry["rule_version"]) for entry in await ledger(api)] == [
        (10, 1),
        (25, 2),
    ]


async def test_a11_a_fact_told_before_its_instant_is_paid_as_of_when_it_was_told(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await make_rule(api, trigger="deal_won")
    await make_rule(
        api, trigger="deal_won", amount=25, valid_from=(now() + timedelta(days=1)).isoformat()
    )
    won = deal(seller, uuid7())

    (sent,) = await deliver(api, inbox, DealWon(**won, closed_at=now() + timedelta(days=40)))

    (entry,) = await ledger(api)
    assert (entry["amount"], entry["rule_version"]) == (10, 1)
    assert datetime.fromisoformat(entry["earned_at"]) == sent.occurred_at
    await make_rule(api, trigger="deal_won", amount=30, valid_from=None)


@pytest.mark.parametrize("before", [{}, {"is_active": False}])
async def test_a11_a_fact_of_a_far_day_from_before_such_counted_otherwise_holds_up_no_rule(
    api: Api, worker_sessions: Sessions, seller: Json, before: Json
) -> None:
    await make_rule(api, **before)
    far = now() + timedelta(days=10_000)
    told = Received(
        event=accepted(seller, at=far),
        event_id=uuid7(),
        brand_id=api.brand_id,
        version=1,
        occurred_at=far,
    )
    async with brand_session(worker_sessions, api.brand_id) as session:
        await on_lead_accepted(session, told)

    rule = await make_rule(api, amount=25, valid_from=None)

    assert datetime.fromisoformat(rule["valid_from"]) <= now()


async def test_a11_no_fact_is_paid_while_a_rule_is_set_and_it_is_paid_by_the_new_one_then(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    facts = RuleFacts(trigger=Trigger.LEAD_ACCEPTED, amount=25, currency="points")

    async with brand_session(api.sessions, api.brand_id) as session:
        await set_rule(session, api.principal, facts)
        told = accepted(seller, at=now())
        await inbox.take([envelope(api.brand_id, told)])
        before = await ledger(api)
    with time_machine.travel(now() + timedelta(minutes=5)):
        assert await inbox.retry_due()

    assert before == []
    assert [(entry["amount"], entry["rule_version"]) for entry in await ledger(api)] == [(25, 2)]


async def test_a11_a_rule_waits_for_a_fact_that_is_being_paid_and_begins_after_it(
    api: Api, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    ahead = now() + timedelta(milliseconds=900)

    async with brand_session(worker_sessions, api.brand_id) as session:
        received = Received(
            event=accepted(seller, at=ahead),
            event_id=uuid7(),
            brand_id=api.brand_id,
            version=1,
            occurred_at=now(),
        )
        await on_lead_accepted(session, received)
        setting = asyncio.create_task(make_rule(api, amount=25, valid_from=None))
        await asyncio.sleep(0.3)
        assert not setting.done()
    rule = await setting

    (entry,) = await ledger(api)
    assert (entry["amount"], datetime.fromisoformat(entry["earned_at"])) == (10, ahead)
    assert datetime.fromisoformat(rule["valid_from"]) > ahead


async def test_a11_a_deal_of_more_than_money_can_be_holds_up_no_other_fact_of_it(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api, trigger="deal_won", amount=7)
    won = deal(seller, uuid7(), amount_minor=2**63)
    owed = deal(seller, uuid7(), amount_minor=-1)

    await deliver(
        api,
        inbox,
        DealWon(**won, closed_at=AT),
        DealVoided(**won, reason="typing error"),
        DealWon(**owed, closed_at=AT),
    )

    assert sorted(entry["amount"] for entry in await ledger(api)) == [-7, 7, 7]


async def test_a11_a_formula_that_fails_for_a_fact_pays_nothing_and_holds_nothing_up(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api, trigger="deal_won", amount=0, formula="50 + 0 * (1 % (amount - 777))")
    won = deal(seller, uuid7(), amount_minor=777)
    next_won = deal(seller, uuid7(), amount_minor=779)

    await deliver(
        api,
        inbox,
        DealWon(**won, closed_at=AT),
        DealVoided(**won, reason="returned"),
        DealWon(**next_won, closed_at=AT),
    )

    assert sorted(entry["amount"] for entry in await ledger(api)) == [0, 0, 50]
    assert [store["deals"] for store in await race(api, worker_sessions)] == [1]
    (failed,) = [row for row in await api.audited() if row[1] == "rule.fail"]
    assert failed[0] == "system:rewards"


async def test_a11_a_first_version_cannot_reach_back_over_what_nothing_was_paid_for(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    await deliver(api, inbox, accepted(seller, at=AT))

    problem = await api.refuse("/incentive-rules", {**RULE, "valid_from": AT.isoformat()})

    assert (problem["code"], problem["field"]) == ("rule_in_the_past", "/valid_from")
    await make_rule(api, valid_from=(AT + timedelta(seconds=1)).isoformat())


async def test_a11_a_rule_can_be_ended_by_a_version(api: Api, inbox: Inbox, seller: Json) -> None:
    await make_rule(api)
    await make_rule(api, valid_from=None, is_active=False)

    await deliver(api, inbox, accepted(seller, at=AT), accepted(seller, at=now()))

    assert [entry["earned_at"] for entry in await ledger(api)] == ["2026-11-10T03:00:00Z"]


async def test_a11_a_later_version_cannot_reach_into_the_past(api: Api) -> None:
    await make_rule(api)

    problem = await api.refuse("/incentive-rules", {**RULE, "valid_from": AT.isoformat()})

    assert (problem["status"], problem["code"], problem["field"]) == (
        422,
        "rule_in_the_past",
        "/valid_from",
    )
    assert len((await api.get("/incentive-rules"))["items"]) == 1


async def test_a11_a_formula_pays_by_what_the_event_tells(
    api: Api, inbox: Inbox, seller: Json
) -> None:
    rule = await make_rule(api, amount=0, formula='20 if grade == "A" else score // 10')

    await deliver(
        api,
        inbox,
        accepted(seller, at=AT, grade="A", score=91),
        accepted(seller, at=AT + timedelta(minutes=1), grade="B", score=64),
        accepted(seller, at=AT + timedelta(minutes=2)),
    )

    assert rule["formula"] == '20 if grade == "A" else score // 10'
    assert [entry["amount"] for entry in await ledger(api)] == [20, 6, 0]


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("amount // 100", "the name at byte 1 is unknown here; lead_accepted tells"),
        ("score - 50", "pays -50, which is not between 0 and"),
        ("__import__('os')", "only min and max of two or more values may be called"),
    ],
)
async def test_a11_a_formula_that_cannot_pay_is_refused_by_name(
    api: Api, formula: str, reason: str
) -> None:
    problem = await api.refuse("/incentive-rules", {**RULE, "amount": 0, "formula": formula})

    assert (problem["status"], problem["field"]) == (422, "/formula")
    assert reason in problem["detail"]
    assert (await api.get("/incentive-rules"))["items"] == []


@pytest.mark.parametrize("after", [{"is_active": False}, {"currency": "CNY"}])
async def test_a11_a_budget_holds_in_the_month_in_which_its_rule_ends(
    api: Api, inbox: Inbox, seller: Json, after: Json
) -> None:
    at = now()
    await make_rule(api, monthly_budget=25)
    for _ in range(3):
        await deliver(api, inbox, accepted(seller, at=at))

    await make_rule(api, valid_from=None, **after)

    (line,) = (await api.get(f"/staff/{seller['id']}/statement"))["lines"]
    assert (line["earned"], line["over_budget"], line["payable"]) == (30, 5, 25)


async def test_a11_a_budget_pays_in_the_order_of_earning_and_a_void_makes_room(
    api: Api, inbox: Inbox
) -> None:
    first, second = [await make_staff(api) for _ in range(2)]
    await make_rule(api, monthly_budget=25)
    lead_ids = [uuid7() for _ in range(4)]
    earners = [first, second, second, first]
    # told out of order: the budget goes by when they were earned
    order = [3, 1, 0, 2]
    sent = await deliver(
        api,
        inbox,
        *(accepted(earners[n], lead_ids[n], at=AT + timedelta(minutes=n)) for n in order),
        accepted(first, at=AT - timedelta(days=31)),
    )
    before = [await _line(api, one) for one in (first, second)]

    void = envelope(api.brand_id, lead_voided(lead_ids[0]), version=sent[2].version + 1)
    await inbox.take([void])

    # 10 and 10 and half of the third fit into 25; the fourth does not
    assert [_money(line) for line in before] == [(2, 20, 0, 10, 10), (2, 20, 0, 5, 15)]
    after = [await _line(api, one) for one in (first, second)]
    assert [_money(line) for line in after] == [(2, 20, 10, 5, 5), (2, 20, 0, 0, 20)]
    assert (await api.get(f"/staff/{first['id']}/statement", period="2026-10"))["lines"] == [
        {
            "trigger": "lead_accepted",
            "currency": "points",
            "entries": 1,
            "earned": 10,
            "taken_back": 0,
            "over_budget": 0,
            "payable": 10,
        }
    ]


async def _line(api: Api, seller: Json) -> Json:
    statement = await api.get(f"/staff/{seller['id']}/statement", period="2026-11")
    assert (statement["staff_id"], statement["period"]) == (seller["id"], "2026-11")
    (line,) = statement["lines"]
    return dict(line)


def _money(line: Json) -> tuple[int, ...]:
    return tuple(
        line[name] for name in ("entries", "earned", "taken_back", "over_budget", "payable")
    )


async def test_a11_both_sides_of_the_ledger_are_equal(api: Api, inbox: Inbox, seller: Json) -> None:
    await make_rule(api)
    await make_rule(api, trigger="deal_won", amount=500, currency="CNY")
    lead_id = uuid7()

    await deliver(
        api,
        inbox,
        accepted(seller, lead_id),
        accepted(seller),
        DealWon(**deal(seller, uuid7()), closed_at=AT),
        lead_voided(lead_id),
    )

    balances = await api.get("/ledger/balances", period="2026-11")
    assert balances["items"] == [
        {"account": "rewards/deal_won", "currency": "CNY", "debit": 500, "credit": 0},
        {"account": "sellers", "currency": "CNY", "debit": 0, "credit": 500},
        {"account": "rewards/lead_accepted", "currency": "points", "debit": 20, "credit": 10},
        {"account": "sellers", "currency": "points", "debit": 10, "credit": 20},
    ]


@pytest.mark.parametrize("period", ["0000-01", "9999-12", "2026-13", "2026-1", "soon"])
async def test_a_month_that_no_ledger_has_is_refused(api: Api, seller: Json, period: str) -> None:
    for path in ("/ledger/balances", f"/staff/{seller['id']}/statement", "/race", "/race-policy"):
        answer = await api.request("GET", path, params={"period": period})
        assert (answer.status_code, answer.json()["field"]) == (422, "/period"), path


async def test_g2_a_statement_is_seen_by_extent(api: Api, other_api: Api, seller: Json) -> None:
    other = await make_staff(api)
    path = f"/staff/{seller['id']}/statement"

    mine = await api.acting(Role.KOS, staff_id=seller["id"]).get(path)

    assert mine["lines"] == []
    for stranger in (
        other_api,
        api.acting(Role.KOS, staff_id=other["id"]),
        api.acting(Role.STORE_MANAGER, unit_ids=(other["unit_id"],)),
    ):
        answer = await stranger.request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "staff_not_found")


async def test_a11_the_ledger_is_append_only(
    api: Api, inbox: Inbox, sessions: Sessions, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    await deliver(api, inbox, accepted(seller))

    for role in (sessions, worker_sessions):
        for statement in ("update ledger_entry set amount = 99", "delete from ledger_entry"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with brand_session(role, api.brand_id) as session:
                    await session.execute(text(statement))

    assert [entry["amount"] for entry in await ledger(api)] == [10]
