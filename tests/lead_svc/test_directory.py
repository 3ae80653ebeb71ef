from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lead_svc.repository.directory import find_account, url_key
from shared.clock import now
from shared.database import brand_session
from shared.events import Event
from shared.events.account import (
    AccountActivated,
    AccountChanged,
    AccountHandedOver,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    AccountSuspended,
    CertificateEarned,
    CertificateExpired,
    Platform,
    StaffAbsent,
    StaffChanged,
    StaffDeparted,
    StaffJoined,
    StaffReturned,
    UnitChanged,
    UnitKind,
    UnitMoved,
)
from shared.ids import uuid7
from tests.lead_svc.conftest import Brand, Store


async def path_of(brand: Brand, unit_id: UUID) -> list[UUID]:
    rows = await brand.rows("select ancestor_ids from org_unit where id = :id", id=unit_id)
    path: list[UUID] = rows[0]["ancestor_ids"]
    return path


async def seller_row(brand: Brand, staff_id: UUID) -> dict[str, Any]:
    rows = await brand.rows("select * from seller where id = :id", id=staff_id)
    return rows[0]


async def test_a1_a_moved_unit_takes_everything_below_it_along(brand: Brand) -> None:
    root = await brand.add_unit(UnitKind.BRAND, "HQ")
    east = await brand.add_unit(UnitKind.REGION, "EAST", root)
    west = await brand.add_unit(UnitKind.REGION, "WEST", root)
    store = await brand.add_unit(UnitKind.STORE, "S1", east)
    team = await brand.add_unit(UnitKind.TEAM, "T1", store)

    await brand.receive(UnitMoved(unit_id=store[-1], ancestor_ids=[*west, store[-1]]))

    assert await path_of(brand, store[-1]) == [*west, store[-1]]
    assert await path_of(brand, team[-1]) == [*west, store[-1], team[-1]]
    assert await path_of(brand, east[-1]) == east
    [row] = await brand.rows("select parent_id from org_unit where id = :id", id=store[-1])
    assert row["parent_id"] == west[-1]


async def test_a1_news_of_a_child_with_an_older_path_joins_the_parents_new_place(
    brand: Brand,
) -> None:
    root = await brand.add_unit(UnitKind.BRAND, "HQ")
    east = await brand.add_unit(UnitKind.REGION, "EAST", root)
    west = await brand.add_unit(UnitKind.REGION, "WEST", root)
    store = await brand.add_unit(UnitKind.STORE, "S1", east)
    await brand.receive(UnitMoved(unit_id=store[-1], ancestor_ids=[*west, store[-1]]))

    team = await brand.add_unit(UnitKind.TEAM, "T1", store)

    assert await path_of(brand, team[-1]) == [*west, store[-1], team[-1]]


async def test_a1_a_child_that_comes_before_its_parent_is_placed_when_it_comes(
    brand: Brand,
) -> None:
    root = await brand.add_unit(UnitKind.BRAND, "HQ")
    east = [*root, uuid7()]
    store = await brand.add_unit(UnitKind.STORE, "S1", east)

    await brand.receive(
        UnitChanged(
            unit_id=east[-1], kind=UnitKind.REGION, code="EAST", name="华东", ancestor_ids=east
        )
    )

    assert await path_of(brand, store[-1]) == [*east, store[-1]]
    assert (await brand.rows("select name from org_unit where code = 'EAST'"))[0]["name"] == "华东"


async def test_a1_a_change_of_a_seller_keeps_absence_and_load(brand: Brand, store: Store) -> None:
    from_at = now()
    await brand.receive(StaffAbsent(staff_id=store.seller, from_at=from_at, until_at=None))
    await brand.execute("update seller set open_load = 3")

    await brand.receive(
        StaffChanged(
            staff_id=store.seller,
            unit_id=store.region,
            is_seller=False,
            open_lead_capacity=4,
            skills=["tools"],
        )
    )

    row = await seller_row(brand, store.seller)
    assert (row["unit_id"], row["is_seller"], row["open_lead_capacity"]) == (
        store.region,
        False,
        4,
    )
    assert (row["skills"], row["absent_from"], row["open_load"]) == (["tools"], from_at, 3)


