import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lead_svc.models.offer import EXPIRE, WITHDRAW
from lead_svc.routing import Inputs, decide
from lead_svc.use_cases.qualify import QUALIFY
from shared.access import Role
from shared.clock import now
from shared.events import Event
from shared.events.account import (
    AccountSuspended,
    CertificateEarned,
    StaffAbsent,
    StaffDeparted,
    StaffReturned,
    UnitKind,
)
from shared.events.lead import (
    LeadAccepted,
    LeadDeclined,
    LeadExpired,
    LeadOffered,
    LeadPooled,
    LeadVoided,
    LeadWithdrawn,
)
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store

PHONE = "13812348000"


async def offer_of(brand: Brand, lead_id: UUID) -> dict[str, Any]:
    """The newest offer of the lead."""
    rows = await brand.rows(
        "select * from offer where lead_id = :lead order by attempt desc limit 1", lead=lead_id
    )
    return rows[0]


async def run_out(brand: Brand, offer_id: UUID) -> None:
    """Move the deadline into the past, as time would."""
    await brand.execute(
        "update offer set expires_at = now() - interval '1 second' where id = :id", id=offer_id
    )


async def loads(brand: Brand) -> dict[UUID, int]:
    return {row["id"]: row["open_load"] for row in await brand.rows("select * from seller")}


async def counted_loads(brand: Brand) -> dict[UUID, int]:
    """The same, counted from the offers and leads themselves."""
    rows = await brand.rows(
        """select id,
            (select count(*) from offer where staff_id = seller.id and status = 'open')
            + (select count(*) from lead where staff_id = seller.id and status = 'accepted'
                and closed_at is null) as load
        from seller"""
    )
    return {row["id"]: row["load"] for row in rows}


async def accept(brand: Brand, lead_id: UUID, staff_id: UUID) -> Any:
    return await brand.post(
        f"/leads/{typed('lead', lead_id)}/accept", role=Role.KOS, staff_id=staff_id
    )


async def test_l6_author_of_the_post_comes_first(brand: Brand, store: Store) -> None:
    for _ in range(3):
        await brand.add_seller(store.id)

    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    [decision] = await brand.rows("select * from decision where lead_id = :lead", lead=lead_id)
    assert decision["staff_id"] == store.seller
    assert decision["policy_version"] == 0
    assert [one["step"] for one in decision["candidates"]] == ["author"]


async def test_l6_a_full_author_gives_way_to_the_store_and_the_decision_replays(
    brand: Brand, store: Store
) -> None:
    await brand.execute("update seller set open_load = 10 where id = :id", id=store.seller)
    colleague = await brand.add_seller(store.id)

    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    [decision] = await brand.rows("select * from decision where lead_id = :lead", lead=lead_id)
    inputs = Inputs.from_json(decision["inputs"])
    assert decision["staff_id"] == colleague
    assert {c["staff_id"]: c["rejected_because"] for c in decision["candidates"]} == {
        typed("staff", store.seller): "full",
        typed("staff", colleague): None,
    }
    chosen = decide(inputs).chosen
    assert chosen is not None
    assert chosen.staff_id == colleague
    assert decision["explanation"]["kos"] == (
        "这条线索来自您所在的门店，由您跟进，请在 30 分钟内接单。"
    )


async def test_l6_without_anybody_able_in_the_store_the_region_gets_the_lead(
    brand: Brand, store: Store
) -> None:
    await brand.receive(StaffDeparted(staff_id=store.seller))
    far_path = await brand.add_unit(UnitKind.STORE, "S9", store.brand_path)
    far = await brand.add_seller(far_path[-1])
    near_path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    near = await brand.add_seller(near_path[-1], capacity=1)

    first = await brand.lead(phone=PHONE, post_url=store.url)
    second = await brand.lead(phone="13912348000", post_url=store.url)

    assert (await offer_of(brand, first))["staff_id"] == near
    assert (await offer_of(brand, second))["staff_id"] == far
    [lead] = await brand.rows("select unit_id, origin_unit_id from lead where id = :id", id=first)
    assert (lead["unit_id"], lead["origin_unit_id"]) == (near_path[-1], store.id)


