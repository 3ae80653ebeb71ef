"""Rules as data, the ledger that facts fill once, and the race that follows from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from account_svc.consumers import HANDLERS
from account_svc.use_cases.incentives import fold_standings
from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.envelope import Envelope, of_headers
from shared.events import Event
from shared.events.account import IncentivePosted, IncentiveReversed, Platform
from shared.events.content import PostPublished
from shared.events.lead import DealVoided, DealWon, LeadAccepted, LeadVoided
from shared.ids import typed, uuid7
from shared.inbox import Inbox
from shared.outbox import row as outbox_row
from tests.account_svc.making import Api, Json, make_staff, make_unit, uuid_of

AT = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
RULE = {"trigger": "lead_accepted", "amount": 10, "currency": "points"}


@pytest.fixture
def inbox(worker_sessions: Sessions) -> Inbox:
    """A consumer of this test alone, with the service's handlers."""
    return Inbox(f"test-{uuid7()}", HANDLERS, worker_sessions, bytes(32))


@pytest.fixture
async def seller(api: Api) -> Json:
    return await make_staff(api)


async def make_rule(api: Api, **overrides: Any) -> Json:
    return await api.post(
        "/incentive-rules",
        {"valid_from": (AT - timedelta(days=365)).isoformat(), **RULE, **overrides},
    )


def accepted(seller: Json, lead_id: UUID | None = None, at: datetime = AT) -> LeadAccepted:
    return LeadAccepted(
        lead_id=lead_id or uuid7(),
        offer_id=uuid7(),
        contact_id=uuid7(),
        staff_id=uuid_of(seller["id"]),
        unit_id=uuid_of(seller["unit_id"]),
        account_id=None,
        post_id=None,
        campaign_id=None,
        accepted_at=at,
    )


def lead_voided(lead_id: UUID) -> LeadVoided:
    return LeadVoided(
        lead_id=lead_id,
        reason="spam",
        staff_id=None,
        unit_id=None,
        account_id=None,
        post_id=None,
        campaign_id=None,
    )


def deal(seller: Json, deal_id: UUID, *, amount_minor: int = 1_999_900) -> dict[str, Any]:
    return {
        "deal_id": deal_id,
        "lead_id": uuid7(),
        "contact_id": uuid7(),
        "staff_id": uuid_of(seller["id"]),
        "unit_id": uuid_of(seller["unit_id"]),
        "account_id": None,
        "post_id": None,
        "campaign_id": None,
        "amount_minor": amount_minor,
        "currency": "CNY",
    }


def envelope(brand_id: UUID, event: Event, version: int = 1) -> Envelope:
    sent = outbox_row(brand_id, event, version)
    return of_headers(sent["headers"], key=sent["key"], topic=sent["topic"], payload=event.data())


async def deliver(api: Api, inbox: Inbox, *events: Event) -> list[Envelope]:
    """Each event twice, as one aggregate's next version."""
    versions: dict[str, int] = {}
    sent = []
    for event in events:
        versions[event.subject] = versions.get(event.subject, 0) + 1
        sent.append(envelope(api.brand_id, event, versions[event.subject]))
    for one in sent:
        await inbox.take([one])
        await inbox.take([one])
    return sent


async def ledger(api: Api) -> list[Json]:
    """Oldest first."""
    items: list[Json] = (await api.get("/ledger"))["items"]
    return items[::-1]


async def race(api: Api, sessions: Sessions, period: str = "2026-11") -> list[Json]:
    await fold_standings(sessions)
    items: list[Json] = (await api.get("/race", period=period))["items"]
    return items


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
            published_at=AT,
        )
        for _ in range(2)
    ]

    await deliver(api, inbox, published[0])
    await make_rule(api, trigger="post_published", amount=2)
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

    await deliver(
        api, inbox, accepted(seller, at=now()), accepted(seller, at=tomorrow + timedelta(hours=1))
    )

    assert [(entry["amount"], entry["rule_version"]) for entry in await ledger(api)] == [
        (10, 1),
        (25, 2),
    ]


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


