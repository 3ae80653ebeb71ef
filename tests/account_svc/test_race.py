"""The stores' race follows from the ledger."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from account_svc.use_cases.race import fold_standings
from shared.access import Role
from shared.database import Sessions
from shared.events.lead import DealWon
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.web.pages import encode_cursor
from tests.account_svc.earning import (
    AT,
    accepted,
    deal,
    deliver,
    envelope,
    lead_voided,
    ledger,
    make_rule,
    race,
)
from tests.account_svc.making import Api, make_staff, make_unit
from tests.caller import Json


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


@pytest.mark.parametrize("rank", ["9" * 30, "1", 2**64 - 1])
async def test_a_rank_that_no_race_has_is_no_cursor(api: Api, rank: str | int) -> None:
    answer = await api.request("GET", f"/race?after={encode_cursor(rank, str(uuid7()))}")

    assert (answer.status_code, answer.json()["field"]) == (422, "/after")


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
    later = AT + timedelta(minutes=1)
    await deliver(api, inbox, accepted(mine), accepted(theirs, at=later))
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


LEAGUES = [
    {"code": "small", "name": "小店"},
    {"code": "large", "name": "大店", "min_sellers": 3},
    {"code": "busy", "name": "旺店", "min_leads": 2},
]


async def test_a11_a_small_store_wins_in_its_league_and_by_its_own_progress(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    small, large = [await make_unit(api) for _ in range(2)]
    alone = await make_staff(api, small)
    many = [await make_staff(api, large) for _ in range(3)]
    await make_rule(api)
    october = AT - timedelta(days=31)

    await deliver(
        api,
        inbox,
        accepted(alone, at=october),
        *(accepted(seller, at=october) for seller in many),
        *(accepted(alone) for _ in range(3)),
        *(accepted(seller) for seller in [*many, many[0]]),
    )

    await race(api, worker_sessions)
    by_points = (await api.get("/race", period="2026-11"))["items"]
    assert [(one["store_id"], one["points"]) for one in by_points] == [
        (large["id"], 40),
        (small["id"], 30),
    ]
    await api.put("/race-policy", {"leagues": LEAGUES[:2], "ranked_by": "progress"})
    leagues = [
        (await api.get("/race", period="2026-11", league=code))["items"]
        for code in ("small", "large")
    ]
    assert [[one["store_id"] for one in league] for league in leagues] == [
        [small["id"]],
        [large["id"]],
    ]
    assert [(one["league"], one["sellers"], one["rank"]) for [one] in leagues] == [
        ("small", 1, 1),
        ("large", 3, 1),
    ]
    progress = (await api.get("/race", period="2026-11"))["items"]
    # (30 + 100) / (10 + 100) against (40 + 100) / (30 + 100)
    assert [(one["store_id"], round(one["score"], 3)) for one in progress] == [
        (small["id"], 1.182),
        (large["id"], 1.077),
    ]


async def test_a11_a_league_is_by_the_traffic_of_the_month_before_too(
    api: Api, inbox: Inbox, worker_sessions: Sessions, seller: Json
) -> None:
    await make_rule(api)
    await api.put("/race-policy", {"leagues": LEAGUES})
    october = AT - timedelta(days=31)

    await deliver(api, inbox, accepted(seller), *(accepted(seller, at=october) for _ in range(2)))

    assert [one["league"] for one in await race(api, worker_sessions)] == ["busy"]


async def test_a11_a_store_whose_leads_are_void_ranks_behind_with_the_reason(
    api: Api, inbox: Inbox, worker_sessions: Sessions
) -> None:
    honest, careless = [await make_staff(api) for _ in range(2)]
    await make_rule(api)
    await api.put("/race-policy", {"max_voided_percent": 30})
    lead_ids = [uuid7() for _ in range(5)]

    await deliver(
        api,
        inbox,
        accepted(honest),
        *(accepted(careless, lead_id) for lead_id in lead_ids),
        *(lead_voided(lead_id) for lead_id in lead_ids[:2]),
    )

    standings = await race(api, worker_sessions)
    assert [(one["store_id"], one["points"], one["is_eligible"]) for one in standings] == [
        (honest["unit_id"], 10, True),
        (careless["unit_id"], 30, False),
    ]
    assert [one["ineligible_because"] for one in standings] == [
        None,
        "2 of 5 leads were voided; at most 30 % may be",
    ]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"leagues": []}, "/leagues", "at least 1 item"),
        ({"leagues": LEAGUES[1:]}, "/leagues", "the first league takes every store"),
        ({"leagues": [LEAGUES[0], LEAGUES[0]]}, "/leagues", "two leagues have the same code"),
        ({"ranked_by": "luck"}, "/ranked_by", "Input should be"),
        ({"from_period": "2026-09"}, "/from_period", "the race of 2026-09 is over"),
        ({"from_period": "2026-13"}, "/from_period", "pattern"),
        ({"max_voided_percent": 101}, "/max_voided_percent", "less than or equal to 100"),
    ],
)
async def test_a11_rules_of_a_race_that_make_no_sense_are_refused(
    api: Api, body: Json, field: str, reason: str
) -> None:
    answer = await api.request("PUT", "/race-policy", json=body)

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert reason in answer.json()["detail"]
    assert (await api.get("/race-policy"))["version"] == 0


async def test_a11_rules_hold_from_their_month_on(api: Api) -> None:
    following = "2099-01"

    first = await api.put("/race-policy", {"ranked_by": "progress"})
    later = await api.put("/race-policy", {"leagues": LEAGUES, "from_period": following})

    assert (first["version"], later["version"]) == (1, 2)
    now_held = await api.get("/race-policy")
    assert (now_held["version"], now_held["ranked_by"]) == (1, "progress")
    then_held = await api.get("/race-policy", period=following)
    assert (then_held["version"], [one["code"] for one in then_held["leagues"]]) == (
        2,
        ["small", "large", "busy"],
    )
