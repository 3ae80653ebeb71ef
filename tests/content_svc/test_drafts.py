"""Drafts under the mode of their campaign; review; schedule."""

from datetime import datetime

from shared.access import Role
from shared.events.content import CampaignMode, DraftApproved, PostScheduled
from tests.caller import Json, uuid_of
from tests.content_svc.making import (
    Brand,
    account_id,
    get_campaign,
    list_drafts,
    list_posts,
    make_account,
    make_campaign,
    make_template,
    plan,
)

HELD = "国家级好车,{{city}}的朋友来{{store}}试驾,找{{seller}}。"


async def held_draft(brand: Brand, mode: CampaignMode, body: str = HELD) -> Json:
    """A planned draft that breaks a rule, so that it waits for a better text."""
    await make_account(brand, display_name="小陈")
    template = await make_template(brand, title="", body=body)
    campaign = await make_campaign(brand, template=template, launched=True, mode=mode)
    await plan(brand, campaign)
    draft = (await list_drafts(brand, campaign))[0]
    assert draft["status"] == "held"
    return draft


async def test_c2_the_same_revision_is_legal_in_mode_1_and_refused_in_mode_3(
    brand: Brand, other_brand: Brand
) -> None:
    own = {"title": "", "text": "周末来店里坐坐,茶点已经备好。"}
    free = await held_draft(brand, CampaignMode.DISTRIBUTED_CREATION)
    locked = await held_draft(other_brand, CampaignMode.CENTRAL_DISTRIBUTION)

    revised = await brand.post(f"/drafts/{free['id']}/revise", own)
    problem = await other_brand.refuse(f"/drafts/{locked['id']}/revise", own)

    assert (revised["status"], revised["text"]) == ("approved", own["text"])
    assert (problem["code"], problem["field"]) == ("mode_forbids", "/text")
    assert problem["detail"].startswith("central_distribution.exact_text:")


async def test_c2_mode_2_lets_marked_blocks_be_reworded_and_nothing_else(brand: Brand) -> None:
    draft = await held_draft(
        brand,
        CampaignMode.CENTRAL_ENABLEMENT,
        "欢迎到{{store}}。[[国家级好车等你。]]{{city}}见,找{{seller}}。",
    )
    path = f"/drafts/{draft['id']}/revise"

    problem = await brand.refuse(path, {"text": "欢迎到我家。新车等你。上海见,找小陈。"})
    revised = await brand.post(path, {"text": "欢迎到徐汇店。新车等你。上海见,找小陈。"})

    assert problem["detail"] == (
        "central_enablement.locked_text: only marked blocks may be reworded; "
        "missing: 欢迎到徐汇店。"
    )
    assert revised["status"] == "approved"


async def test_c2_mode_3_takes_no_texts_of_sellers(brand: Brand) -> None:
    account = await make_account(brand)
    campaign = await make_campaign(brand, mode="central_distribution")

    problem = await brand.refuse(
        "/drafts",
        {"account_id": account_id(account), "campaign_id": campaign["id"], "text": "我的话"},
    )

    assert problem["detail"].startswith("central_distribution.single_source:")


async def test_c2_mode_3_renders_the_same_choice_for_everybody(brand: Brand) -> None:
    for _ in range(12):
        await make_account(brand)
    slots = [{"name": "hello", "kind": "choice", "choices": ["你好", "早上好", "下午好"]}]
    template = await make_template(brand, title="", body="{{hello}},到店看看", slots=slots)

    exact = await make_campaign(
        brand, template=template, launched=True, mode="central_distribution"
    )
    varied = await make_campaign(
        brand, template=template, launched=True, mode="distributed_creation"
    )
    await plan(brand, exact)
    await plan(brand, varied)

    assert {draft["text"] for draft in await list_drafts(brand, exact)} == {"你好,到店看看"}
    assert len({draft["text"] for draft in await list_drafts(brand, varied)}) > 1


async def test_c3_a_mended_draft_takes_its_place_in_the_campaign(brand: Brand) -> None:
    draft = await held_draft(brand, CampaignMode.DISTRIBUTED_CREATION)

    revised = await brand.post(f"/drafts/{draft['id']}/revise", {"text": "好车,欢迎来试驾。"})

    posts = (await brand.get("/posts", campaign_id=draft["campaign_id"]))["items"]
    assert [(post["draft_id"], post["status"]) for post in posts] == [(draft["id"], "scheduled")]
    assert revised["version"] == draft["version"] + 2
    assert await brand.events("kos.post") == [
        PostScheduled(
            post_id=uuid_of(posts[0]["id"]),
            account_id=uuid_of(draft["account_id"]),
            campaign_id=uuid_of(draft["campaign_id"]),
            platform="xiaohongshu",
            due_at=datetime.fromisoformat(posts[0]["due_at"]),
        )
    ]


