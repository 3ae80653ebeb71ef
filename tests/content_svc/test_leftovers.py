"""Drafts and queued posts of somebody who leaves: counted for the plan, and with the account."""

from uuid import UUID

from shared.access import Role
from shared.events.account import (
    AccountHandedOver,
    AccountRegistered,
    AccountRetired,
    DraftsAssigned,
    HandoverCancelled,
    HandoverOpened,
)
from shared.events.content import AccountDrafts, DraftsCounted, DraftsHandedOver
from shared.ids import typed, uuid7
from tests.caller import Json
from tests.content_svc.making import (
    Brand,
    list_posts,
    make_account,
    make_campaign,
    make_template,
    plan,
)

HELD = "国家级好车,{{city}}的朋友来{{store}}试驾,找{{seller}}。"


async def campaign_of(brand: Brand, **template: str) -> Json:
    """Planned for every account that there is."""
    campaign = await make_campaign(
        brand, launched=True, template=await make_template(brand, **template)
    )
    await plan(brand, campaign)
    return campaign


def opened(account: AccountRegistered, *others: AccountRegistered) -> HandoverOpened:
    assert account.staff_id is not None
    return HandoverOpened(
        handover_id=uuid7(),
        staff_id=account.staff_id,
        customers_of=[],
        account_ids=[each.account_id for each in (account, *others)],
    )


def assigned(
    handover: HandoverOpened, account: AccountRegistered, taker_id: UUID | None, unit_id: UUID
) -> DraftsAssigned:
    return DraftsAssigned(
        handover_id=handover.handover_id,
        account_id=account.account_id,
        from_staff_id=handover.staff_id,
        taker_id=taker_id,
        unit_id=unit_id,
    )


async def test_a6_what_waits_on_each_account_is_counted_for_the_plan(brand: Brand) -> None:
    left, empty = await make_account(brand), await make_account(brand)
    await campaign_of(brand)
    await campaign_of(brand, body=HELD)
    (post, *_) = [
        each
        for each in await brand.sql("select id, account_id from post where brand_id = :b")
        if each.account_id == empty.account_id
    ]
    await brand.post(f"/posts/{typed('post', post.id)}/withdraw", {"reason": "改期"})
    handover = opened(left, empty)

    await brand.tell(handover)

    assert await brand.events("kos.content_handover") == [
        DraftsCounted(
            handover_id=handover.handover_id,
            accounts=[
                AccountDrafts(account_id=left.account_id, drafts=1, posts=1),
                AccountDrafts(account_id=empty.account_id, drafts=1, posts=0),
            ],
        )
    ]


async def test_a6_drafts_and_posts_are_with_the_taker_whichever_is_heard_of_first(
    brand: Brand,
) -> None:
    account = await make_account(brand)
    campaign = await campaign_of(brand)
    await campaign_of(brand, body=HELD)
    handover, taker = opened(account), uuid7()
    gone = AccountHandedOver(
        account_id=account.account_id, staff_id=taker, unit_id=brand.other_store
    )

    await brand.tell(assigned(handover, account, taker, brand.other_store))
    before = (await list_posts(brand, campaign))[0]
    await brand.tell(gone)
    after = (await list_posts(brand, campaign))[0]

    assert before["staff_id"] == after["staff_id"] == typed("staff", taker)
    assert before["unit_id"] == after["unit_id"] == typed("unit", brand.other_store)
    assert await brand.events("kos.content_handover") == [
        DraftsHandedOver(
            handover_id=handover.handover_id, account_id=account.account_id, drafts=1, posts=1
        )
    ]
    seller = brand.acting(Role.KOS, staff_id=taker)
    assert len((await seller.get("/drafts"))["items"]) == 2


async def test_a6_who_runs_the_account_by_now_keeps_its_posts(brand: Brand) -> None:
    account = await make_account(brand)
    campaign = await campaign_of(brand)
    third = uuid7()
    await brand.tell(
        AccountHandedOver(account_id=account.account_id, staff_id=third, unit_id=brand.other_store)
    )

    await brand.tell(assigned(opened(account), account, uuid7(), brand.store))

    assert (await list_posts(brand, campaign))[0]["staff_id"] == typed("staff", third)


async def test_a6_what_waits_on_an_account_that_leaves_stays_and_is_counted(brand: Brand) -> None:
    account = await make_account(brand)
    campaign = await campaign_of(brand)
    handover = opened(account)
    await brand.tell(AccountRetired(account_id=account.account_id, reason="离职"))

    await brand.tell(assigned(handover, account, None, brand.store))

    assert account.staff_id is not None
    assert (await list_posts(brand, campaign))[0]["staff_id"] == typed("staff", account.staff_id)
    (told,) = await brand.events("kos.content_handover")
    assert isinstance(told, DraftsHandedOver)
    assert told.posts == 1


async def test_a6_nothing_is_counted_for_a_handover_that_was_cancelled(brand: Brand) -> None:
    account = await make_account(brand)
    handover = opened(account)
    await brand.tell(
        HandoverCancelled(
            handover_id=handover.handover_id, staff_id=handover.staff_id, reason="stays"
        )
    )

    await brand.tell(handover)

    assert await brand.events("kos.content_handover") == []
