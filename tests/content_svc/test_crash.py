"""A worker killed with SIGKILL in the middle: nothing lost, nothing doubled."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from content_svc.settings import Settings
from content_svc.use_cases import campaigns
from shared.events.account import Platform
from tests.caller import uuid_of
from tests.content_svc.making import (
    Brand,
    get_campaign,
    list_posts,
    make_account,
    make_campaign,
    make_video,
    plan,
)
from tests.content_svc.sandbox import (
    Sandbox,
    Worker,
    authorize_douyin,
    authorize_wecom,
    sandboxed,
)

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("killed_worker.py")


@asynccontextmanager
async def doomed_worker(
    settings: Settings, kind: str, brand: Brand, campaign_id: UUID
) -> AsyncIterator[None]:
    """A worker process that is killed with SIGKILL at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        settings.model_dump_json(),
        kind,
        str(brand.id),
        str(campaign_id),
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services'}"},
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(100):
        while not await condition():
            await asyncio.sleep(0.005)


async def test_c9_sigkill_in_the_middle_of_dispatch_loses_and_doubles_nothing(
    brand: Brand, sandbox: Sandbox, worker: Worker, settings: Settings
) -> None:
    films = [await make_account(brand, Platform.DOUYIN) for _ in range(6)]
    chats = [await make_account(brand, Platform.WECOM) for _ in range(6)]
    for account in films:
        await authorize_douyin(brand, sandbox, account)
    await authorize_wecom(brand, sandbox, chats)
    campaign = await make_campaign(brand, launched=True, asset_ids=[await make_video(brand)])
    await plan(brand, campaign)
    campaign_id = uuid_of(campaign["id"])
    # Few at a time, and slowly, so that every kill finds some posts at each step.
    slow = sandboxed(settings, sandbox).model_copy(update={"dispatch_concurrency": 4})
    await sandbox.fault("delay", "*create_video*", delay_seconds=0.15)
    await sandbox.fault("delay", "*add_msg_template*", delay_seconds=0.15)

    async def shown() -> int:
        return len(await sandbox.published("douyin")) + len(await sandbox.published("wecom"))

    for reached in (1, 4, 7):

        async def enough(reached: int = reached) -> bool:
            return await shown() >= reached

        async with doomed_worker(slow, campaigns.DISPATCH, brand, campaign_id):
            await until(enough)
    await worker.dispatch_until_done(brand, campaign_id)

    assert (await get_campaign(brand, campaign))["counts"]["published"] == 12
    assert await shown() == 12
    assert await sandbox.repeated() == []
    posts = await list_posts(brand, campaign)
    assert len({post["platform_post_id"] for post in posts}) == 12


async def test_c9_sigkill_in_the_middle_of_planning_loses_and_doubles_nothing(
    brand: Brand, settings: Settings
) -> None:
    await many_accounts(brand, 3000)
    campaign = await make_campaign(brand, launched=True)
    campaign_id = uuid_of(campaign["id"])

    async def some_are_written() -> bool:
        return bool(
            await brand.sql(
                "select 1 from campaign where brand_id = :b and written_through is not null"
            )
        )

    async with doomed_worker(settings, campaigns.PLAN, brand, campaign_id):
        await until(some_are_written)
    half = (await get_campaign(brand, campaign))["counts"]
    await plan(brand, campaign)

    counts = (await get_campaign(brand, campaign))["counts"]
    assert 0 < half["scheduled"] < 3000
    assert (counts["planned"], counts["scheduled"], counts["held"]) == (3000, 3000, 0)
    [(drafts, posts, accounts, events)] = await brand.sql(
        "select (select count(*) from draft where brand_id = :b),"
        " (select count(*) from post where brand_id = :b),"
        " (select count(distinct account_id) from post where brand_id = :b),"
        " (select count(*) from outbox where brand_id = :b and topic = 'kos.post')"
    )
    assert (drafts, posts, accounts, events) == (3000, 3000, 3000, 3000)


async def many_accounts(brand: Brand, count: int) -> None:
    """Accounts straight into the directory: telling each by its event would take minutes."""
    await brand.sql(
        "insert into account_directory (brand_id, account_id, platform, handle, display_name,"
        " domain, seat, unit_id, status)"
        " select :b, uuidv7(), 'xiaohongshu', 'h' || n, '店员' || n, 'public', 'kos', :store,"
        " 'active' from generate_series(1, :count) n returning 1",
        store=brand.store,
        count=count,
    )