async def test_a1_absence_return_departure_and_coming_back(brand: Brand, store: Store) -> None:
    from_at, until_at = now(), now() + timedelta(days=1)

    await brand.receive(StaffAbsent(staff_id=store.seller, from_at=from_at, until_at=until_at))
    absent = await seller_row(brand, store.seller)
    await brand.receive(StaffReturned(staff_id=store.seller))
    returned = await seller_row(brand, store.seller)
    await brand.receive(StaffDeparted(staff_id=store.seller))
    departed = await seller_row(brand, store.seller)
    await brand.receive(
        StaffJoined(staff_id=store.seller, unit_id=store.id, is_seller=True, open_lead_capacity=1)
    )
    back = await seller_row(brand, store.seller)

    assert (absent["absent_from"], absent["absent_until"]) == (from_at, until_at)
    assert (returned["absent_from"], returned["absent_until"]) == (None, None)
    assert (departed["is_departed"], back["is_departed"]) == (True, False)


async def test_a2_the_life_of_an_account_is_followed(brand: Brand, store: Store) -> None:
    taker = uuid7()
    steps: list[tuple[Event, str]] = [
        (AccountRestricted(account_id=store.account, reason="x"), "restricted"),
        (AccountSuspended(account_id=store.account, reason="x"), "suspended"),
        (AccountActivated(account_id=store.account), "active"),
        (AccountRetired(account_id=store.account, reason="x"), "retired"),
    ]
    for event, status in steps:
        await brand.receive(event)
        [row] = await brand.rows("select status from seller_account")
        assert row["status"] == status
    await brand.receive(
        AccountHandedOver(account_id=store.account, staff_id=taker, unit_id=store.region)
    )

    [row] = await brand.rows("select staff_id, unit_id, status from seller_account")
    assert (row["staff_id"], row["unit_id"], row["status"]) == (
        taker,
        store.region,
        "handed_over",
    )


async def test_a2_a_handle_is_that_of_the_account_which_is_not_retired(
    brand: Brand, store: Store
) -> None:
    old, new = [
        await brand.add_account(store.id, store.seller, handle="tea", status=status)
        for status in (AccountStatus.ACTIVE, AccountStatus.PLANNED)
    ]

    async def find() -> UUID | None:
        async with brand_session(brand.sessions, brand.id) as session:
            found = await find_account(session, brand.id, "tea", Platform.DOUYIN)
            anywhere = await find_account(session, brand.id, "tea", None)
        assert found == anywhere
        return None if found is None else found.id

    await brand.receive(AccountRetired(account_id=old, reason="x"))
    with_one_left = await find()
    await brand.receive(AccountRetired(account_id=new, reason="x"))

    assert with_one_left == new
    async with brand_session(brand.sessions, brand.id) as session:
        late = await find_account(session, brand.id, "tea", Platform.DOUYIN)
    assert late is not None
    assert late.id == new


async def test_a2_changed_facts_of_an_account_are_taken_over(brand: Brand, store: Store) -> None:
    taker = uuid7()
    await brand.receive(
        AccountChanged(
            account_id=store.account,
            platform=Platform.DOUYIN,
            handle="new_handle",
            domain="public",
            seat="kos",
            unit_id=store.region,
            staff_id=taker,
            status=AccountStatus.PENDING,
        )
    )

    [row] = await brand.rows("select handle, unit_id, staff_id, status from seller_account")
    assert tuple(row.values()) == ("new_handle", store.region, taker, "pending")


async def test_a10_a_certificate_counts_until_it_expires(brand: Brand, store: Store) -> None:
    until = now() + timedelta(days=30)
    await brand.receive(
        CertificateEarned(staff_id=store.seller, right="handling_leads", expires_at=until)
    )
    earned = await brand.rows('select "right", expires_at from seller_right')

    await brand.receive(CertificateExpired(staff_id=store.seller, right="handling_leads"))

    assert earned == [{"right": "handling_leads", "expires_at": until}]
    assert await brand.rows("select staff_id from seller_right") == []


@pytest.mark.parametrize(
    "url",
    [
        "https://www.douyin.com/video/7",
        "http://WWW.douyin.com/video/7/",
        "www.douyin.com/video/7?share=1#top",
    ],
)
def test_l4_shared_links_of_a_post_have_one_key(url: str) -> None:
    assert url_key(url) == "www.douyin.com/video/7"
