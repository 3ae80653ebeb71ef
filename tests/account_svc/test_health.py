"""Health follows the facts and the clock, is read through the gateway, and turns once."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine
from sqlalchemy import text

from account_svc.use_cases.health import review_accounts
from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.account import AccountHealthChanged, HealthLevel, Platform
from shared.events.content import (
    AuthorizationEnded,
    AuthorizationGranted,
    DraftHeld,
    PostFailed,
    PostMeasured,
    PostPublished,
)
from shared.events.lead import LeadQualified
from shared.ids import uuid7
from shared.inbox import Inbox
from tests.account_svc.earning import accepted, deliver, lead_voided
from tests.account_svc.graph import Graph
from tests.account_svc.making import Api, make_account, make_brand
from tests.account_svc.test_pairs import make_pair, observe
from tests.caller import Json, uuid_of

READ = """query($id: ID!) { account(id: $id) { health { lastPostAt lastReplyAt
  score level judgedAt changedAt reasons { cause points message since } } } }"""
BELOW = """query($level: HealthLevel!) { accounts(healthBelow: $level) { nodes { id
  health { level } } } }"""


async def review(sessions: Sessions) -> None:
    """Until nothing is left to do."""
    while await review_accounts(sessions):
        pass


async def health(api: Api, account: Json) -> Json | None:
    items = (await api.post("/accounts/health/by-accounts", {"ids": [account["id"]]}))["items"]
    return items[0] if items else None


async def turns(api: Api) -> list[AccountHealthChanged]:
    told = await api.events("kos.account")
    return [event for event in told if isinstance(event, AccountHealthChanged)]


def published(account: Json, at: datetime) -> PostPublished:
    return PostPublished(
        post_id=uuid7(),
        account_id=uuid_of(account["id"]),
        platform=Platform.XIAOHONGSHU,
        staff_id=None,
        unit_id=uuid_of(account["unit_id"]),
        platform_post_id="n1",
        url=None,
        published_at=at,
    )


def failed(account: Json, reason: str = "platform_review_unfit") -> PostFailed:
    return PostFailed(post_id=uuid7(), account_id=uuid_of(account["id"]), reason=reason)


def measured(account: Json, post: Any, follows: int, at: datetime) -> PostMeasured:
    figures = dict.fromkeys(("views", "likes", "saves", "comments", "shares"), 0)
    return PostMeasured(
        post_id=post,
        account_id=uuid_of(account["id"]),
        measured_at=at,
        follows=follows,
        **figures,
    )


def authorized(account: Json | None, authorization: Any, ends_at: datetime | None) -> Event:
    return AuthorizationGranted(
        authorization_id=authorization,
        platform=Platform.WECOM if account is None else Platform(account["platform"]),
        account_id=None if account is None else uuid_of(account["id"]),
        expires_at=None,
        refresh_expires_at=ends_at,
    )


def asked(account: Json, at: datetime) -> LeadQualified:
    """A lead came by the account."""
    return LeadQualified(
        lead_id=uuid7(),
        contact_id=uuid7(),
        is_new_contact=True,
        source="douyin",
        submitted_at=at,
        post_id=None,
        account_id=uuid_of(account["id"]),
        campaign_id=None,
        unit_id=uuid_of(account["unit_id"]),
        score=60,
        grade="B",
    )


async def test_a7_a_new_account_is_well_and_that_is_no_news(
    api: Api, graph: Graph, worker_sessions: Sessions
) -> None:
    account = await make_account(api)
    planned = await make_account(api, status="planned")

    await review(worker_sessions)

    read = (await graph.ask(api.principal, READ, id=account["id"]))["account"]["health"]
    none = (await graph.ask(api.principal, READ, id=planned["id"]))["account"]["health"]
    assert (read["score"], read["level"], read["reasons"]) == (100, "GOOD", [])
    assert none is None
    assert await turns(api) == []


async def test_a7_facts_of_content_turn_the_level_once_and_back(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api)
    well = await make_account(api)
    refused = [failed(account) for _ in range(2)]
    held = DraftHeld(draft_id=uuid7(), account_id=uuid_of(account["id"]), rules=["best_price"])

    await review(worker_sessions)
    await deliver(api, inbox, *refused, failed(account, "authorization_missing"), held)
    await asyncio.gather(*(review_accounts(worker_sessions) for _ in range(4)))
    await review(worker_sessions)

    read = (await graph.ask(api.principal, READ, id=account["id"]))["account"]["health"]
    below = await graph.ask(api.principal, BELOW, level="GOOD")
    assert (read["score"], read["level"]) == (65, "FAIR")
    assert [(each["cause"], each["points"]) for each in read["reasons"]] == [
        ("POSTS_REFUSED", 30),
        ("DRAFTS_HELD", 5),
    ]
    assert below["accounts"]["nodes"] == [{"id": account["id"], "health": {"level": "FAIR"}}]
    assert (await graph.ask(api.principal, BELOW, level="FAIR"))["accounts"]["nodes"] == []
    assert await turns(api) == [
        AccountHealthChanged(
            account_id=uuid_of(account["id"]),
            level=HealthLevel.FAIR,
            previous_level=HealthLevel.GOOD,
            score=65,
            causes=["posts_refused", "drafts_held"],
        )
    ]
    assert (await health(api, well) or {})["level"] == "good"


async def test_a7_time_alone_turns_the_level_at_its_moment(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api, platform="douyin", handle=f"dy-{uuid7().hex[-6:]}")
    ends = now() + timedelta(days=10)
    await deliver(
        api,
        inbox,
        authorized(account, uuid7(), ends),
        published(account, now() + timedelta(days=9)),
    )
    await review(worker_sessions)
    before = await health(api, account)

    with time_machine.travel(ends - timedelta(days=3), tick=False):
        await review(worker_sessions)
        soon = await health(api, account)
    with time_machine.travel(ends - timedelta(microseconds=1), tick=False):
        await review(worker_sessions)
        last_moment = await health(api, account)
    with time_machine.travel(ends, tick=False):
        await review(worker_sessions)
        await review(worker_sessions)
        ended = await health(api, account)

    found = [each and (each["score"], each["level"]) for each in (before, soon, last_moment, ended)]
    assert found == [(100, "good"), (90, "good"), (90, "good"), (55, "poor")]
    assert [(turn.previous_level, turn.level) for turn in await turns(api)] == [
        (HealthLevel.GOOD, HealthLevel.POOR)
    ]


async def test_a7_who_leaves_leads_unanswered_for_a_day_loses_health_until_they_are_answered(
    api: Api, graph: Graph, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api)
    seller = {"id": account["staff_id"], "unit_id": account["unit_id"]}
    came = now()
    leads = [asked(account, came) for _ in range(4)]
    taken = [
        accepted(seller, lead.lead_id, came + timedelta(hours=hours)).model_copy(
            update={"account_id": lead.account_id}
        )
        for lead, hours in zip(leads[:3], (1, 25, 26), strict=True)
    ]
    voided = lead_voided(leads[3].lead_id).model_copy(update={"account_id": uuid_of(account["id"])})
    later = Inbox(f"later-{uuid7()}", inbox.handlers, worker_sessions, bytes(32))

    await deliver(api, inbox, *leads, taken[0])
    await review(worker_sessions)
    at_once = await health(api, account)
    with time_machine.travel(came + timedelta(hours=24), tick=False):
        await review(worker_sessions)
        read = (await graph.ask(api.principal, READ, id=account["id"]))["account"]["health"]
        await deliver(api, later, *taken[1:], voided)
        await review(worker_sessions)
        answered = await health(api, account)

    assert at_once is not None
    assert answered is not None
    assert (at_once["score"], answered["score"], answered["reasons"]) == (100, 100, [])
    replied = (came + timedelta(hours=1)).isoformat()
    assert (read["score"], read["level"], read["lastPostAt"]) == (70, "FAIR", None)
    assert read["reasons"][0]["message"] == (
        f"3 leads wait for 24 hours and more; the last reply was at {replied}"
    )
    assert datetime.fromisoformat(read["lastReplyAt"]) == came + timedelta(hours=1)
    assert datetime.fromisoformat(answered["last_reply_at"]) == came + timedelta(hours=26)


async def test_a7_a_fact_that_comes_and_goes_at_a_threshold_is_told_once_and_back_when_it_is_sure(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api)
    seller = {"id": account["staff_id"], "unit_id": account["unit_id"]}
    start = now()
    found: list[tuple[int, str]] = []

    async def told(hour: int, *events: Event, version: int = 1) -> None:
        with time_machine.travel(start + timedelta(hours=hour), tick=False):
            await deliver(api, inbox, *events, first_version=version)
            await review(worker_sessions)
        read = await health(api, account) or {}
        found.append((read["score"], read["level"]))

    await told(0, failed(account))
    for hour in (1, 3, 5):
        lead = asked(account, start - timedelta(days=2))
        taken = accepted(seller, lead.lead_id, start + timedelta(hours=hour + 1)).model_copy(
            update={"account_id": lead.account_id}
        )
        await told(hour, lead)
        await told(hour + 1, taken, version=2)
    while_flapping = await turns(api)
    await told(17)
    await told(18)

    assert found == [(85, "good")] + [(75, "fair"), (85, "fair")] * 3 + [(85, "fair"), (85, "good")]
    assert len(while_flapping) == 1
    assert [(turn.previous_level, turn.level) for turn in await turns(api)] == [
        (HealthLevel.GOOD, HealthLevel.FAIR),
        (HealthLevel.FAIR, HealthLevel.GOOD),
    ]


async def test_a7_an_ended_authorisation_counts_until_somebody_consents_again(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api, platform="douyin", handle=f"dy-{uuid7().hex[-6:]}")
    authorization = uuid7()
    ended = AuthorizationEnded(
        authorization_id=authorization,
        platform=Platform.DOUYIN,
        account_id=uuid_of(account["id"]),
        reason="refresh_token_refused",
    )

    await deliver(api, inbox, ended)
    await review(worker_sessions)
    during = await health(api, account)
    again = authorized(account, authorization, now() + timedelta(days=30))
    await deliver(api, Inbox(f"later-{uuid7()}", inbox.handlers, worker_sessions, bytes(32)), again)
    await review(worker_sessions)
    after = await health(api, account)

    assert during is not None
    assert after is not None
    assert during["reasons"][0]["message"].endswith("refresh_token_refused")
    assert (during["level"], after["level"]) == ("poor", "good")
    assert [turn.level for turn in await turns(api)] == [HealthLevel.POOR, HealthLevel.GOOD]


async def test_a7_the_brand_s_own_app_speaks_for_all_its_accounts(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    accounts = [
        await make_account(api, platform="wecom", handle=f"wc-{uuid7().hex[-6:]}", domain="private")
        for _ in range(2)
    ]
    ended = AuthorizationEnded(
        authorization_id=uuid7(), platform=Platform.WECOM, account_id=None, reason="secret_refused"
    )

    await deliver(api, inbox, ended)
    await review(worker_sessions)

    found = [await health(api, account) for account in accounts]
    assert [each and each["level"] for each in found] == ["poor", "poor"]


async def test_a7_a_restricted_account_says_so_and_a_retired_one_has_no_health(
    api: Api, worker_sessions: Sessions
) -> None:
    account = await make_account(api)
    await api.post(f"/accounts/{account['id']}/restrict", {"reason": "平台限流"})
    await review(worker_sessions)
    restricted = await health(api, account)
    await api.post(f"/accounts/{account['id']}/retire", {"reason": "离店"})
    await review(worker_sessions)

    assert restricted is not None
    assert [each["cause"] for each in restricted["reasons"]] == ["restricted"]
    assert await health(api, account) is None


async def test_a7_followers_are_counted_once_however_often_and_late_they_are_told(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api)
    first, second = uuid7(), uuid7()
    today = now()
    told = [
        measured(account, first, 40, today - timedelta(days=14)),
        measured(account, first, 100, today - timedelta(days=10)),
        measured(account, first, 90, today - timedelta(days=12)),  # late
        measured(account, second, 20, today - timedelta(days=20)),
        measured(account, first, 110, today - timedelta(days=2)),
        published(account, today),
    ]

    await deliver(api, inbox, *told)
    await review(worker_sessions)

    # 120 in four weeks are 30 in each; 10 since
    found = await health(api, account)
    assert found is not None
    assert [each["cause"] for each in found["reasons"]] == ["followers_fell"]
    assert found["reasons"][0]["message"].startswith("10 new followers in a week after 30 ")


async def test_a7_a_figure_that_cannot_be_holds_up_no_other_fact_of_the_post(
    api: Api, worker_sessions: Sessions, inbox: Inbox
) -> None:
    account = await make_account(api)
    absurd = measured(account, uuid7(), 10**12, now())

    await deliver(
        api, inbox, absurd, failed(account).model_copy(update={"post_id": absurd.post_id})
    )
    await review(worker_sessions)

    found = await health(api, account)
    assert found is not None
    assert [each["cause"] for each in found["reasons"]] == ["posts_refused"]


async def test_a7_an_account_that_no_longer_looks_like_its_persona_is_off_brand(
    api: Api, worker_sessions: Sessions
) -> None:
    _, public, private = await make_pair(api)
    for account in (public, private):
        await observe(api, account)
    await review(worker_sessions)
    before = await health(api, public)

    await observe(api, public, name="开心每一天")
    await review(worker_sessions)
    after = await health(api, public)

    assert before is not None
    assert after is not None
    assert (before["score"], after["score"]) == (100, 75)
    assert [each["cause"] for each in after["reasons"]] == ["off_brand"]


async def test_a7_a_brand_that_fails_keeps_no_other_waiting(
    http: httpx.AsyncClient, service_secret: bytes, sessions: Sessions, worker_sessions: Sessions
) -> None:
    brands = [await make_brand(http, service_secret, sessions) for _ in range(3)]
    accounts = [await make_account(brand) for brand in brands]

    async def rename(platform: str) -> None:
        async with brand_session(worker_sessions, brands[1].brand_id) as session:
            await session.execute(text("update account set platform = :p"), {"p": platform})

    await rename("unheard_of")
    with pytest.raises(LookupError):
        await review(worker_sessions)
    judged = [await health(*each) for each in zip(brands, accounts, strict=True)]
    await rename("xiaohongshu")
    await review(worker_sessions)

    assert [each is not None for each in judged] == [True, False, True]
    assert await health(brands[1], accounts[1]) is not None


async def test_a7_health_of_others_is_not_shown(
    api: Api, other_api: Api, worker_sessions: Sessions
) -> None:
    account = await make_account(api)
    elsewhere = await make_account(api)
    await review(worker_sessions)
    body = {"ids": [account["id"]]}
    seller = api.acting(Role.KOS, staff_id=account["staff_id"])
    neighbour = api.acting(Role.KOS, staff_id=elsewhere["staff_id"])

    own = await seller.post("/accounts/health/by-accounts", body)

    hidden = {"items": [], "missing": [account["id"]]}
    assert [each["account_id"] for each in own["items"]] == [account["id"]]
    assert await neighbour.post("/accounts/health/by-accounts", body) == hidden
    assert await other_api.post("/accounts/health/by-accounts", body) == hidden