async def test_a11_replaying_all_events_gives_the_same_ledger(
    api: Api, other_api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    sellers = [await make_staff(api) for _ in range(3)]
    for brand in (api, other_api):
        await make_rule(brand)
        await make_rule(brand, trigger="deal_won", rate_bp=50)
    lead_ids, deal_ids = [uuid7() for _ in range(6)], [uuid7() for _ in range(3)]
    won = [deal(seller, deal_id) for seller, deal_id in zip(sellers, deal_ids, strict=True)]
    sent = await deliver(
        api,
        inbox,
        *(accepted(sellers[n % 3], lead_id) for n, lead_id in enumerate(lead_ids)),
        *(DealWon(**facts, closed_at=AT) for facts in won),
        lead_voided(lead_ids[0]),
        lead_voided(lead_ids[3]),
        DealVoided(**won[1], reason="refunded"),
    )
    before, standings = await ledger(api), await race(api, worker_sessions)
    assert len(before) == 12

    # everything again from the beginning, to a consumer that remembers nothing
    again = Inbox(f"replay-{uuid7()}", HANDLERS, worker_sessions, bytes(32))
    await again.take(sent)
    # and to a ledger that is empty, the aggregates in another order
    elsewhere = [
        replace(one, brand_id=other_api.brand_id, event_id=uuid7())
        for one in sorted(sent, key=lambda one: (one.key[::-1], one.version))
    ]
    await Inbox(f"rebuild-{uuid7()}", HANDLERS, worker_sessions, bytes(32)).take(elsewhere)

    assert await ledger(api) == before
    assert await race(api, worker_sessions) == standings
    assert sorted(map(_facts, await ledger(other_api))) == sorted(map(_facts, before))


def _facts(entry: Json) -> tuple[str, str, int, str, str]:
    return entry["cause"], entry["staff_id"], entry["amount"], entry["currency"], entry["earned_at"]


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


async def test_a11_a_voided_lead_moves_the_ranking_back(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    first, second = [await make_staff(api) for _ in range(2)]
    await make_rule(api)
    lead_ids = [uuid7() for _ in range(3)]
    taken = [accepted(first, lead_ids[0]), accepted(second, lead_ids[1])]
    sent = await deliver(api, inbox, *taken, accepted(second, lead_ids[2]))
    before = await race(api, worker_sessions)

    void = envelope(api.brand_id, lead_voided(lead_ids[2]), version=sent[2].version + 1)
    await inbox.take([void])
    after_one = await race(api, worker_sessions)
    void = envelope(api.brand_id, lead_voided(lead_ids[1]), version=sent[1].version + 1)
    await inbox.take([void])
    after_two = await race(api, worker_sessions)

    def order(standings: Sequence[Json]) -> list[tuple[int, str, int, int]]:
        return [
            (one["rank"], one["store_id"], one["points"], one["accepted_leads"])
            for one in standings
        ]

    one, two = first["unit_id"], second["unit_id"]
    assert order(before) == [(1, two, 20, 2), (2, one, 10, 1)]
    assert sorted(order(after_one)) == sorted([(1, one, 10, 1), (1, two, 10, 1)])
    assert order(after_two) == [(1, one, 10, 1), (2, two, 0, 0)]


async def test_a11_a_team_runs_for_its_store_and_head_office_does_not_run(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    store = await make_unit(api)
    team = await make_unit(api, store, kind="team")
    in_team, in_office = await make_staff(api, team), await make_staff(api, await api.root())
    await make_rule(api)

    await deliver(api, inbox, accepted(in_team), accepted(in_office))

    standings = await race(api, worker_sessions)
    assert [(one["store_id"], one["points"]) for one in standings] == [(store["id"], 10)]
    assert len(await ledger(api)) == 2


async def test_a11_a_month_is_compared_with_the_stores_own_month_before(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    october = AT - timedelta(days=31)

    await deliver(
        api, inbox, accepted(seller, at=october), *(accepted(seller, at=AT) for _ in range(2))
    )

    (standing,) = await race(api, worker_sessions)
    assert (standing["points"], standing["previous_points"]) == (20, 10)
    (before,) = await race(api, worker_sessions, "2026-10")
    assert (before["points"], before["previous_points"]) == (10, 0)


async def test_a11_equal_points_are_told_apart_by_deals_then_share_the_rank(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    sellers = [await make_staff(api) for _ in range(4)]
    await make_rule(api)
    await make_rule(api, trigger="deal_won")

    await deliver(
        api,
        inbox,
        DealWon(**deal(sellers[3], uuid7()), closed_at=AT),
        *(accepted(seller) for seller in sellers[:3]),
    )

    standings = await race(api, worker_sessions)
    assert [one["rank"] for one in standings] == [1, 2, 2, 2]
    assert standings[0]["store_id"] == sellers[3]["unit_id"]
    first = await api.get("/race", period="2026-11", first=3)
    rest = await api.get("/race", period="2026-11", first=3, after=first["page"]["end_cursor"])
    assert [*first["items"], *rest["items"]] == standings


async def test_a11_two_workers_fold_the_race_without_counting_twice(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    await deliver(api, inbox, *(accepted(seller) for _ in range(5)))

    await asyncio.gather(*(fold_standings(worker_sessions) for _ in range(4)))

    (standing,) = await race(api, worker_sessions)
    assert (standing["points"], standing["accepted_leads"]) == (50, 5)


async def test_g2_the_ledger_is_seen_by_extent_and_the_race_by_all(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    mine, theirs = await make_staff(api), await make_staff(api)
    await make_rule(api)
    await deliver(api, inbox, accepted(mine), accepted(theirs))
    entries = await ledger(api)
    seller = api.acting(Role.KOS, staff_id=mine["id"])
    manager = api.acting(Role.STORE_MANAGER, unit_ids=(theirs["unit_id"],))

    assert await ledger(seller) == [entries[0]]
    assert await ledger(manager) == [entries[1]]
    assert (await api.get("/ledger", unit_id=mine["unit_id"]))["items"] == [entries[0]]
    assert await seller.by_ids("/ledger", *(entry["id"] for entry in entries)) == {
        "items": [entries[0]],
        "missing": [entries[1]["id"]],
    }
    assert len(await race(seller, worker_sessions)) == 2


async def test_g2_a_brand_earns_and_races_by_itself(
    api: Api, other_api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    await make_rule(other_api, amount=77)

    await deliver(api, inbox, accepted(seller))

    assert [entry["amount"] for entry in await ledger(api)] == [10]
    assert await ledger(other_api) == []
    assert await race(other_api, worker_sessions) == []
