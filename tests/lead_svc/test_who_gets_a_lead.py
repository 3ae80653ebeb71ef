"""Whom a lead is offered to."""

import asyncio
from datetime import timedelta

import pytest

from lead_svc.routing import Inputs, decide
from lead_svc.use_cases.qualify import QUALIFY
from shared.clock import now
from shared.events.account import (
    AccountSuspended,
    CertificateEarned,
    StaffAbsent,
    StaffDeparted,
    UnitKind,
)
from shared.events.lead import (
    LeadOffered,
    LeadPooled,
)
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.offering import (
    PHONE,
    loads,
    offer_of,
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