async def test_l6_a_region_of_many_sellers_gives_the_lead_to_who_has_fewest(
    brand: Brand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lead_svc.repository.candidates.MANY", 2)
    await brand.receive(StaffDeparted(staff_id=store.seller))
    path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    sellers = [await brand.add_seller(path[-1], capacity=2) for _ in range(4)]

    leads = [await brand.lead(phone=f"1391234800{n}", post_url=store.url) for n in range(4)]

    offered = [(await offer_of(brand, lead))["staff_id"] for lead in leads]
    assert sorted(offered) == sorted(sellers)
    [decision] = await brand.rows("select * from decision where lead_id = :id", id=leads[0])
    assert decision["candidates"][-1]["step"] == "region"


@pytest.mark.parametrize(
    ("from_hours", "until_hours", "is_away"),
    [(-2, -1, False), (1, 2, False), (1, None, False), (-1, 1, True), (-1, None, True)],
)
async def test_l6_in_the_whole_brand_an_absence_counts_while_it_lasts(
    brand: Brand, from_hours: int, until_hours: int | None, is_away: bool
) -> None:
    path = await brand.add_unit(UnitKind.STORE, "S1")
    seller = await brand.add_seller(path[-1])
    until_at = None if until_hours is None else now() + timedelta(hours=until_hours)
    await brand.receive(
        StaffAbsent(staff_id=seller, from_at=now() + timedelta(hours=from_hours), until_at=until_at)
    )

    await brand.lead(phone=PHONE)

    assert (await loads(brand))[seller] == (0 if is_away else 1)
    assert len(await brand.announced(LeadPooled)) == is_away


async def test_l6_a_certified_seller_is_found_behind_many_who_are_not(
    brand: Brand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lead_svc.repository.candidates.FAR", 2)
    path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    busy = await brand.add_seller(path[-1])
    for _ in range(3):
        await brand.add_seller(path[-1])
    await brand.execute("update seller set open_load = 5 where id = :id", id=busy)
    async with brand.client() as client:
        await client.put(
            "/routing-policy",
            json={
                "steps": ["region", "brand"],
                "offer_minutes_by_grade": {"A": 1, "B": 1, "C": 1, "D": 1},
                "max_offers": 2,
                "required_right": "handling_leads",
            },
        )
    await brand.receive(
        CertificateEarned(
            staff_id=busy, right="handling_leads", expires_at=now() + timedelta(days=1)
        )
    )

    in_region = await brand.lead(phone=PHONE, post_url=store.url)
    in_brand = await brand.lead(phone="13912348000")

    assert (await offer_of(brand, in_region))["staff_id"] == busy
    assert (await offer_of(brand, in_brand))["staff_id"] == busy


async def test_l6_where_nobody_is_able_the_decision_says_why_and_counts_the_rest(
    brand: Brand, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lead_svc.repository.candidates.NEAR", 2)
    monkeypatch.setattr("lead_svc.repository.candidates.FAR", 1)
    for _ in range(4):
        await brand.add_seller(store.id)
    await brand.execute("update seller set open_load = open_lead_capacity")

    lead_id = await brand.lead(phone=PHONE, store_code="S1")

    [decision] = await brand.rows("select * from decision where lead_id = :id", id=lead_id)
    causes = {one["rejected_because"] for one in decision["candidates"]}
    assert (decision["outcome"], causes) == ("pooled", {"full"})
    assert len(decision["candidates"]) + decision["uncounted"] == 5


async def test_l6_a_suspended_account_brings_its_author_no_leads(
    brand: Brand, store: Store
) -> None:
    colleague = await brand.add_seller(store.id)
    await brand.receive(AccountSuspended(account_id=store.account, reason="penalty"))

    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    assert (await offer_of(brand, lead_id))["staff_id"] == colleague


async def test_l6_a_policy_that_demands_a_certificate_skips_who_has_none(
    brand: Brand, store: Store
) -> None:
    certified = await brand.add_seller(store.id)
    await brand.receive(
        CertificateEarned(
            staff_id=certified, right="handling_leads", expires_at=now() + timedelta(days=1)
        )
    )
    async with brand.client() as client:
        answer = await client.put(
            "/routing-policy",
            json={
                "steps": ["author", "store"],
                "offer_minutes_by_grade": {"A": 1, "B": 0.5, "C": 3, "D": 4},
                "max_offers": 2,
                "required_right": "handling_leads",
            },
        )

    lead_id = await brand.lead(phone=PHONE, post_url=store.url)

    offer = await offer_of(brand, lead_id)
    assert answer.json()["version"] == 1
    assert offer["staff_id"] == certified
    assert offer["expires_at"] - offer["offered_at"] == timedelta(seconds=30)


async def test_l6_two_leads_at_once_never_overfill_a_seller(brand: Brand, store: Store) -> None:
    await brand.execute("update seller set open_load = 9 where id = :id", id=store.seller)
    leads = [await brand.capture(phone=f"1381234800{n}", post_url=store.url) for n in range(4)]

    await asyncio.gather(*(brand.run_timer(QUALIFY, lead_id) for lead_id in leads))

    assert (await loads(brand))[store.seller] == 10
    offered = await brand.announced(LeadOffered)
    pooled = await brand.announced(LeadPooled)
    assert (len(offered), len(pooled)) == (1, 3)


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


async def decline(brand: Brand, lead_id: UUID, staff_id: UUID) -> Any:
    return await brand.post(
        f"/leads/{typed('lead', lead_id)}/decline",
        {"reason": "今天休息"},
        role=Role.KOS,
        staff_id=staff_id,
    )


async def void(brand: Brand, lead_id: UUID) -> Any:
    return await brand.post(f"/leads/{typed('lead', lead_id)}/void", {"reason": "测试线索"})
