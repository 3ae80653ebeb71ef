from typing import Any
from uuid import UUID

from shared.access import Role
from shared.events.lead import ContactStageChanged, DealVoided, DealWon, LeadVoided, Stage
from shared.ids import parse_id, typed
from tests.lead_svc.conftest import Brand, Store

CLOSED_AT = "2026-11-20T08:00:00Z"


async def accepted_lead(brand: Brand, store: Store) -> UUID:
    lead_id = await brand.lead(phone="13812348000", post_url=store.url)
    answer = await brand.post(
        f"/leads/{typed('lead', lead_id)}/accept", role=Role.KOS, staff_id=store.seller
    )
    answer.raise_for_status()
    return lead_id


async def win(brand: Brand, lead_id: UUID, *, closed_at: str = CLOSED_AT, **caller: Any) -> Any:
    body = {"lead_id": typed("lead", lead_id), "amount_minor": 25_980_000, "closed_at": closed_at}
    return await brand.post("/deals", body, **caller)


async def test_l15_a_deal_credits_the_owner_and_what_brought_the_lead(
    brand: Brand, store: Store
) -> None:
    lead_id = await accepted_lead(brand, store)

    answer = await win(brand, lead_id, role=Role.SCRM)

    assert answer.status_code == 201
    deal = answer.json()
    assert (deal["status"], deal["amount_minor"], deal["currency"]) == ("won", 25_980_000, "CNY")
    [won] = await brand.announced(DealWon)
    [contact] = await brand.rows("select id, stage from contact")
    assert won == DealWon(
        deal_id=parse_id("deal", deal["id"]),
        lead_id=lead_id,
        contact_id=contact["id"],
        staff_id=store.seller,
        unit_id=store.id,
        account_id=store.account,
        post_id=store.post,
        campaign_id=None,
        amount_minor=25_980_000,
        currency="CNY",
        closed_at=won.closed_at,
    )
    assert won.closed_at.isoformat() == "2026-11-20T08:00:00+00:00"


async def test_l15_a_sale_before_the_calendar_of_the_database_is_refused(
    brand: Brand, store: Store
) -> None:
    lead_id = await accepted_lead(brand, store)

    answer = await win(brand, lead_id, closed_at="0001-01-01T00:00:00+14:00")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert await brand.rows("select id from deal") == []


async def test_l15_more_money_than_there_is_is_refused(brand: Brand, store: Store) -> None:
    lead_id = await accepted_lead(brand, store)

    answers = [
        await brand.post("/deals", {"lead_id": typed("lead", lead_id), "amount_minor": amount})
        for amount in (2**63, 10**15 + 1, 0)
    ]

    assert [(each.status_code, each.json()["field"]) for each in answers] == [
        (422, "/amount_minor")
    ] * 3
    assert await brand.rows("select id from deal") == []


async def test_l15_a_deal_moves_the_contact_through_every_stage_up_to_it(
    brand: Brand, store: Store
) -> None:
    lead_id = await accepted_lead(brand, store)

    await win(brand, lead_id)
    await win(brand, lead_id)

    changes = await brand.announced(ContactStageChanged)
    assert [(change.from_stage, change.stage) for change in changes] == [
        (Stage.INTENT, Stage.ADVICE),
        (Stage.ADVICE, Stage.DEAL),
    ]


async def test_l15_a_deal_frees_its_owner_once(brand: Brand, store: Store) -> None:
    lead_id = await accepted_lead(brand, store)

    await win(brand, lead_id)
    await win(brand, lead_id)

    assert await brand.rows("select open_load from seller") == [{"open_load": 0}]


async def test_l15_a_lead_that_nobody_accepted_has_no_deal(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone="13812348000", post_url=store.url)

    answer = await win(brand, lead_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "lead_not_owned")
    assert answer.json()["field"] == "/lead_id"
    assert await brand.rows("select id from deal") == []
    assert await brand.announced(DealWon) == []


async def test_l15_voiding_a_deal_says_what_is_taken_back(brand: Brand, store: Store) -> None:
    lead_id = await accepted_lead(brand, store)
    deal_id = (await win(brand, lead_id)).json()["id"]

    voided = await brand.post(f"/deals/{deal_id}/void", {"reason": "客户退车"})
    again = await brand.post(f"/deals/{deal_id}/void", {"reason": "客户退车"})

    assert (voided.json()["status"], voided.json()["void_reason"]) == ("voided", "客户退车")
    assert (again.status_code, again.json()["code"]) == (409, "deal_voided")
    [event] = await brand.announced(DealVoided)
    assert (event.deal_id, event.staff_id, event.amount_minor, event.reason) == (
        parse_id("deal", deal_id),
        store.seller,
        25_980_000,
        "客户退车",
    )


async def test_l15_voiding_a_lead_voids_its_deals_and_names_its_owner(
    brand: Brand, store: Store
) -> None:
    lead_id = await accepted_lead(brand, store)
    await win(brand, lead_id)

    await brand.post(f"/leads/{typed('lead', lead_id)}/void", {"reason": "重复线索"})

    [voided] = await brand.announced(LeadVoided)
    assert (voided.staff_id, voided.post_id) == (store.seller, store.post)
    assert [event.reason for event in await brand.announced(DealVoided)] == ["重复线索"]
    assert await brand.rows("select status from deal") == [{"status": "voided"}]
    late = await win(brand, lead_id)
    assert (late.status_code, late.json()["code"]) == (409, "lead_voided")


async def test_l15_a_seller_closes_only_their_own_leads(brand: Brand, store: Store) -> None:
    lead_id = await accepted_lead(brand, store)
    colleague = await brand.add_seller(store.id)

    strange = await win(brand, lead_id, role=Role.KOS, staff_id=colleague)
    own = await win(brand, lead_id, role=Role.KOS, staff_id=store.seller)

    assert (strange.status_code, strange.json()["code"]) == (404, "lead_not_found")
    assert own.status_code == 201


async def test_l15_deals_are_found_by_their_leads(brand: Brand, store: Store) -> None:
    lead_id = await accepted_lead(brand, store)
    other_id = await brand.lead(phone="13912348000", post_url=store.url)
    deal = (await win(brand, lead_id)).json()
    ids = [typed("lead", other_id), typed("lead", lead_id)]

    answer = await brand.post("/deals/by-leads", {"ids": ids})

    assert answer.json() == {
        "items": [
            {"lead_id": ids[0], "total": 0, "deals": []},
            {"lead_id": ids[1], "total": 1, "deals": [deal]},
        ]
    }
