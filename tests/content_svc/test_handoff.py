"""A seller publishes by hand and proves it with a link."""

import time

import pytest

from content_svc.connectors.handoff import measure_likeness
from content_svc.use_cases import campaigns, measuring
from shared.access import Role
from shared.events.account import AccountRegistered, Platform
from shared.events.content import PostMeasured, PostPublished
from tests.caller import Json, uuid_of
from tests.content_svc.making import (
    Brand,
    account_id,
    list_posts,
    make_account,
    make_campaign,
    plan,
)
from tests.content_svc.sandbox import Sandbox, Worker


async def handed_off(
    brand: Brand, worker: Worker, platform: Platform = Platform.XIAOHONGSHU
) -> tuple[AccountRegistered, Json]:
    """An account and the post that waits for its seller's link."""
    account = await make_account(brand, platform)
    made = await make_campaign(brand, launched=True)
    await plan(brand, made)
    await worker.run(brand, campaigns.DISPATCH, uuid_of(made["id"]))
    return account, (await list_posts(brand, made))[0]


async def by_hand(sandbox: Sandbox, account: AccountRegistered, post: Json, **changes: str) -> Json:
    """What the seller did in the platform's app."""
    return await sandbox.post(
        "/sandbox/publish-handoff",
        {
            "platform": account.platform,
            "account_handle": account.handle,
            "title": post["handoff"]["title"],
            "text": post["handoff"]["text"],
            "media_type": "image",
        }
        | changes,
    )


async def test_c10_a_link_proves_the_handoff_and_its_figures_attach(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker)
    note = await by_hand(sandbox, account, post)

    confirmed = await brand.post(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})

    assert (confirmed["status"], confirmed["url"], confirmed["platform_post_id"]) == (
        "published",
        note["url"],
        note["post_id"],
    )
    published = [e for e in await brand.events() if isinstance(e, PostPublished)]
    assert [(e.post_id, e.url, e.staff_id, e.unit_id) for e in published] == [
        (uuid_of(post["id"]), note["url"], account.staff_id, brand.store)
    ]
    await sandbox.post("/sandbox/clock", {"advance_seconds": 600})
    assert await worker.run(brand, measuring.MEASURE, uuid_of(post["id"])) is not None
    measured = [e for e in await brand.events() if isinstance(e, PostMeasured)][-1]
    shown = (await sandbox.published("xiaohongshu"))[0]["statistics"]
    assert 0 < measured.views <= shown["views"]


async def test_c10_naming_the_same_link_again_changes_nothing(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker)
    note = await by_hand(sandbox, account, post)
    first = await brand.post(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})
    before = await brand.events()

    again = await brand.post(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})

    assert again["version"] == first["version"]
    assert await brand.events() == before


async def test_c10_another_accounts_page_is_no_proof(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker)
    note = await by_hand(sandbox, account, post, account_handle="somebody-else")

    problem = await brand.refuse(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})

    assert (problem["code"], problem["field"], problem["detail"]) == (
        "link_not_proof",
        "/url",
        "the page is of another account",
    )


async def test_c10_another_text_is_no_proof(brand: Brand, sandbox: Sandbox, worker: Worker) -> None:
    account, post = await handed_off(brand, worker)
    note = await by_hand(sandbox, account, post, title="午饭", text="今天吃了一碗面条")

    problem = await brand.refuse(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})

    assert problem["detail"] == "the page carries another text"


@pytest.mark.parametrize(
    ("expected", "found", "likeness"),
    [
        ("周末来店试驾，送咖啡一杯", "周末来店试驾 送咖啡一杯！", 1.0),
        ("周末来店试驾送咖啡一杯", "我家的店：周末来店试驾送茶一杯", 7 / 11),
        ("周末来店试驾送咖啡一杯", "今天吃了一碗面条", 0.0),
        ("试驾", "来试驾吧", 1.0),
        ("，。", "", 1.0),
    ],
)
def test_c10_likeness_is_the_share_of_the_text_that_stands_on_the_page(
    expected: str, found: str, likeness: float
) -> None:
    assert measure_likeness(expected, found) == pytest.approx(likeness)


def test_c10_a_page_that_repeats_itself_is_compared_at_once() -> None:
    started = time.process_time()

    assert measure_likeness("甲" * 5000, "甲乙" * 2500) == 0.0
    assert time.process_time() - started < 1


async def test_c10_a_foreign_host_is_not_even_asked(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    _, post = await handed_off(brand, worker)

    for url in (
        "http://169.254.169.254/latest/meta-data",
        "https://www.xiaohongshu.com.evil.example/explore/1",
        sandbox.url.replace("http://", "http://user@") + "/xhs/explore/1",
        sandbox.url.replace("http://", "file://") + "/etc/passwd",
    ):
        problem = await brand.refuse(f"/posts/{post['id']}/confirm-handoff", {"url": url})
        assert problem["detail"] == "the link is not one of xiaohongshu"


async def test_c10_a_missing_page_is_no_proof(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    _, post = await handed_off(brand, worker)

    problem = await brand.refuse(
        f"/posts/{post['id']}/confirm-handoff", {"url": f"{sandbox.url}/xhs/explore/none"}
    )

    assert problem["detail"] == "there is no such page"


async def test_c10_one_link_cannot_prove_two_posts(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker, Platform.CHANNELS)
    second = await make_campaign(brand, launched=True)
    await plan(brand, second)
    await worker.run(brand, campaigns.DISPATCH, uuid_of(second["id"]))
    note = await by_hand(sandbox, account, post)
    await brand.post(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})
    other = (await list_posts(brand, second))[0]

    problem = await brand.refuse(f"/posts/{other['id']}/confirm-handoff", {"url": note["url"]})

    assert problem["code"] == "link_taken"
    assert (await list_posts(brand, second))[0]["status"] == "handed_off"


async def test_c10_a_seller_confirms_only_their_own_post(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker)
    stranger = await make_account(brand)
    note = await by_hand(sandbox, account, post)
    path = f"/posts/{post['id']}/confirm-handoff"

    problem = await brand.acting(Role.KOS, staff_id=stranger.staff_id).refuse(
        path, {"url": note["url"]}
    )
    confirmed = await brand.acting(Role.KOS, staff_id=account.staff_id).post(
        path, {"url": note["url"]}
    )

    assert problem["status"] == 404
    assert (confirmed["status"], confirmed["account_id"]) == ("published", account_id(account))


async def test_c3_a_post_taken_back_cannot_be_confirmed(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, post = await handed_off(brand, worker)
    await brand.post(f"/posts/{post['id']}/withdraw", {"reason": "wrong picture"})
    note = await by_hand(sandbox, account, post)

    problem = await brand.refuse(f"/posts/{post['id']}/confirm-handoff", {"url": note["url"]})

    assert problem["code"] == "post_not_in_state"
