"""Campaigns: create, launch, compile, write, hold."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from content_svc.repository import campaigns as repository
from content_svc.use_cases import planning
from shared.access import Role
from shared.database import brand_session
from shared.events.account import (
    AccountRegistered,
    AccountStatus,
    CertificateEarned,
    CertificateExpired,
    Platform,
    StaffDeparted,
)
from shared.events.content import (
    CampaignLaunched,
    CampaignMode,
    DraftApproved,
    DraftChecked,
    DraftHeld,
    PostScheduled,
    Verdict,
)
from shared.ids import typed
from tests.caller import uuid_of
from tests.content_svc.making import (
    Brand,
    account_id,
    get_campaign,
    list_drafts,
    list_posts,
    make_account,
    make_campaign,
    make_template,
    make_video,
    plan,
)
from tests.content_svc.test_crash import many_accounts


async def test_c9_a_launch_plans_one_post_for_every_active_account(brand: Brand) -> None:
    account = await make_account(brand)
    await make_account(brand, Platform.CHANNELS)
    await make_account(brand, status=AccountStatus.PENDING)
    leaver = await make_account(brand)
    assert leaver.staff_id is not None
    await brand.tell(StaffDeparted(staff_id=leaver.staff_id))

    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)

    found = await get_campaign(brand, campaign)
    assert found["status"] == "running"
    assert found["counts"] == {
        "planned": 2,
        "held": 0,
        "scheduled": 2,
        "handed_off": 0,
        "published": 0,
        "failed": 0,
        "withdrawn": 0,
    }
    campaign_id = uuid_of(campaign["id"])
    assert await brand.events("kos.campaign") == [
        CampaignLaunched(
            campaign_id=campaign_id,
            name="新车上市",
            code=campaign["code"],
            mode=CampaignMode.CENTRAL_ENABLEMENT,
            planned=2,
            starts_at=datetime.fromisoformat(campaign["starts_at"]),
            ends_at=datetime.fromisoformat(campaign["ends_at"]),
        )
    ]
    posts = {post["account_id"]: post for post in await list_posts(brand, campaign)}
    drafts = {draft["account_id"]: draft for draft in await list_drafts(brand, campaign)}
    post, draft = posts[account_id(account)], drafts[account_id(account)]
    about = {
        "draft_id": uuid_of(draft["id"]),
        "account_id": account.account_id,
        "campaign_id": campaign_id,
    }
    told = await brand.events_with_versions()
    about_account = [
        pair for pair in told if getattr(pair[0], "account_id", None) == account.account_id
    ]
    assert about_account == [
        (
            DraftChecked(
                **about, verdict=Verdict.PASS, rules=[], pack_version=draft["pack_version"]
            ),
            1,
        ),
        (DraftApproved(**about), 2),
        (
            PostScheduled(
                post_id=uuid_of(post["id"]),
                account_id=account.account_id,
                campaign_id=campaign_id,
                platform=Platform.XIAOHONGSHU,
                due_at=datetime.fromisoformat(post["due_at"]),
            ),
            1,
        ),
    ]


async def test_c9_the_target_narrows_by_unit_platform_and_persona(brand: Brand) -> None:
    wanted = await make_account(brand, unit_id=brand.store, persona_kind="topic_expert")
    await make_account(brand, unit_id=brand.other_store, persona_kind="topic_expert")
    await make_account(brand, Platform.CHANNELS, persona_kind="topic_expert")
    await make_account(brand, persona_kind="private_partner")
    template = await make_template(brand)

    campaign = await make_campaign(
        brand,
        template=template,
        launched=True,
        target={
            "unit_ids": [typed("unit", brand.region)],
            "platforms": ["xiaohongshu"],
            "persona_kinds": ["topic_expert"],
        },
    )
    await plan(brand, campaign)

    assert [draft["account_id"] for draft in await list_drafts(brand, campaign)] == [
        account_id(wanted)
    ]


async def test_c9_the_target_may_ask_for_rights_that_last_until_the_campaign_ends(
    brand: Brand,
) -> None:
    certified, expiring, lapsed, half, _ = [await make_account(brand) for _ in range(5)]
    template = await make_template(brand)
    campaign = await make_campaign(brand, template=template, target={"rights": RIGHTS})
    end = datetime.fromisoformat(campaign["ends_at"])
    for account, expires_at in (
        (certified, end),
        (expiring, end - timedelta(seconds=1)),
        (lapsed, end),
    ):
        await brand.tell(*earned(account, expires_at, *RIGHTS))
    await brand.tell(*earned(half, end, "live"))
    assert lapsed.staff_id is not None
    await brand.tell(CertificateExpired(staff_id=lapsed.staff_id, right="live"))

    await brand.post(f"/campaigns/{campaign['id']}/launch")
    await plan(brand, campaign)

    assert campaign["target"]["rights"] == RIGHTS
    assert [draft["account_id"] for draft in await list_drafts(brand, campaign)] == [
        account_id(certified)
    ]


RIGHTS = ["live", "free_posting"]


def earned(
    account: AccountRegistered, expires_at: datetime, *rights: str
) -> list[CertificateEarned]:
    assert account.staff_id is not None
    return [
        CertificateEarned(staff_id=account.staff_id, right=right, expires_at=expires_at)
        for right in rights
    ]


async def test_c9_a_target_that_nobody_fits_is_refused(brand: Brand) -> None:
    campaign = await make_campaign(brand)

    problem = await brand.refuse(f"/campaigns/{campaign['id']}/launch")

    assert (problem["code"], problem["field"]) == ("nobody_targeted", "/target")
    assert (await get_campaign(brand, campaign))["status"] == "draft"


async def test_c9_douyin_without_a_video_is_refused_at_launch(brand: Brand) -> None:
    await make_account(brand, Platform.DOUYIN)
    campaign = await make_campaign(brand)

    problem = await brand.refuse(f"/campaigns/{campaign['id']}/launch")

    assert (problem["status"], problem["field"]) == (422, "/asset_ids")

    with_film = await make_campaign(brand, asset_ids=[await make_video(brand)])
    assert (await brand.post(f"/campaigns/{with_film['id']}/launch"))["status"] == "planning"


async def test_c1_an_asset_whose_licence_ends_before_the_campaign_is_refused(
    brand: Brand,
) -> None:
    await make_account(brand)
    answer = await brand.request(
        "POST",
        "/assets",
        params={"name": "photo", "kind": "image", "licensed_until": "2026-01-31"},
        content=b"x",
    )
    campaign = await make_campaign(brand, asset_ids=[answer.json()["id"]])

    problem = await brand.refuse(f"/campaigns/{campaign['id']}/launch")

    assert (problem["field"], problem["detail"]) == (
        "/asset_ids/0",
        "the licence ends on 2026-01-31",
    )


async def test_c9_launching_twice_is_refused_and_silent(brand: Brand) -> None:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)

    problem = await brand.refuse(f"/campaigns/{campaign['id']}/launch")

    assert problem["code"] == "campaign_not_in_state"


async def test_c9_moments_spread_over_the_window_and_are_the_same_again(brand: Brand) -> None:
    await many_accounts(brand, 200)
    start = datetime(2027, 1, 4, 8, tzinfo=UTC)
    campaign = await make_campaign(
        brand,
        launched=True,
        starts_at=start.isoformat(),
        ends_at=(start + timedelta(hours=10)).isoformat(),
    )
    campaign_id = uuid_of(campaign["id"])
    places = "select account_id, due_at from campaign_place where brand_id = :b order by 1"
    await _compile(brand, campaign_id)
    first = await brand.sql(places)

    await brand.sql("delete from campaign_place where brand_id = :b returning 1")
    await brand.sql(
        "update campaign set is_compiled = false, compiled_through = null"
        " where brand_id = :b returning 1"
    )
    await _compile(brand, campaign_id)

    assert await brand.sql(places) == first
    hours = [(due_at - start) / timedelta(hours=1) for _, due_at in first]
    assert len(hours) == 200
    assert min(hours) >= 0
    assert max(hours) < 10
    per_hour = [sum(hour <= at < hour + 1 for at in hours) for hour in range(10)]
    assert min(per_hour) >= 8


async def test_c9_campaigns_keep_an_accounts_posts_apart(brand: Brand) -> None:
    await make_account(brand)
    start = datetime(2027, 1, 4, 8, tzinfo=UTC)
    for _ in range(4):
        campaign = await make_campaign(
            brand,
            launched=True,
            starts_at=start.isoformat(),
            ends_at=(start + timedelta(hours=2)).isoformat(),
            posts_per_account_gap_minutes=60,
        )
        await plan(brand, campaign)

    times = [
        due_at
        for (due_at,) in await brand.sql(
            "select due_at from campaign_place where brand_id = :b order by 1"
        )
    ]

    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 3
    assert min(gaps) >= timedelta(hours=1)


async def test_c9_compiling_a_range_again_adds_nothing(brand: Brand) -> None:
    await many_accounts(brand, 30)
    campaign = await make_campaign(brand, launched=True)
    campaign_id = uuid_of(campaign["id"])
    more: list[bool] = []
    for _ in range(2):
        async with brand_session(brand.sessions, brand.id) as session:
            row = await repository.get_campaign_for_update(session, brand.id, campaign_id)
            more.append(await repository.compile_range(session, row, size=20))
            row.compiled_through = None

    assert more == [True, True]
    assert (await get_campaign(brand, campaign))["counts"]["planned"] == 20


@pytest.mark.parametrize("size", [10, 15, 40])
async def test_c9_ranges_without_a_targeted_account_are_stepped_over(
    brand: Brand, size: int
) -> None:
    await many_accounts(brand, 30)
    await brand.sql(
        """update account_directory set status = 'suspended' where brand_id = :b and account_id in
            (select account_id from account_directory where brand_id = :b order by 1 limit 21)
            returning account_id"""
    )
    campaign = await make_campaign(brand, launched=True)
    more: list[bool] = []
    while not more or more[-1]:
        async with brand_session(brand.sessions, brand.id) as session:
            row = await repository.get_campaign_for_update(
                session, brand.id, uuid_of(campaign["id"])
            )
            more.append(await repository.compile_range(session, row, size=size))

    assert len(more) == 30 // size + 1
    assert (await get_campaign(brand, campaign))["counts"]["planned"] == 9


async def test_c5_a_text_that_breaks_the_rules_is_held_and_says_why(brand: Brand) -> None:
    account = await make_account(brand)
    template = await make_template(brand, title="", body="这是全网最低价的国家级新车", slots=[])

    campaign = await make_campaign(brand, template=template, launched=True)
    await plan(brand, campaign)

    draft = (await list_drafts(brand, campaign))[0]
    rules = sorted({finding["rule_id"] for finding in draft["findings"]})
    assert (draft["status"], draft["verdict"]) == ("held", "block")
    assert rules == ["ABS-01", "PRC-01"]
    found = next(f for f in draft["findings"] if f["rule_id"] == "ABS-01")
    assert draft["text"][found["start"] : found["end"]] == found["matched"] == "国家级"
    assert (await get_campaign(brand, campaign))["counts"]["held"] == 1
    assert await list_posts(brand, campaign) == []
    about = {
        "draft_id": uuid_of(draft["id"]),
        "account_id": account.account_id,
        "campaign_id": uuid_of(campaign["id"]),
    }
    assert await brand.events("kos.draft") == [
        DraftChecked(
            **about, verdict=Verdict.BLOCK, rules=rules, pack_version=draft["pack_version"]
        ),
        DraftHeld(**about, rules=rules),
    ]


async def test_c8_a_seller_without_a_city_is_held_while_the_others_go_on(brand: Brand) -> None:
    rootless = await make_account(brand, unit_id=brand.root)
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)

    await plan(brand, campaign)

    drafts = {draft["account_id"]: draft for draft in await list_drafts(brand, campaign)}
    held = drafts[account_id(rootless)]
    assert (held["status"], held["findings"][0]["rule_id"]) == ("held", planning.SLOT_MISSING)
    assert held["findings"][0]["suggestion"] == "slot city needs a value"
    assert (await get_campaign(brand, campaign))["counts"]["scheduled"] == 1


async def test_c8_a_campaign_without_a_price_that_its_template_needs_is_refused(
    brand: Brand,
) -> None:
    template = await make_template(
        brand, body="到店价{{price}}", slots=[{"name": "price", "kind": "price"}]
    )
    body = {
        "code": "spring",
        "name": "春季",
        "mode": "central_enablement",
        "template_id": template["id"],
        "starts_at": "2027-01-04T08:00:00Z",
        "ends_at": "2027-01-05T08:00:00Z",
    }

    problem = await brand.refuse("/campaigns", body)

    assert (problem["code"], problem["field"]) == ("slot_missing", "/slot_values/price")
    await brand.post("/campaigns", body | {"slot_values": {"price": "199800元"}})


async def test_c9_a_campaign_code_is_unique_in_the_brand(brand: Brand, other_brand: Brand) -> None:
    await make_campaign(brand, code="launch-1")
    template = await make_template(brand)
    body = {
        "code": "launch-1",
        "name": "again",
        "mode": "central_enablement",
        "template_id": template["id"],
        "starts_at": "2027-01-04T08:00:00Z",
        "ends_at": "2027-01-05T08:00:00Z",
    }

    problem = await brand.refuse("/campaigns", body)

    assert (problem["code"], problem["field"]) == ("campaign_code_taken", "/code")
    await make_campaign(other_brand, code="launch-1")


async def test_g3_repeating_a_write_with_its_key_creates_one_campaign(brand: Brand) -> None:
    template = await make_template(brand)
    body = {
        "code": "once",
        "name": "once",
        "mode": "central_enablement",
        "template_id": template["id"],
        "starts_at": "2027-01-04T08:00:00Z",
        "ends_at": "2027-01-05T08:00:00Z",
    }

    first = await brand.post("/campaigns", body, key="k-1")
    again = await brand.post("/campaigns", body, key="k-1")

    assert again == first
    assert len((await brand.get("/campaigns"))["items"]) == 1


async def test_g2_a_campaign_of_another_brand_does_not_exist(
    brand: Brand, other_brand: Brand
) -> None:
    campaign = await make_campaign(brand)

    problem = await other_brand.refuse(f"/campaigns/{campaign['id']}/launch")
    found = await other_brand.post("/campaigns/by-ids", {"ids": [campaign["id"]]})

    assert (problem["status"], problem["code"]) == (404, "campaign_not_found")
    assert found == {"items": [], "missing": [campaign["id"]]}


async def test_g2_a_seller_may_not_launch(brand: Brand) -> None:
    campaign = await make_campaign(brand)

    problem = await brand.acting(Role.KOS).refuse(f"/campaigns/{campaign['id']}/launch")

    assert (problem["status"], problem["code"]) == (403, "not_allowed")


async def test_g2_a_manager_sees_the_posts_of_the_subtree_and_a_seller_their_own(
    brand: Brand,
) -> None:
    near = await make_account(brand, unit_id=brand.store)
    far = await make_account(brand, unit_id=brand.other_store)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)

    manager = brand.acting(Role.REGION_MANAGER, unit_ids=(brand.region,))
    seller = brand.acting(Role.KOS, staff_id=far.staff_id)

    for caller, account in ((manager, near), (seller, far)):
        for path in ("/posts", "/drafts"):
            seen = await caller.get(path)
            assert [item["account_id"] for item in seen["items"]] == [account_id(account)]
    hidden = (await seller.get("/posts"))["items"][0]["id"]
    assert (await manager.post("/posts/by-ids", {"ids": [hidden]}))["missing"] == [hidden]
    problem = await manager.refuse(f"/posts/{hidden}/withdraw", {"reason": "not mine"})
    assert problem["status"] == 404


async def test_g1_a_page_of_posts_goes_on_where_it_ended(brand: Brand) -> None:
    await many_accounts(brand, 5)
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)

    first = await brand.get("/posts", first=3)
    rest = await brand.get("/posts", first=3, after=first["page"]["end_cursor"])

    ids = [post["id"] for post in first["items"] + rest["items"]]
    assert (first["page"]["has_next"], rest["page"]["has_next"]) == (True, False)
    assert len(set(ids)) == 5
    assert ids == sorted(ids, reverse=True)


async def test_g5_every_step_of_a_campaign_is_audited(brand: Brand) -> None:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True)
    for verb in ("pause", "resume", "stop"):
        await brand.post(f"/campaigns/{campaign['id']}/{verb}")

    assert [row for row in await brand.audited() if row[2] == campaign["id"]] == [
        ("test-admin", f"campaign.{verb}", campaign["id"])
        for verb in ("create", "launch", "pause", "resume", "stop")
    ]
    assert [event.type.split(".")[2] for event in await brand.events("kos.campaign")] == [
        "launched",
        "paused",
        "resumed",
        "stopped",
    ]


async def _compile(brand: Brand, campaign_id: UUID) -> None:
    async with brand_session(brand.sessions, brand.id) as session:
        assert await planning.plan_step(session, brand.id, campaign_id)
