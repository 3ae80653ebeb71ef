"""A change of the rules reaches what is already scheduled."""

from content_svc.use_cases import campaigns, rechecking
from shared.events.content import DraftChecked, DraftHeld, PostWithdrawn, Verdict
from tests.caller import Json, uuid_of
from tests.content_svc.making import (
    Brand,
    get_campaign,
    list_drafts,
    list_posts,
    make_account,
    make_campaign,
    plan,
)
from tests.content_svc.sandbox import Worker


async def scheduled(brand: Brand) -> Json:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True, mode="distributed_creation")
    await plan(brand, campaign)
    return campaign


async def forbid(brand: Brand, word: str) -> None:
    answer = await brand.request("PUT", "/content-policy", json={"never_words": {word: "block"}})
    assert answer.status_code == 200


async def test_c5_a_new_rule_holds_what_is_scheduled(brand: Brand, worker: Worker) -> None:
    campaign = await scheduled(brand)
    draft, post = (await list_drafts(brand, campaign))[0], (await list_posts(brand, campaign))[0]
    before = len(await brand.events())

    await forbid(brand, "茶点")
    await worker.run(brand, rechecking.RECHECK, brand.id)

    held = (await list_drafts(brand, campaign))[0]
    rules = [finding["rule_id"] for finding in held["findings"]]
    about = {
        "draft_id": uuid_of(draft["id"]),
        "account_id": uuid_of(draft["account_id"]),
        "campaign_id": uuid_of(campaign["id"]),
    }
    assert (held["status"], held["verdict"], held["version"]) == ("held", "block", 4)
    assert (await list_posts(brand, campaign))[0]["failure_reason"] == "rules_changed"
    assert (await brand.events())[before:] == [
        DraftChecked(
            **about, verdict=Verdict.BLOCK, rules=rules, pack_version=held["pack_version"]
        ),
        DraftHeld(**about, rules=rules),
        PostWithdrawn(
            post_id=uuid_of(post["id"]),
            account_id=about["account_id"],
            campaign_id=about["campaign_id"],
            reason="rules_changed",
        ),
    ]


async def test_c5_the_last_look_before_release_catches_a_newer_rule_pack(
    brand: Brand, worker: Worker
) -> None:
    campaign = await scheduled(brand)
    await brand.sql(
        "update draft set pack_version = 'older', title = '最好的车'"
        " where brand_id = :b returning 1"
    )

    for _ in range(2):
        await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))

    counts = (await get_campaign(brand, campaign))["counts"]
    assert (counts["held"], counts["withdrawn"], counts["handed_off"]) == (1, 1, 0)


async def test_c5_a_text_that_still_passes_stays_scheduled_and_silent(
    brand: Brand, worker: Worker
) -> None:
    campaign = await scheduled(brand)
    before = await brand.events()

    await forbid(brand, "别的词")
    await worker.run(brand, rechecking.RECHECK, brand.id)

    assert await brand.events() == before
    assert (await get_campaign(brand, campaign))["counts"]["scheduled"] == 1


async def test_c3_a_draft_taken_back_by_the_rules_is_mended_and_goes_out(
    brand: Brand, worker: Worker
) -> None:
    campaign = await scheduled(brand)
    await forbid(brand, "茶点")
    await worker.run(brand, rechecking.RECHECK, brand.id)
    draft = (await list_drafts(brand, campaign))[0]

    await brand.post(f"/drafts/{draft['id']}/revise", {"text": "来上海的徐汇店看新车。"})
    await worker.run(brand, campaigns.DISPATCH, uuid_of(campaign["id"]))

    statuses = sorted(post["status"] for post in await list_posts(brand, campaign))
    assert statuses == ["handed_off", "withdrawn"]
