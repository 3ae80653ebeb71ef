"""What attempts come to is written together, and counts only while a claim holds."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from content_svc.connectors import Published, TryLater
from content_svc.models import PostStatus
from content_svc.repository import posts
from content_svc.repository.posts import Claimed
from content_svc.settings import Settings
from content_svc.use_cases import measuring
from content_svc.use_cases.recording import ClaimLost, Recorder
from shared.clock import now
from shared.database import brand_session
from shared.events.account import Platform
from shared.events.content import PostPublished
from shared.ids import uuid7
from tests.caller import uuid_of
from tests.content_svc.making import Brand, make_account, make_campaign, plan

CLAIM, LOST = uuid7(), uuid7()


@pytest.fixture
async def claimed(brand: Brand) -> list[Claimed]:
    """Three posts under one claim."""
    for _ in range(3):
        await make_account(brand, Platform.WECOM)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    async with brand_session(brand.sessions, brand.id) as session:
        post_ids = await posts.claim_due(
            session,
            brand.id,
            uuid_of(campaign["id"]),
            at=now(),
            lease_until=now() + timedelta(minutes=1),
            claim=CLAIM,
            by_api=[Platform.WECOM],
            statuses=[PostStatus.SCHEDULED],
            size=10,
        )
        return await posts.list_claimed(session, brand.id, post_ids)


async def test_c9_results_are_recorded_but_of_a_lost_claim(
    brand: Brand, settings: Settings, claimed: list[Claimed]
) -> None:
    recorder = Recorder(brand.sessions, settings)
    out, late, lost = claimed

    await asyncio.gather(
        recorder.note(brand.id, out, CLAIM, Published("m-1", None, now())),
        recorder.note(brand.id, late, CLAIM, TryLater("http_500")),
        recorder.note(brand.id, lost, LOST, Published("m-2", None, now())),
    )

    async with brand_session(brand.sessions, brand.id) as session:
        rows = await posts.list_for_update(session, brand.id, [post.id for post in claimed])
    assert [(rows[post.id].status, rows[post.id].attempts) for post in claimed] == [
        (PostStatus.PUBLISHED, 0),
        (PostStatus.DISPATCHING, 1),
        (PostStatus.DISPATCHING, 0),
    ]
    published = [e.post_id for e in await brand.events() if isinstance(e, PostPublished)]
    assert published == [out.id]
    measured = [subject for kind, subject in await brand.timers() if kind == measuring.MEASURE]
    assert measured == [out.id]


async def test_c9_a_name_that_is_taken_spoils_no_other_result(
    brand: Brand, settings: Settings, claimed: list[Claimed]
) -> None:
    recorder = Recorder(brand.sessions, settings)

    outcomes = await asyncio.gather(
        *(
            recorder.note(brand.id, post, CLAIM, Published(name, None, now()))
            for post, name in zip(claimed, ("same", "same", "other"), strict=True)
        ),
        return_exceptions=True,
    )

    assert [type(outcome).__name__ for outcome in outcomes] == [
        "NoneType",
        "IntegrityError",
        "NoneType",
    ]
    async with brand_session(brand.sessions, brand.id) as session:
        rows = await posts.list_for_update(session, brand.id, [post.id for post in claimed])
    assert [rows[post.id].platform_post_id for post in claimed] == ["same", None, "other"]


async def test_c9_facts_are_remembered_but_of_a_lost_claim(
    brand: Brand, settings: Settings, claimed: list[Claimed]
) -> None:
    recorder = Recorder(brand.sessions, settings)

    outcomes = await asyncio.gather(
        *(
            recorder.remember(brand.id, post, claim, {"sent_at": number})
            for number, (post, claim) in enumerate(zip(claimed, (CLAIM, LOST, CLAIM), strict=True))
        ),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), ClaimLost, type(None)]
    async with brand_session(brand.sessions, brand.id) as session:
        found = await posts.list_claimed(session, brand.id, [post.id for post in claimed])
    progress = {post.id: post.progress for post in found}
    assert [progress[post.id] for post in claimed] == [
        {"claim": str(CLAIM), "sent_at": 0},
        {"claim": str(CLAIM)},
        {"claim": str(CLAIM), "sent_at": 2},
    ]


async def test_c9_what_is_remembered_begins_the_lease_anew(
    brand: Brand, settings: Settings, claimed: list[Claimed]
) -> None:
    recorder = Recorder(brand.sessions, settings)
    early, late, lost = claimed
    await brand.sql("update post set next_at = now() + '1 s' where brand_id = :b returning id")

    for post, claim in ((late, CLAIM), (lost, LOST)):
        with suppress(ClaimLost):
            await recorder.remember(brand.id, post, claim, {})

    left = dict(
        await brand.sql("select id, next_at > now() + '80 s' from post where brand_id = :b")
    )
    assert [left[post.id] for post in (early, late, lost)] == [False, True, False]