async def test_c3_a_scheduled_draft_can_no_longer_be_reworded(brand: Brand) -> None:
    await make_account(brand)
    campaign = await make_campaign(brand, launched=True, mode="distributed_creation")
    await plan(brand, campaign)
    draft = (await list_drafts(brand, campaign))[0]

    problem = await brand.refuse(f"/drafts/{draft['id']}/revise", {"text": "别的话"})

    assert problem["code"] == "draft_not_in_state"


async def test_c3_a_doubtful_text_goes_out_only_after_a_reviewer(brand: Brand) -> None:
    await brand.request("PUT", "/content-policy", json={"never_words": {"抢购": "review"}})
    await make_account(brand)
    template = await make_template(brand, title="", body="周末抢购,欢迎到店", slots=[])
    campaign = await make_campaign(brand, template=template, launched=True)
    await plan(brand, campaign)
    draft = (await list_drafts(brand, campaign))[0]
    assert (draft["status"], draft["verdict"]) == ("in_review", "review")
    assert await list_posts(brand, campaign) == []

    refused = await brand.acting(Role.KOS).refuse(f"/drafts/{draft['id']}/approve")
    reviewer = brand.acting(Role.COMPLIANCE)
    approved = await reviewer.post(f"/drafts/{draft['id']}/approve")

    assert refused["status"] == 403
    assert approved["status"] == "approved"
    assert (await get_campaign(brand, campaign))["counts"]["scheduled"] == 1
    assert [e for e in await brand.events() if isinstance(e, DraftApproved)] == [
        DraftApproved(
            draft_id=uuid_of(draft["id"]),
            account_id=uuid_of(draft["account_id"]),
            campaign_id=uuid_of(campaign["id"]),
        )
    ]


async def test_c3_a_held_draft_cannot_be_approved(brand: Brand) -> None:
    draft = await held_draft(brand, CampaignMode.DISTRIBUTED_CREATION)

    problem = await brand.refuse(f"/drafts/{draft['id']}/approve")

    assert problem["code"] == "draft_not_in_state"


async def test_c3_an_own_text_is_scheduled_once(brand: Brand) -> None:
    account = await make_account(brand)
    seller = brand.acting(Role.KOS, staff_id=account.staff_id)
    draft = await seller.post(
        "/drafts", {"account_id": account_id(account), "text": "今天店里很热闹"}
    )
    due = {"due_at": "2027-01-04T08:00:00Z"}

    post = await seller.post(f"/drafts/{draft['id']}/schedule", due)
    problem = await seller.refuse(f"/drafts/{draft['id']}/schedule", due)

    assert (post["status"], post["due_at"], post["campaign_id"]) == (
        "scheduled",
        "2027-01-04T08:00:00Z",
        None,
    )
    assert problem["code"] == "already_scheduled"
    assert ("post.dispatch", brand.id) in await brand.timers()


async def test_c3_a_stopped_campaign_takes_no_more_posts(brand: Brand) -> None:
    account = await make_account(brand)
    campaign = await make_campaign(brand, launched=True, mode="distributed_creation")
    draft = await brand.post(
        "/drafts",
        {"account_id": account_id(account), "campaign_id": campaign["id"], "text": "到店看看"},
    )
    await brand.post(f"/campaigns/{campaign['id']}/stop")

    problem = await brand.refuse(
        f"/drafts/{draft['id']}/schedule", {"due_at": "2027-01-04T08:00:00Z"}
    )

    assert problem["code"] == "campaign_not_in_state"
    assert (await brand.get("/posts"))["items"] == []


async def test_c3_a_seller_writes_only_for_their_own_account(brand: Brand) -> None:
    account, other = await make_account(brand), await make_account(brand)

    problem = await brand.acting(Role.KOS, staff_id=account.staff_id).refuse(
        "/drafts", {"account_id": account_id(other), "text": "今天店里很热闹"}
    )

    assert (problem["status"], problem["code"]) == (404, "account_not_found")


async def test_c5_the_check_names_field_span_and_suggestion_and_stores_nothing(
    brand: Brand,
) -> None:
    answer = await brand.post(
        "/compliance/check",
        {"title": "最好的车", "text": "欢迎来试驾", "platform": "xiaohongshu"},
    )

    finding = answer["findings"][0]
    assert answer["verdict"] == "block"
    assert (finding["field"], finding["rule_id"]) == ("title", "ABS-01")
    assert "最好的车"[finding["start"] : finding["end"]] == finding["matched"]
    assert finding["suggestion"]
    assert (await brand.get("/drafts"))["items"] == []
    assert await brand.events() == []


async def test_c5_the_brands_own_words_count(brand: Brand, other_brand: Brand) -> None:
    await brand.request("PUT", "/content-policy", json={"never_words": {"茶点": "block"}})
    body = {"text": "周末来店里坐坐,有茶点", "platform": "douyin"}

    own = await brand.post("/compliance/check", body)
    other = await other_brand.post("/compliance/check", body)

    assert (own["verdict"], [f["matched"] for f in own["findings"]]) == ("block", ["茶点"])
    assert (other["verdict"], other["findings"]) == ("pass", [])
