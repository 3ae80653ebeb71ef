from datetime import timedelta

from lead_svc.use_cases.qualify import QUALIFY
from shared.events import Event
from shared.events.lead import LeadCaptured, LeadOffered, LeadPooled, LeadQualified, LeadVoided
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store

PHONE = "138 1234 8000"


async def test_l1_a_captured_lead_is_qualified_and_offered_once(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, name="陈小明", post_url=f"{store.url}?from=share")

    captured, qualified, offered = await brand.announced(Event)
    assert isinstance(captured, LeadCaptured)
    [contact] = await brand.rows("select id, lead_count, version from contact")
    assert contact["lead_count"] == 1
    assert isinstance(qualified, LeadQualified)
    assert qualified == LeadQualified(
        lead_id=lead_id,
        contact_id=contact["id"],
        is_new_contact=True,
        source="generic",
        submitted_at=captured.submitted_at,
        post_id=store.post,
        account_id=store.account,
        campaign_id=None,
        unit_id=store.id,
        score=55,
        grade="B",
    )
    assert isinstance(offered, LeadOffered)
    assert (offered.staff_id, offered.unit_id, offered.attempt) == (store.seller, store.id, 1)
    assert [row.version for row in await brand.outbox()] == [1, 2, 3]


async def test_l1_nobody_able_puts_the_lead_in_the_pool(brand: Brand) -> None:
    lead_id = await brand.lead(phone=PHONE)

    assert await brand.announced(LeadOffered) == []
    assert await brand.announced(LeadPooled) == [
        LeadPooled(lead_id=lead_id, unit_id=None, reason="nobody_able")
    ]


async def test_l4_a_lead_waits_a_while_for_news_of_its_post(brand: Brand, store: Store) -> None:
    url = "https://www.douyin.com/video/late"
    lead_id = await brand.capture(phone=PHONE, post_url=url)
    await brand.run_pipeline(grace=timedelta(minutes=1))
    waiting = await brand.timers()
    post_id = await brand.add_post(store.account, store.id, store.seller, url=url)

    await brand.run_timer(QUALIFY, lead_id)

    assert waiting == [(QUALIFY, lead_id)]
    [qualified] = await brand.announced(LeadQualified)
    assert qualified.post_id == post_id


async def test_l4_a_lead_goes_on_without_a_post_that_nobody_knows(brand: Brand) -> None:
    await brand.lead(phone=PHONE, post_url="https://www.douyin.com/video/strange")

    [qualified] = await brand.announced(LeadQualified)
    assert (qualified.post_id, qualified.account_id, qualified.unit_id) == (None, None, None)


async def test_l1_a_receipt_that_does_not_open_waits_for_a_person(brand: Brand) -> None:
    lead_id = await brand.capture(phone=PHONE)
    await brand.execute("update receipt set payload = '\\x00'")

    await brand.run_pipeline()

    [parked] = await brand.rows("select key, status, reason from parked")
    assert parked == {
        "key": typed("lead", lead_id),
        "status": "dead",
        "reason": "Poison: the receipt does not give the lead",
    }
    assert await brand.rows("select status from lead") == [{"status": "captured"}]


async def test_l3_a_lead_whose_delivery_was_erased_is_none(brand: Brand) -> None:
    lead_id = await brand.capture(phone=PHONE)
    await brand.execute("delete from data_key")

    await brand.settle()

    assert await brand.announced(LeadVoided) == [
        LeadVoided(
            lead_id=lead_id,
            reason="erased",
            staff_id=None,
            unit_id=None,
            account_id=None,
            post_id=None,
            campaign_id=None,
        )
    ]
    assert await brand.rows("select id from contact") == []
