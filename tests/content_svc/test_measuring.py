"""Figures come late, twice and smaller; totals stay true."""

from datetime import UTC, datetime
from typing import Any

from content_svc.use_cases import campaigns, measuring
from shared.access import Role
from shared.events.account import Platform
from shared.events.content import PostMeasured
from tests.caller import Json, uuid_of
from tests.content_svc.making import Brand, list_posts, make_account, make_campaign, plan
from tests.content_svc.sandbox import Sandbox, Worker, authorize_wecom

TEN = "2026-11-20T10:00:00Z"
ELEVEN = "2026-11-20T11:00:00Z"


async def a_post(brand: Brand) -> Json:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    return (await list_posts(brand, campaign))[0]


async def report(brand: Brand, post: Json, at: str, **figures: Any) -> Json:
    return await brand.post(
        "/posts/metrics", {"items": [{"post_id": post["id"], "measured_at": at, **figures}]}
    )


async def totals(brand: Brand, post: Json) -> Json:
    found = await brand.post("/posts/by-ids", {"ids": [post["id"]]})
    metrics = found["items"][0]["metrics"]
    assert isinstance(metrics, dict)
    return metrics


async def measured(brand: Brand) -> list[tuple[int, int]]:
    return [(e.views, e.likes) for e in await brand.events() if isinstance(e, PostMeasured)]


async def test_c12_a_report_moves_the_totals_and_is_announced_once(brand: Brand) -> None:
    post = await a_post(brand)

    first = await report(brand, post, TEN, views=100, likes=5)
    again = await report(brand, post, TEN, views=100, likes=5)

    assert first == {"taken": 1, "changed": 1, "refused": []}
    assert again == {"taken": 1, "changed": 0, "refused": []}
    assert await totals(brand, post) == {
        "views": 100,
        "likes": 5,
        "saves": 0,
        "comments": 0,
        "shares": 0,
        "follows": 0,
        "measured_at": TEN,
    }
    assert [e for e in await brand.events() if isinstance(e, PostMeasured)] == [
        PostMeasured(
            post_id=uuid_of(post["id"]),
            account_id=uuid_of(post["account_id"]),
            campaign_id=uuid_of(post["campaign_id"]),
            measured_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
            views=100,
            likes=5,
            saves=0,
            comments=0,
            shares=0,
            follows=0,
        )
    ]


async def test_c12_a_late_report_is_kept_but_totals_do_not_go_down(brand: Brand) -> None:
    post = await a_post(brand)
    await report(brand, post, ELEVEN, views=200, likes=8)

    late = await report(brand, post, TEN, views=120, likes=9)

    assert late["changed"] == 1
    found = await totals(brand, post)
    assert (found["views"], found["likes"], found["measured_at"]) == (200, 9, ELEVEN)
    rows = await brand.sql(
        "select views, likes, saves from post_metric where brand_id = :b order by measured_at"
    )
    assert [tuple(row) for row in rows] == [(120, 9, None), (200, 8, None)]


async def test_c12_two_reports_for_one_time_keep_the_greater_of_each_figure(brand: Brand) -> None:
    post = await a_post(brand)
    await report(brand, post, TEN, views=100, likes=9)

    await report(brand, post, TEN, views=120, likes=7)

    rows = await brand.sql("select views, likes from post_metric where brand_id = :b")
    assert [tuple(row) for row in rows] == [(120, 9)]
    assert await measured(brand) == [(100, 9), (120, 9)]


async def test_c12_only_a_correction_takes_totals_down(brand: Brand) -> None:
    post = await a_post(brand)
    await report(brand, post, TEN, views=1000, likes=500)

    await report(brand, post, ELEVEN, views=900, likes=40, is_correction=True)
    stale = await report(brand, post, "2026-11-20T10:30:00Z", views=1100)

    found = await totals(brand, post)
    assert (found["views"], found["likes"]) == (900, 40)
    assert stale["changed"] == 0
    assert await measured(brand) == [(1000, 500), (900, 40)]


async def test_c12_an_unknown_post_is_refused_and_the_rest_counts(brand: Brand) -> None:
    post = await a_post(brand)
    unknown = {
        "platform": "douyin",
        "platform_post_id": "nobody's",
        "measured_at": TEN,
        "views": 1,
    }

    answer = await brand.post(
        "/posts/metrics",
        {"items": [unknown, {"post_id": post["id"], "measured_at": TEN, "views": 7}]},
    )

    assert answer == {
        "taken": 1,
        "changed": 1,
        "refused": [
            {"position": 0, "field": "/items/0/platform_post_id", "reason": "no such post"}
        ],
    }
    assert (await totals(brand, post))["views"] == 7


async def test_g2_a_seller_may_not_import_figures(brand: Brand) -> None:
    post = await a_post(brand)

    problem = await brand.acting(Role.KOS).refuse(
        "/posts/metrics", {"items": [{"post_id": post["id"], "measured_at": TEN, "views": 1}]}
    )

    assert problem["status"] == 403


async def test_c10_wecom_tells_created_confirmed_and_delivered(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.WECOM)
    await authorize_wecom(brand, sandbox, [account])
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))
    created = (await list_posts(brand, campaign))[0]

    await worker.run(brand, measuring.MEASURE, uuid_of(created["id"]))

    delivered = (await list_posts(brand, campaign))[0]
    assert created["delivery"] == {"state": "created", "delivered": 0, "failed": 0}
    assert delivered["delivery"] == {"state": "delivered", "delivered": 3, "failed": 0}
    assert await measured(brand) == []
