"""Brands and their trees."""

import asyncio

from shared.access import Role
from shared.events.account import UnitAdded, UnitKind, UnitMoved
from shared.ids import typed, uuid7
from tests.account_svc.making import Api, make_unit
from tests.caller import Json, uuid_of


async def test_a1_a_brand_begins_with_the_root_of_its_tree(api: Api) -> None:
    root = await api.root()

    assert root["parent_id"] is None
    assert root["ancestor_ids"] == [root["id"]]
    assert (await api.get("/brand"))["name"] == "青岚茶饮"
    assert await api.events() == [
        UnitAdded(
            unit_id=uuid_of(root["id"]),
            kind=UnitKind.BRAND,
            code="brand",
            name="青岚茶饮",
            ancestor_ids=[uuid_of(root["id"])],
        )
    ]


async def test_a_brand_is_created_once(api: Api) -> None:
    platform = api.acting(Role.PLATFORM_ADMIN)
    body = {"id": typed("brand", api.brand_id), "name": "又一个", "industry": "food"}

    problem = await platform.refuse("/brands", body)

    assert (problem["status"], problem["code"]) == (409, "brand_exists")
    assert (await api.get("/brand"))["name"] == "青岚茶饮"


async def test_a_brand_may_be_created_from_the_platforms_own_brand(api: Api) -> None:
    platform = api.acting(Role.PLATFORM_ADMIN)
    brand_id = typed("brand", uuid7())

    brand = await platform.post("/brands", {"id": brand_id, "name": "新品牌", "industry": "auto"})

    assert brand["id"] == brand_id
    assert (await api.audited())[-1] == ("test-platform_admin", "brand.create", brand_id)
    assert len(await api.events()) == 1


async def test_only_the_platform_creates_brands(api: Api) -> None:
    problem = await api.refuse("/brands", {"name": "x", "industry": "food"})

    assert (problem["status"], problem["code"]) == (403, "not_allowed")


async def test_a1_a_unit_knows_every_unit_above_it(api: Api) -> None:
    root = await api.root()
    region = await make_unit(api, root, kind="region", code="EAST", name="华东大区")
    store = await make_unit(
        api, region, code="SH001", city="上海", city_code="310000", latitude=31.23, longitude=121.47
    )

    assert store["ancestor_ids"] == [root["id"], region["id"], store["id"]]
    assert (await api.get("/units", parent_id=region["id"]))["items"] == [store]
    assert (await api.events())[-1] == UnitAdded(
        unit_id=uuid_of(store["id"]),
        kind=UnitKind.STORE,
        code="SH001",
        name="南京西路店",
        ancestor_ids=[uuid_of(unit["id"]) for unit in (root, region, store)],
        city="上海",
        city_code="310000",
        latitude=31.23,
        longitude=121.47,
    )


async def test_a1_moving_a_unit_moves_all_below_it(api: Api) -> None:
    root = await api.root()
    east, west = [await make_unit(api, root, kind="region") for _ in range(2)]
    dealer = await make_unit(api, east, kind="dealer")
    store = await make_unit(api, dealer)
    team = await make_unit(api, store, kind="team")
    left_behind = await make_unit(api, east)

    moved = await api.post(f"/units/{dealer['id']}/move", {"parent_id": west["id"]})

    assert moved["ancestor_ids"] == [root["id"], west["id"], dealer["id"]]
    assert moved["version"] == 2
    found = await api.by_ids("/units", store["id"], team["id"], left_behind["id"])
    ancestors = {unit["id"]: unit["ancestor_ids"] for unit in found["items"]}
    way = [root["id"], west["id"], dealer["id"], store["id"]]
    assert ancestors == {
        store["id"]: way,
        team["id"]: [*way, team["id"]],
        left_behind["id"]: [root["id"], east["id"], left_behind["id"]],
    }
    assert (await api.events_with_versions())[-1] == (
        UnitMoved(
            unit_id=uuid_of(dealer["id"]),
            ancestor_ids=[uuid_of(root["id"]), uuid_of(west["id"]), uuid_of(dealer["id"])],
        ),
        2,
    )


async def test_a1_a_unit_cannot_hang_under_itself(api: Api) -> None:
    region = await make_unit(api, kind="region")
    store = await make_unit(api, region)

    problem = await api.refuse(f"/units/{region['id']}/move", {"parent_id": store["id"]})

    assert (problem["code"], problem["field"]) == ("tree_cycle", "/parent_id")
    assert (await api.by_ids("/units", region["id"]))["items"] == [region]


async def test_a1_a_move_counts_the_levels_that_it_takes_along(api: Api) -> None:
    async def chain(length: int) -> tuple[Json, Json]:
        first = last = await make_unit(api, kind="region")
        for _ in range(length - 1):
            last = await make_unit(api, last, kind="region")
        return first, last

    _, lowest = await chain(20)
    first, second_lowest = await chain(11)
    fits, _ = await chain(11)
    await make_unit(api, second_lowest)

    problem = await api.refuse(f"/units/{first['id']}/move", {"parent_id": lowest["id"]})

    assert (problem["code"], problem["field"]) == ("tree_too_deep", "/parent_id")
    await api.post(f"/units/{fits['id']}/move", {"parent_id": lowest["id"]})


async def test_a1_a_tree_has_one_brand(api: Api) -> None:
    root = await api.root()
    unit = {"parent_id": root["id"], "kind": "brand", "code": "B2", "name": "副牌"}

    problem = await api.refuse("/units", unit)

    assert (problem["status"], problem["code"], problem["field"]) == (
        422,
        "brand_is_the_root",
        "/kind",
    )


