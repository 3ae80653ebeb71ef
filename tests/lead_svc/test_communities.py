"""Communities: registered once on a platform, looked after by people of the brand, closed."""

import asyncio
from typing import Any

from shared.access import Role
from shared.events.account import AccountStatus, Platform, StaffDeparted, UnitKind
from shared.events.lead import CommunityChanged, CommunityClosed, CommunityRegistered
from shared.ids import typed, uuid7
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.hosting import (
    Json,
    change,
    close,
    id_of,
    listed,
    manager,
    refusal,
    register,
    told_of,
    try_to_register,
)


async def test_l13_a_community_is_registered_changed_and_closed_and_each_is_told(
    brand: Brand, store: Store
) -> None:
    account = await brand.add_account(
        store.id, store.seller, handle="private", platform=Platform.WECOM
    )
    deputy = await brand.add_seller(store.id, is_seller=False)

    community = await register(brand, store, account_id=typed("acct", account))
    changed = await change(brand, community, name="新客群", deputy_staff_id=typed("staff", deputy))
    closed = await close(brand, community)

    community_id = id_of("comm", community)
    facts: dict[str, Any] = {
        "community_id": community_id,
        "unit_id": store.id,
        "platform": Platform.WECOM,
        "account_id": account,
        "host_staff_id": store.seller,
    }
    assert (changed.status_code, closed.status_code) == (200, 200)
    assert closed.json()["status"] == "closed"
    [last] = await brand.announced(CommunityClosed)
    assert [
        event
        for event in await brand.announced(CommunityRegistered)
        if event.community_id == community_id
    ] == [
        CommunityRegistered(**facts, deputy_staff_id=None),
        CommunityChanged(**facts, deputy_staff_id=deputy),
    ]
    assert last.closed_at.isoformat().startswith(closed.json()["closed_at"][:19])
    read = (await brand.get("/communities?status=closed"))["items"]
    assert read == [closed.json()]
    assert (read[0]["name"], read[0]["platform_group_id"]) == ("新客群", "wrOgQhDgAA")
    actions = await brand.rows("select action, subject from audit order by sequence")
    assert [(row["action"], row["subject"]) for row in actions] == [
        (f"community.{verb}", community["id"]) for verb in ("register", "change", "close")
    ]


async def test_l13_what_was_so_already_is_not_told_again(brand: Brand, store: Store) -> None:
    community = await register(brand, store)

    again = await change(brand, community)

    assert again.json() == community
    assert await told_of(brand) == ["registered"]


async def test_l13_names_and_platform_ids_do_not_travel(brand: Brand, store: Store) -> None:
    await register(brand, store, name="李女士的群", platform_group_id="wr13812348000")

    [row] = [row for row in await brand.outbox() if row.topic == "kos.community"]

    assert "李女士" not in row.payload.decode()
    assert b"13812348000" not in row.payload


async def test_l13_a_group_is_one_community_of_the_brand_on_its_platform(
    brand: Brand, store: Store
) -> None:
    first = await register(brand, store)

    assert refusal(await try_to_register(brand, store)) == (
        409,
        "community_registered",
        "/platform_group_id",
    )
    await register(brand, store, platform="wechat")
    await close(brand, first)
    closed = await try_to_register(brand, store, platform_group_id=" wrOgQhDgAA ")

    assert closed.status_code == 409
    assert await told_of(brand) == ["registered", "registered", "closed"]


async def test_l13_another_brand_may_have_a_group_by_the_same_id(
    brand: Brand, store: Store
) -> None:
    other = Brand(brand.sessions, brand.worker, brand.vault, brand.settings, brand.app)
    path = await other.add_unit(UnitKind.STORE, "S1")
    seller = await other.add_seller(path[-1])
    their = Store([], [], path, seller, uuid7(), uuid7(), "")

    mine, theirs = await register(brand, store), await register(other, their)

    assert mine["platform_group_id"] == theirs["platform_group_id"]
    assert await listed(brand, "/communities") == [mine["id"]]
    assert await listed(other, "/communities") == [theirs["id"]]
    assert (await change(other, mine, host_staff_id=theirs["host_staff_id"])).status_code == 404


