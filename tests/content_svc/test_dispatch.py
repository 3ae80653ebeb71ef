"""Posts go out through platforms and by hand; nothing is lost or doubled."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import PostStatus
from content_svc.repository import posts
from content_svc.use_cases import campaigns, recording
from shared.clock import now
from shared.database import brand_session
from shared.events.account import AccountStatus, AccountSuspended, Platform
from shared.events.content import CampaignCompleted, PostFailed, PostHandedOff, PostPublished
from shared.ids import typed, uuid7
from tests.caller import Json, uuid_of
from tests.content_svc.making import (
    Brand,
    account_id,
    get_campaign,
    list_posts,
    make_account,
    make_campaign,
    make_video,
    plan,
)
from tests.content_svc.sandbox import Sandbox, Worker, authorize_douyin, authorize_wecom


async def test_c10_a_handoff_gives_the_seller_text_media_link_and_deadline(
    brand: Brand, worker: Worker
) -> None:
    account = await make_account(brand, display_name="小陈聊车")
    asset_id = await make_video(brand)
    campaign = await make_campaign(brand, launched=True, asset_ids=[asset_id])
    await plan(brand, campaign)

    await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))

    post = (await list_posts(brand, campaign))[0]
    assert post["status"] == "handed_off"
    assert post["handoff"] == {
        "title": "周末试驾",
        "text": "来上海的徐汇店看新车,小陈聊车带你试驾,周末有茶点。",
        "asset_ids": [asset_id],
        "deep_link": f"kos://handoffs/{post['id']}",
        "deadline_at": post["handoff"]["deadline_at"],
    }
    events = [e for e in await brand.events("kos.post") if isinstance(e, PostHandedOff)]
    assert [(typed("post", e.post_id), e.staff_id) for e in events] == [
        (post["id"], account.staff_id)
    ]


async def test_c10_douyin_publishes_after_the_platforms_review(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    campaign = await make_campaign(brand, launched=True, asset_ids=[await make_video(brand)])
    await plan(brand, campaign)

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    post = (await list_posts(brand, campaign))[0]
    shown = (await sandbox.published("douyin"))[0]
    assert (post["status"], post["platform_post_id"], post["url"]) == (
        "published",
        shown["post_id"],
        shown["url"],
    )
    assert shown["text"].startswith("周末试驾\n来上海的徐汇店看新车")
    published = [e for e in await brand.events() if isinstance(e, PostPublished)]
    assert [e.platform_post_id for e in published] == [shown["post_id"]]
    assert await brand.events("kos.campaign") == [
        (await brand.events("kos.campaign"))[0],
        CampaignCompleted(campaign_id=uuid_of(campaign["id"]), published=1, failed=0, held=0),
    ]
    assert (await get_campaign(brand, campaign))["status"] == "completed"


async def test_c10_a_text_that_douyin_judges_unfit_fails_with_the_reason(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    post = await _scheduled_on_douyin(
        brand, sandbox, text="周末到店看看(审核不通过)", asset_ids=[await make_video(brand)]
    )

    await worker.dispatch_until_done(brand, brand.id)

    found = (await brand.post("/posts/by-ids", {"ids": [post["id"]]}))["items"][0]
    assert (found["status"], found["failure_reason"]) == ("failed", "platform_review_unfit")


async def test_c10_douyin_without_a_film_fails_with_the_reason(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    post = await _scheduled_on_douyin(brand, sandbox, text="周末到店看看")

    await worker.dispatch_until_done(brand, brand.id)

    found = (await brand.post("/posts/by-ids", {"ids": [post["id"]]}))["items"][0]
    assert (found["status"], found["failure_reason"]) == ("failed", "media_missing")
    assert await sandbox.published("douyin") == []


async def _scheduled_on_douyin(brand: Brand, sandbox: Sandbox, **draft: Any) -> Json:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    written = await brand.post("/drafts", {"account_id": account_id(account)} | draft)
    return await brand.post(f"/drafts/{written['id']}/schedule", {"due_at": now().isoformat()})


async def test_c9_an_answer_lost_after_success_publishes_once_on_douyin(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    campaign = await make_campaign(brand, launched=True, asset_ids=[await make_video(brand)])
    await plan(brand, campaign)
    await sandbox.fault(
        "timeout_after_success",
        "/api/douyin/v1/video/create_video/",
        count=1,
        hold_seconds=3,
    )

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    assert (await get_campaign(brand, campaign))["counts"]["published"] == 1
    assert len(await sandbox.published("douyin")) == 1


@pytest.mark.parametrize("route", ["upload_video", "create_video", "video_data"])
@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("server_error", {}),
        ("connection_reset", {}),
        ("garbage_body", {}),
        ("platform_error", {"platform": "douyin", "code": 28001005}),
        ("token_expired", {}),
    ],
)
async def test_c10_a_fault_anywhere_on_douyin_still_makes_one_post(
    brand: Brand,
    sandbox: Sandbox,
    worker: Worker,
    route: str,
    kind: str,
    details: dict[str, Any],
) -> None:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    campaign = await make_campaign(brand, launched=True, asset_ids=[await make_video(brand)])
    await plan(brand, campaign)
    await sandbox.fault(kind, f"/api/douyin/v1/video/{route}/", count=1, **details)

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    assert (await get_campaign(brand, campaign))["counts"]["published"] == 1
    assert len(await sandbox.published("douyin")) == 1


@pytest.mark.parametrize("deliver_by", ["message", "moment"])
@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("server_error", {}),
        ("connection_reset", {}),
        ("garbage_body", {}),
        ("platform_error", {"platform": "wecom", "code": -1}),
        ("token_expired", {}),
    ],
)
async def test_c10_a_fault_on_wecom_still_makes_one_task(
    brand: Brand,
    sandbox: Sandbox,
    worker: Worker,
    deliver_by: str,
    kind: str,
    details: dict[str, Any],
) -> None:
    account = await make_account(brand, Platform.WECOM)
    await authorize_wecom(brand, sandbox, [account], deliver_by=deliver_by)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await sandbox.fault(kind, "/cgi-bin/externalcontact/add_*", count=1, **details)

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    assert (await get_campaign(brand, campaign))["counts"]["published"] == 1
    assert len(await sandbox.published("wecom")) == 1


async def test_c10_a_platform_that_stays_away_fails_the_post_in_the_end(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.WECOM)
    await authorize_wecom(brand, sandbox, [account])
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await sandbox.fault("server_error", "/cgi-bin/externalcontact/*")
    campaign_id = uuid_of(campaign["id"])

    for _ in range(recording.LARGEST_ATTEMPTS):
        await brand.sql("update post set next_at = now() where brand_id = :b returning 1")
        await worker.run(brand, campaigns.DISPATCH, campaign_id)

    post = (await list_posts(brand, campaign))[0]
    assert (post["status"], post["failure_reason"]) == ("failed", "gave_up: http_500")


async def test_c9_an_answer_lost_after_success_sends_once_on_wecom(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    accounts = [await make_account(brand, Platform.WECOM) for _ in range(2)]
    await authorize_wecom(brand, sandbox, accounts)
    campaign = await make_campaign(brand, launched=True, mode="central_distribution")
    await plan(brand, campaign)
    await sandbox.fault(
        "timeout_after_success",
        "/cgi-bin/externalcontact/add_msg_template",
        count=1,
        hold_seconds=3,
    )

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    posts = await list_posts(brand, campaign)
    assert [post["status"] for post in posts] == ["published", "published"]
    assert len({post["platform_post_id"] for post in posts}) == 2
    assert len(await sandbox.published("wecom")) == 2
    assert await sandbox.repeated() == []


async def test_c9_a_moment_lost_after_success_is_found_by_its_member(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    accounts = [await make_account(brand, Platform.WECOM) for _ in range(2)]
    await authorize_wecom(brand, sandbox, accounts, deliver_by="moment")
    template = await brand.post(
        "/templates", {"name": "朋友圈", "body": "周末到店有茶点,欢迎来坐坐。"}
    )
    campaign = await make_campaign(
        brand, template=template, launched=True, mode="central_distribution"
    )
    await plan(brand, campaign)
    await sandbox.fault(
        "timeout_after_success",
        "/cgi-bin/externalcontact/add_moment_task",
        count=1,
        hold_seconds=3,
    )

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    posts = await list_posts(brand, campaign)
    assert [post["status"] for post in posts] == ["published", "published"]
    assert len({post["platform_post_id"] for post in posts}) == 2
    assert len(await sandbox.published("wecom")) == 2


async def test_c10_a_rate_limit_is_waited_out(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.WECOM)
    await authorize_wecom(brand, sandbox, [account])
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await sandbox.fault(
        "rate_limited",
        "/cgi-bin/externalcontact/add_msg_template",
        count=1,
        retry_after_seconds=2,
    )
    asked_at = now()

    next_at = await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))

    assert next_at is not None
    assert timedelta(seconds=1.5) < next_at - asked_at < timedelta(seconds=4)
    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))
    assert (await get_campaign(brand, campaign))["counts"]["published"] == 1


async def test_c10_without_an_authorisation_the_post_fails_and_says_so(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.WECOM)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    post = (await list_posts(brand, campaign))[0]
    assert (post["status"], post["failure_reason"]) == ("failed", "authorization_missing")
    assert [e for e in await brand.events() if isinstance(e, PostFailed)] == [
        PostFailed(
            post_id=uuid_of(post["id"]),
            account_id=account.account_id,
            campaign_id=uuid_of(campaign["id"]),
            reason="authorization_missing",
        )
    ]


async def test_c9_a_suspended_account_does_not_post(brand: Brand, worker: Worker) -> None:
    account = await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await brand.tell(AccountSuspended(account_id=account.account_id, reason="penalty"))

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    post = (await list_posts(brand, campaign))[0]
    assert (post["status"], post["failure_reason"]) == ("failed", "account_not_active")
    assert account.status is AccountStatus.ACTIVE


async def test_c9_a_handoff_that_nobody_answers_fails_at_its_deadline(
    brand: Brand, worker: Worker
) -> None:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))
    await brand.sql("update post set next_at = now() where brand_id = :b returning id")

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    post = (await list_posts(brand, campaign))[0]
    assert (post["status"], post["failure_reason"]) == ("failed", "handoff_missed")
    assert (await get_campaign(brand, campaign))["status"] == "completed"


async def test_c9_two_campaigns_at_once_claim_one_post_of_an_account(brand: Brand) -> None:
    await make_account(brand, Platform.WECOM)
    ours, theirs = [await make_campaign(brand, launched=True) for _ in range(2)]
    for campaign in (ours, theirs):
        await plan(brand, campaign)

    async with brand_session(brand.sessions, brand.id) as session:
        first = await _claim(session, brand, ours)
        second = asyncio.create_task(_claim_alone(brand, theirs))
        await asyncio.sleep(0.2)

    assert len(first) == 1
    assert await second == []


async def _claim_alone(brand: Brand, campaign: Json) -> list[UUID]:
    async with brand_session(brand.sessions, brand.id) as session:
        return await _claim(session, brand, campaign)


async def _claim(session: AsyncSession, brand: Brand, campaign: Json) -> list[UUID]:
    return await posts.claim_due(
        session,
        brand.id,
        uuid_of(campaign["id"]),
        at=now(),
        lease_until=now() + timedelta(minutes=1),
        claim=uuid7(),
        by_api=[Platform.WECOM],
        statuses=[PostStatus.SCHEDULED],
        size=10,
    )


async def test_c9_a_paused_campaign_hands_nothing_out_until_it_is_resumed(
    brand: Brand, worker: Worker
) -> None:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await brand.post(f"/campaigns/{campaign['id']}/pause")

    assert await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"])) is None
    assert (await get_campaign(brand, campaign))["counts"]["scheduled"] == 1

    await brand.post(f"/campaigns/{campaign['id']}/resume")
    await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))
    assert (await get_campaign(brand, campaign))["counts"]["handed_off"] == 1


async def test_c9_a_stop_withdraws_every_queued_post(brand: Brand, worker: Worker) -> None:
    for _ in range(3):
        await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    campaign_id = uuid_of(campaign["id"])

    await brand.post(f"/campaigns/{campaign['id']}/stop", {"reason": "wrong price"})
    assert await worker.run(brand, campaigns.DISPATCH, campaign_id) is None
    await worker.run(brand, campaigns.WITHDRAW, campaign_id)

    counts = (await get_campaign(brand, campaign))["counts"]
    assert (counts["withdrawn"], counts["scheduled"], counts["handed_off"]) == (3, 0, 0)
    withdrawn = [
        (event.type, version)
        for event, version in await brand.events_with_versions("kos.post")
        if event.type == "kos.post.withdrawn.v1"
    ]
    assert withdrawn == [("kos.post.withdrawn.v1", 2)] * 3
