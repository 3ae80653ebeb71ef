"""What becomes of an offer: answers, deadlines, absences, voids."""

import pytest

from lead_svc.models.offer import EXPIRE, WITHDRAW
from shared.access import Role
from shared.clock import now
from shared.events import Event
from shared.events.account import (
    StaffAbsent,
    StaffDeparted,
    StaffReturned,
    UnitKind,
)
from shared.events.lead import (
    LeadAccepted,
    LeadDeclined,
    LeadExpired,
    LeadPooled,
    LeadVoided,
    LeadWithdrawn,
)
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.offering import (
    PHONE,
    accept,
    counted_loads,
    decline,
    loads,
    offer_of,
    run_out,
    void,
)


async def test_l7_accepting_stops_the_clock_and_makes_the_owner(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    offer = await offer_of(brand, lead_id)
    started = await brand.timers()

    answer = await accept(brand, lead_id, store.seller)

    assert started == [(EXPIRE, offer["id"])]
    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert answer.json()["staff_id"] == typed("staff", store.seller)
    assert await brand.timers() == []
    [contact] = await brand.rows("select id, owner_staff_id from contact")
    assert contact["owner_staff_id"] == store.seller
    [accepted] = await brand.announced(LeadAccepted)
    assert accepted == LeadAccepted(
        lead_id=lead_id,
        offer_id=offer["id"],
        contact_id=contact["id"],
        staff_id=store.seller,
        unit_id=store.id,
        account_id=store.account,
        post_id=store.post,
        campaign_id=None,
        accepted_at=accepted.accepted_at,
        score=answer.json()["score"],
        grade=answer.json()["grade"],
    )
    assert accepted.grade is not None
    assert (await loads(brand))[store.seller] == 1


async def test_l7_accepting_twice_is_harmless(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    await accept(brand, lead_id, store.seller)

    again = await accept(brand, lead_id, store.seller)

    assert (again.status_code, again.json()["status"]) == (200, "accepted")
    assert len(await brand.announced(LeadAccepted)) == 1


async def test_l7_another_seller_may_not_take_what_is_taken(brand: Brand, store: Store) -> None:
    colleague = await brand.add_seller(store.id)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    declined = await decline(brand, lead_id, store.seller)
    await accept(brand, lead_id, colleague)

    late = await accept(brand, lead_id, store.seller)

    assert declined.status_code == 200
    assert (late.status_code, late.json()["code"]) == (409, "lead_taken")
    assert len(await brand.announced(LeadAccepted)) == 1


async def test_l7_a_lead_that_was_never_offered_does_not_exist_for_a_seller(
    brand: Brand, store: Store
) -> None:
    stranger = await brand.add_seller(store.id)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    answer = await accept(brand, lead_id, stranger)

    assert (answer.status_code, answer.json()["code"]) == (404, "lead_not_found")
    assert await brand.announced(LeadAccepted) == []


async def test_l7_an_offer_that_ran_out_cannot_be_accepted(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    await run_out(brand, (await offer_of(brand, lead_id))["id"])

    answer = await accept(brand, lead_id, store.seller)

    assert (answer.status_code, answer.json()["code"]) == (409, "offer_expired")
    assert await brand.announced(LeadAccepted) == []


async def test_l7_a_silent_seller_loses_the_lead_to_the_next(brand: Brand, store: Store) -> None:
    colleague = await brand.add_seller(store.id)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    first = await offer_of(brand, lead_id)
    await run_out(brand, first["id"])

    await brand.run_timer(EXPIRE, first["id"])
    await brand.run_timer(EXPIRE, first["id"])

    second = await offer_of(brand, lead_id)
    assert (second["staff_id"], second["attempt"], second["status"]) == (colleague, 2, "open")
    assert await brand.announced(LeadExpired) == [
        LeadExpired(lead_id=lead_id, offer_id=first["id"], staff_id=store.seller)
    ]
    assert await loads(brand) == {store.seller: 0, colleague: 1}
    late = await accept(brand, lead_id, store.seller)
    assert (late.status_code, late.json()["code"]) == (409, "offer_expired")


async def test_l7_a_clock_that_rings_early_or_late_does_nothing(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    offer = await offer_of(brand, lead_id)

    await brand.run_timer(EXPIRE, offer["id"])
    await accept(brand, lead_id, store.seller)
    await run_out(brand, offer["id"])
    await brand.run_timer(EXPIRE, offer["id"])

    assert await brand.announced(LeadExpired) == []
    assert (await offer_of(brand, lead_id))["status"] == "accepted"


async def test_l7_after_the_last_seller_the_lead_lies_in_the_pool(
    brand: Brand, store: Store
) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    offer = await offer_of(brand, lead_id)
    await run_out(brand, offer["id"])

    await brand.run_timer(EXPIRE, offer["id"])

    assert await brand.announced(LeadPooled) == [
        LeadPooled(lead_id=lead_id, unit_id=store.id, reason="nobody_able")
    ]
    [lead] = await brand.rows("select status, staff_id, offer_id, unit_id from lead")
    assert lead == {
        "status": "pooled",
        "staff_id": None,
        "offer_id": None,
        "unit_id": store.id,
    }
    assert await loads(brand) == {store.seller: 0}


async def test_l7_declining_hands_the_lead_on_at_once(brand: Brand, store: Store) -> None:
    colleague = await brand.add_seller(store.id)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    first = await offer_of(brand, lead_id)

    answer = await decline(brand, lead_id, store.seller)
    again = await decline(brand, lead_id, store.seller)

    assert (answer.status_code, again.status_code) == (200, 200)
    assert await brand.announced(LeadDeclined) == [
        LeadDeclined(
            lead_id=lead_id, offer_id=first["id"], staff_id=store.seller, reason="今天休息"
        )
    ]
    assert (await offer_of(brand, lead_id))["staff_id"] == colleague
    assert [kind for kind, _ in await brand.timers()] == [EXPIRE]


@pytest.mark.parametrize("kind", ["absent", "departed"])
async def test_l7_open_offers_of_who_is_away_go_to_others(
    brand: Brand, store: Store, kind: str
) -> None:
    colleague = await brand.add_seller(store.id)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    offer = await offer_of(brand, lead_id)
    events: dict[str, Event] = {
        "absent": StaffAbsent(staff_id=store.seller, from_at=now()),
        "departed": StaffDeparted(staff_id=store.seller),
    }
    await brand.receive(events[kind])

    await brand.run_timer(WITHDRAW, offer["id"])
    await brand.run_timer(WITHDRAW, offer["id"])

    assert await brand.announced(LeadWithdrawn) == [
        LeadWithdrawn(lead_id=lead_id, offer_id=offer["id"], staff_id=store.seller, reason=kind)
    ]
    assert (await offer_of(brand, lead_id))["staff_id"] == colleague
    assert await loads(brand) == {store.seller: 0, colleague: 1}
    answer = await accept(brand, lead_id, store.seller)
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_closed")


async def test_l7_who_is_back_in_time_keeps_the_offer(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    offer = await offer_of(brand, lead_id)
    await brand.receive(StaffAbsent(staff_id=store.seller, from_at=now()))
    await brand.receive(StaffReturned(staff_id=store.seller))

    await brand.run_timer(WITHDRAW, offer["id"])

    assert await brand.announced(LeadWithdrawn) == []
    assert (await offer_of(brand, lead_id))["status"] == "open"


async def test_l7_loads_equal_what_the_rows_say(brand: Brand, store: Store) -> None:
    await brand.add_seller(store.id)
    leads = [await brand.lead(phone=f"1381234800{n}", post_url=store.url) for n in range(4)]
    await accept(brand, leads[0], store.seller)
    await decline(brand, leads[1], store.seller)
    offer = await offer_of(brand, leads[2])
    await run_out(brand, offer["id"])
    await brand.run_timer(EXPIRE, offer["id"])
    await void(brand, leads[0])
    await void(brand, leads[3])

    assert await loads(brand) == await counted_loads(brand)
    assert sum((await loads(brand)).values()) == 2


async def test_l7_a_manager_answers_for_a_seller_of_their_store(brand: Brand, store: Store) -> None:
    other_path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)
    path = f"/leads/{typed('lead', lead_id)}/accept"
    body = {"staff_id": typed("staff", store.seller)}

    stranger = await brand.post(path, body, role=Role.STORE_MANAGER, unit_ids=(other_path[-1],))
    unnamed = await brand.post(path, role=Role.STORE_MANAGER, unit_ids=(store.id,))
    own = await brand.post(path, body, role=Role.STORE_MANAGER, unit_ids=(store.region,))

    assert (stranger.status_code, stranger.json()["code"]) == (404, "lead_not_found")
    assert (unnamed.status_code, unnamed.json()["field"]) == (422, "/staff_id")
    assert (own.status_code, own.json()["status"]) == (200, "accepted")


async def test_l15_voiding_takes_an_open_offer_back(brand: Brand, store: Store) -> None:
    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    answer = await void(brand, lead_id)
    again = await void(brand, lead_id)

    assert (answer.status_code, answer.json()["status"]) == (200, "voided")
    assert (again.status_code, again.json()["code"]) == (409, "lead_voided")
    assert await brand.announced(LeadVoided) == [
        LeadVoided(
            lead_id=lead_id,
            reason="测试线索",
            staff_id=None,
            unit_id=store.id,
            account_id=store.account,
            post_id=store.post,
            campaign_id=None,
        )
    ]
    assert await brand.timers() == []
    assert await loads(brand) == {store.seller: 0}