async def test_a1_two_moves_at_once_cannot_make_a_circle(api: Api) -> None:
    one, two = [await make_unit(api, kind="region") for _ in range(2)]

    answers = await asyncio.gather(
        api.request("POST", f"/units/{one['id']}/move", json={"parent_id": two["id"]}),
        api.request("POST", f"/units/{two['id']}/move", json={"parent_id": one["id"]}),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 422]
    found = await api.by_ids("/units", one["id"], two["id"])
    assert sorted(len(unit["ancestor_ids"]) for unit in found["items"]) == [2, 3]


async def test_the_root_stays_where_it_is(api: Api) -> None:
    root = await api.root()
    store = await make_unit(api, root)

    problem = await api.refuse(f"/units/{root['id']}/move", {"parent_id": store["id"]})

    assert (problem["status"], problem["code"]) == (409, "root_stays")


async def test_a_unit_needs_a_parent_that_exists(api: Api, other_api: Api) -> None:
    elsewhere = await other_api.root()
    body = {"parent_id": elsewhere["id"], "kind": "store", "code": "S1", "name": "店"}

    problem = await api.refuse("/units", body)

    assert (problem["status"], problem["code"], problem["field"]) == (
        422,
        "unknown_unit",
        "/parent_id",
    )


async def test_two_units_cannot_share_a_code(api: Api) -> None:
    store = await make_unit(api, code="SH001")
    body = {"parent_id": store["parent_id"], "kind": "store", "code": "SH001", "name": "店"}

    problem = await api.refuse("/units", body)

    assert (problem["status"], problem["code"], problem["field"]) == (
        409,
        "unit_code_taken",
        "/code",
    )


async def test_a_bad_value_is_refused_with_its_field(api: Api) -> None:
    root = await api.root()
    body = {"parent_id": root["id"], "kind": "store", "code": "S1", "name": "店", "latitude": 91}

    problem = await api.refuse("/units", body)

    assert (problem["status"], problem["field"]) == (422, "/latitude")


async def test_units_come_in_pages(api: Api) -> None:
    stores = [await make_unit(api) for _ in range(3)]

    first = await api.get("/units", kind="store", first=2)
    rest = await api.get("/units", kind="store", first=2, after=first["page"]["end_cursor"])

    assert [unit["id"] for unit in first["items"]] == [stores[2]["id"], stores[1]["id"]]
    assert first["page"]["has_next"] is True
    assert [unit["id"] for unit in rest["items"]] == [stores[0]["id"]]
    assert rest["page"]["has_next"] is False


async def test_units_are_found_by_a_part_of_their_name(api: Api) -> None:
    wanted = await make_unit(api, name="静安_寺店")
    await make_unit(api, name="静安寺店")

    assert (await api.get("/units", q="安_寺"))["items"] == [wanted]


async def test_g2_a_region_manager_sees_the_subtree_alone(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    inside, outside = await make_unit(api, east), await make_unit(api, west)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(east["id"],))

    assert {unit["id"] for unit in (await manager.get("/units"))["items"]} == {
        east["id"],
        inside["id"],
    }
    found = await manager.by_ids("/units", inside["id"], outside["id"])
    assert (found["items"], found["missing"]) == ([inside], [outside["id"]])


async def test_a1_moving_a_unit_moves_who_may_see_it(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    store = await make_unit(api, east)
    eastern, western = [
        api.acting(Role.REGION_MANAGER, unit_ids=(region["id"],)) for region in (east, west)
    ]

    await api.post(f"/units/{store['id']}/move", {"parent_id": west["id"]})

    assert (await eastern.by_ids("/units", store["id"]))["missing"] == [store["id"]]
    assert [unit["id"] for unit in (await western.by_ids("/units", store["id"]))["items"]] == [
        store["id"]
    ]


async def test_g2_a_manager_cannot_move_what_lies_outside(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    inside, outside = await make_unit(api, east), await make_unit(api, west)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(east["id"],))

    taking = await manager.refuse(f"/units/{outside['id']}/move", {"parent_id": east["id"]})
    giving = await manager.refuse(f"/units/{inside['id']}/move", {"parent_id": west["id"]})

    assert (taking["status"], taking["code"]) == (404, "unit_not_found")
    assert (giving["code"], giving["field"]) == ("unknown_unit", "/parent_id")


async def test_a_repeat_with_the_same_key_adds_one_unit(api: Api) -> None:
    root = await api.root()
    body = {"parent_id": root["id"], "kind": "store", "code": "S1", "name": "店"}

    first = await api.post("/units", body, key="once")
    again = await api.request("POST", "/units", json=body, key="once")

    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first
    assert len(await api.events()) == 2
    assert [action for _, action, _ in await api.audited()].count("unit.add") == 1


async def test_the_audit_names_who_moved_what(api: Api) -> None:
    region = await make_unit(api, kind="region")
    store = await make_unit(api)

    await api.post(f"/units/{store['id']}/move", {"parent_id": region["id"]})

    assert (await api.audited())[-1] == ("test-admin", "unit.move", store["id"])


async def test_g1_a_brand_finds_itself_and_no_other(api: Api) -> None:
    own = await api.get("/brand")
    other = typed("brand", uuid7())

    assert (await api.get("/brands"))["items"] == [own]
    found = await api.by_ids("/brands", own["id"], other)
    assert found == {"items": [own], "missing": [other]}


async def test_a1_a_time_of_day_is_written_in_one_way(api: Api) -> None:
    root = (await api.get("/units"))["items"][-1]
    store = {"parent_id": root["id"], "kind": "store", "code": "S1", "name": "店"}

    problem = await api.refuse("/units", {**store, "opens_at": "1０:00"})

    assert (problem["status"], problem["field"]) == (422, "/opens_at")
