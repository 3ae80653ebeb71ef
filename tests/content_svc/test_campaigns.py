"""Campaigns: create, launch, plan."""

from shared.events.account import Platform
from tests.content_svc.making import (
    Brand,
    get_campaign,
    list_drafts,
    list_posts,
    make_account,
    make_campaign,
    plan,
)


async def test_c9_a_launch_plans_one_post_for_every_active_account(brand: Brand) -> None:
    await make_account(brand)
    await make_account(brand, Platform.CHANNELS)

    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)

    found = await get_campaign(brand, campaign)
    assert found["status"] == "running"
    assert found["counts"]["planned"] == 2
    assert found["counts"]["scheduled"] == 2
    assert len(await list_posts(brand, campaign)) == 2
    assert len(await list_drafts(brand, campaign)) == 2