async def test_l13_of_many_who_register_a_group_at_once_one_does(
    brand: Brand, store: Store
) -> None:
    answers = await asyncio.gather(*(try_to_register(brand, store) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await told_of(brand) == ["registered"]


async def test_l13_what_the_brand_does_not_have_is_refused_by_its_field(
    brand: Brand, store: Store
) -> None:
    for name, prefix, code in (
        ("unit_id", "unit", "unit_not_known"),
        ("host_staff_id", "staff", "staff_not_known"),
        ("deputy_staff_id", "staff", "staff_not_known"),
        ("account_id", "acct", "account_not_known"),
    ):
        answer = await try_to_register(brand, store, **{name: typed(prefix, uuid7())})
        assert refusal(answer) == (422, code, f"/{name}")
    assert await told_of(brand) == []


async def test_l13_who_looks_after_it_is_there_and_of_its_unit(brand: Brand, store: Store) -> None:
    elsewhere = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    stranger, leaver = await brand.add_seller(elsewhere[-1]), await brand.add_seller(store.id)
    await brand.receive(StaffDeparted(staff_id=leaver))
    named = [typed("staff", each) for each in (stranger, leaver, store.seller)]

    outside, gone, both = [
        await try_to_register(brand, store, **overrides)
        for overrides in (
            {"host_staff_id": named[0]},
            {"host_staff_id": named[1]},
            {"deputy_staff_id": named[2]},
        )
    ]
    deputy_gone = await try_to_register(brand, store, deputy_staff_id=named[1])
    community = await register(brand, store, deputy_staff_id=named[0])

    assert refusal(outside) == (422, "staff_not_of_community", "/host_staff_id")
    assert refusal(gone) == (409, "staff_departed", "/host_staff_id")
    assert refusal(both) == (422, "host_is_deputy", "/deputy_staff_id")
    assert refusal(deputy_gone) == (409, "staff_departed", "/deputy_staff_id")
    # a deputy may be of another store
    assert community["deputy_staff_id"] == named[0]
    swapped = await change(brand, community, host_staff_id=named[0], deputy_staff_id=named[2])
    assert refusal(swapped) == (422, "staff_not_of_community", "/host_staff_id")
    assert await told_of(brand) == ["registered"]


async def test_l13_a_departed_host_is_replaced_and_stays_until_then(
    brand: Brand, store: Store
) -> None:
    taker = await brand.add_seller(store.id)
    community = await register(brand, store)
    await brand.receive(StaffDeparted(staff_id=store.seller))

    renamed = await change(brand, community, name="二群")
    replaced = await change(brand, community, host_staff_id=typed("staff", taker))
    back = await change(brand, community)

    assert (renamed.status_code, replaced.status_code) == (200, 200)
    assert refusal(back) == (409, "staff_departed", "/host_staff_id")
    assert await listed(brand, f"/communities?staff_id={typed('staff', taker)}") == [
        community["id"]
    ]


async def test_l13_the_account_it_lives_on_is_open_and_on_its_platform(
    brand: Brand, store: Store
) -> None:
    retired = await brand.add_account(
        store.id,
        store.seller,
        handle="old",
        platform=Platform.WECOM,
        status=AccountStatus.RETIRED,
    )

    elsewhere = await try_to_register(brand, store, account_id=typed("acct", store.account))
    closed = await try_to_register(brand, store, account_id=typed("acct", retired))

    assert refusal(elsewhere) == (422, "account_elsewhere", "/account_id")
    assert refusal(closed) == (409, "account_closed", "/account_id")


async def test_l13_a_closed_community_is_left_as_it_is(brand: Brand, store: Store) -> None:
    community = await register(brand, store)
    await close(brand, community)

    answers = [await change(brand, community, name="x"), await close(brand, community)]

    assert [refusal(answer)[:2] for answer in answers] == [(409, "community_closed")] * 2
    assert await told_of(brand) == ["registered", "closed"]


async def test_l13_texts_that_are_none_are_refused(brand: Brand, store: Store) -> None:
    for field in ("name", "platform_group_id"):
        for text in ("", "   ", "x" * 201, "群\x00"):
            answer = await try_to_register(brand, store, **{field: text})
            assert (answer.status_code, answer.json()["field"]) == (422, f"/{field}"), text
    assert await told_of(brand) == []


async def test_l13_the_same_key_registers_once_and_another_body_is_refused(
    brand: Brand, store: Store
) -> None:
    keyed: Json = {"key": "once"}

    first = await try_to_register(brand, store, by=keyed)
    again = await try_to_register(brand, store, by=keyed)
    other = await try_to_register(brand, store, by=keyed, name="x")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content
    assert await told_of(brand) == ["registered"]


async def test_l13_managers_keep_to_their_units(brand: Brand, store: Store) -> None:
    west = await brand.add_unit(UnitKind.REGION, "WEST", store.brand_path)
    other = await brand.add_unit(UnitKind.STORE, "S2", west)
    other_seller = await brand.add_seller(other[-1])
    community = await register(brand, store)
    stranger = manager(west[-1], Role.REGION_MANAGER)
    named = {"deputy_staff_id": typed("staff", other_seller)}

    refused = [
        await try_to_register(brand, store, by=stranger, platform_group_id="x"),
        await change(brand, community, by=stranger, name="x"),
        await close(brand, community, **stranger),
    ]
    beyond = await change(brand, community, by=manager(store.id), **named)
    allowed = await change(brand, community, by=manager(store.region, Role.REGION_MANAGER))

    assert [refusal(answer)[:2] for answer in refused] == [
        (422, "unit_not_known"),
        (404, "community_not_found"),
        (404, "community_not_found"),
    ]
    assert refusal(beyond) == (422, "staff_not_known", "/deputy_staff_id")
    assert allowed.status_code == 200
    assert await listed(brand, "/communities", **stranger) == []
    assert await listed(brand, "/communities", **manager(store.id)) == [community["id"]]
    unit = typed("unit", store.region)
    assert await listed(brand, f"/communities?unit_id={unit}&platform=wecom") == [community["id"]]
    assert await told_of(brand) == ["registered"]
