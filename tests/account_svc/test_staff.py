"""People who sell: who sees what of them, and what is told of them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, text

from shared.access import Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import (
    StaffAbsent,
    StaffChanged,
    StaffDeparted,
    StaffJoined,
    StaffReturned,
)
from shared.tables import DataKeyRow
from tests.account_svc.making import Api, make_account, make_staff, make_unit
from tests.caller import Json, uuid_of


async def test_a1_a_person_who_joins_is_announced_without_name_or_phone(api: Api) -> None:
    store = await make_unit(api)

    staff = await make_staff(api, store, code="K1", skills=["tea"], open_lead_capacity=5)

    assert (staff["name"], staff["phone"], staff["status"]) == ("陈晓", "+8613800138000", "active")
    assert (await api.events_with_versions("kos.staff")) == [
        (
            StaffJoined(
                staff_id=uuid_of(staff["id"]),
                unit_id=uuid_of(store["id"]),
                is_seller=True,
                open_lead_capacity=5,
                skills=["tea"],
            ),
            1,
        )
    ]


async def test_g2_name_and_phone_lie_nowhere_in_plain_text(api: Api, sessions: Sessions) -> None:
    staff = await make_staff(api)
    await api.post(f"/staff/{staff['id']}/depart", {"reason": "身体原因"}, key="depart-1")

    dump = ""
    async with brand_session(sessions, api.brand_id) as session:
        for table in ("staff", "data_key", "outbox", "audit", "idempotency"):
            rows = await session.execute(text(f"select to_jsonb(t)::text from {table} t"))
            dump += "".join(rows.scalars())
    for private in ("陈晓", "13800138000", "身体原因"):
        assert private not in dump
        assert private.encode().hex() not in dump


@pytest.mark.parametrize("role", [Role.ANALYST, Role.COMPLIANCE, Role.SCRM])
async def test_g2_who_needs_no_names_sees_masked_ones(api: Api, role: Role) -> None:
    staff = await make_staff(api)
    await api.post(
        f"/staff/{staff['id']}/mark-absent", {"from_at": now().isoformat(), "reason": "手术"}
    )
    reader = api.acting(role)

    listed = (await reader.get("/staff"))["items"][0]
    found = (await reader.by_ids("/staff", staff["id"]))["items"][0]

    assert listed == found
    assert (listed["name"], listed["phone"], listed["absence_reason"]) == (
        "陈*",
        "138****8000",
        None,
    )
    assert (await api.get("/staff"))["items"][0]["absence_reason"] == "手术"


async def test_g2_an_api_key_sees_names_only_by_its_scope(api: Api) -> None:
    await make_staff(api)
    plain = api.acting(Role.SCRM, scopes=frozenset({"staff.read"}))
    trusted = api.acting(Role.SCRM, scopes=frozenset({"staff.read", "personal.read"}))
    other = api.acting(Role.SCRM, scopes=frozenset({"lead.read"}))

    assert (await plain.get("/staff"))["items"][0]["name"] == "陈*"
    assert (await trusted.get("/staff"))["items"][0]["name"] == "陈晓"
    assert (await other.request("GET", "/staff")).status_code == 403


async def test_g2_a_manager_sees_and_changes_the_subtree_alone(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    store = await make_unit(api, east)
    inside, outside = await make_staff(api, store), await make_staff(api, west)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(east["id"],))

    assert (await manager.get("/staff"))["items"] == [inside]
    assert (await manager.by_ids("/staff", outside["id"]))["missing"] == [outside["id"]]
    problem = await manager.refuse(f"/staff/{outside['id']}/depart", {"reason": "x"})
    assert (problem["status"], problem["code"]) == (404, "staff_not_found")
    problem = await manager.refuse(f"/staff/{inside['id']}/transfer", {"unit_id": west["id"]})
    assert (problem["code"], problem["field"]) == ("unknown_unit", "/unit_id")


async def test_g2_a_seller_sees_own_row_and_own_units_alone(api: Api) -> None:
    region = await make_unit(api, kind="region")
    store, other = await make_unit(api, region), await make_unit(api, region)
    staff = await make_staff(api, store)
    await make_staff(api, store)
    seller = api.acting(Role.KOS, staff_id=staff["id"])

    assert (await seller.get("/staff"))["items"] == [staff]
    units = {unit["id"] for unit in (await seller.get("/units"))["items"]}
    assert units == set(store["ancestor_ids"])
    assert other["id"] not in units


async def test_a1_moving_a_unit_moves_its_people_with_it(api: Api) -> None:
    east, west = [await make_unit(api, kind="region") for _ in range(2)]
    store = await make_unit(api, east)
    staff = await make_staff(api, store)
    manager = api.acting(Role.REGION_MANAGER, unit_ids=(west["id"],))
    assert (await manager.get("/staff"))["items"] == []

    await api.post(f"/units/{store['id']}/move", {"parent_id": west["id"]})

    assert (await manager.get("/staff"))["items"] == [staff]
    assert (await api.get("/staff", unit_id=west["id"]))["items"] == [staff]
    assert (await api.get("/staff", unit_id=east["id"]))["items"] == []


async def test_an_absence_is_announced_with_its_end(api: Api) -> None:
    staff = await make_staff(api)
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    end = datetime(2126, 11, 1, tzinfo=UTC)

    absent = await api.post(
        f"/staff/{staff['id']}/mark-absent",
        {"from_at": begin.isoformat(), "until_at": end.isoformat(), "reason": "年假"},
    )

    assert (absent["status"], absent["version"]) == ("absent", 2)
    assert (await api.events())[-1] == StaffAbsent(
        staff_id=uuid_of(staff["id"]), from_at=begin, until_at=end
    )
    assert [person["id"] for person in (await api.get("/staff", status="absent"))["items"]] == [
        staff["id"]
    ]
    assert (await api.get("/staff", status="active"))["items"] == []


async def test_an_absence_ends_by_return(api: Api) -> None:
    staff = await make_staff(api)
    await api.post(
        f"/staff/{staff['id']}/mark-absent", {"from_at": now().isoformat(), "reason": "年假"}
    )

    back = await api.post(f"/staff/{staff['id']}/return")
    again = await api.refuse(f"/staff/{staff['id']}/return")

    assert (back["status"], back["absent_from"], back["absence_reason"]) == ("active", None, None)
    assert (await api.events())[-1] == StaffReturned(staff_id=uuid_of(staff["id"]))
    assert (again["status"], again["code"]) == (409, "staff_not_absent")


async def test_an_absence_must_end_after_it_begins(api: Api) -> None:
    staff = await make_staff(api)
    body = {
        "from_at": now().isoformat(),
        "until_at": (now() - timedelta(days=1)).isoformat(),
        "reason": "x",
    }

    problem = await api.refuse(f"/staff/{staff['id']}/mark-absent", body)

    assert problem["status"] == 422


async def test_a_departure_is_announced_and_the_accounts_stay(api: Api) -> None:
    staff = await make_staff(api)
    account = await make_account(api, staff)

    gone = await api.post(f"/staff/{staff['id']}/depart", {"reason": "合同到期"})

    assert (gone["status"], gone["departure_reason"]) == ("departed", "合同到期")
    assert (await api.events())[-1] == StaffDeparted(staff_id=uuid_of(staff["id"]))
    assert (await api.by_ids("/accounts", account["id"]))["items"] == [account]
    again = await api.refuse(f"/staff/{staff['id']}/depart", {"reason": "x"})
    assert (again["status"], again["code"]) == (409, "staff_departed")


async def test_a_transfer_is_announced_with_the_new_unit(api: Api) -> None:
    staff, store = await make_staff(api), await make_unit(api)

    moved = await api.post(f"/staff/{staff['id']}/transfer", {"unit_id": store["id"]})

    assert moved["unit_id"] == store["id"]
    last, version = (await api.events_with_versions())[-1]
    assert isinstance(last, StaffChanged)
    assert (last.unit_id, version) == (uuid_of(store["id"]), 2)


async def test_two_people_cannot_share_a_code(api: Api) -> None:
    staff = await make_staff(api, code="K1")

    problem = await api.refuse(
        "/staff", {"unit_id": staff["unit_id"], "code": "K1", "name": "王芳"}
    )

    assert (problem["status"], problem["code"]) == (409, "staff_code_taken")


async def test_a_bad_phone_is_refused_without_repeating_it(api: Api) -> None:
    store = await make_unit(api)

    problem = await api.refuse(
        "/staff", {"unit_id": store["id"], "code": "K1", "name": "王芳", "phone": "99887"}
    )

    assert (problem["status"], problem["field"]) == (422, "/phone")
    assert "99887" not in str(problem)


async def test_g2_an_erased_person_has_no_name_left(api: Api, sessions: Sessions) -> None:
    staff = await make_staff(api)
    async with brand_session(sessions, api.brand_id) as session:
        await session.execute(delete(DataKeyRow).where(DataKeyRow.brand_id == api.brand_id))

    found = (await api.by_ids("/staff", staff["id"]))["items"][0]

    assert (found["name"], found["phone"], found["code"]) == (None, None, staff["code"])


async def test_g2_a_person_is_found_by_phone_without_the_phone_being_stored(
    api: Api, other_api: Api
) -> None:
    staff = await make_staff(api, phone="13912345678")
    await make_staff(api)
    await make_staff(other_api, phone="13912345678")

    found = await api.post("/staff/find", {"phone": "+86 139 1234 5678"})
    masked = await api.acting(Role.ANALYST).refuse("/staff/find", {"phone": "13912345678"})

    assert found["items"] == [staff]
    assert (masked["status"], masked["code"]) == (403, "not_allowed")


async def test_a1_an_absence_from_before_all_time_is_refused_and_the_list_stays_readable(
    api: Api, seller: Json
) -> None:
    body = {"from_at": "0001-01-01T00:00:00Z", "reason": "病假"}

    problem = await api.refuse(f"/staff/{seller['id']}/mark-absent", body)

    assert (problem["status"], problem["field"]) == (422, "/from_at")
    assert len((await api.get("/staff"))["items"]) == 1


async def test_a1_a_name_that_is_sealed_holds_no_nul_either(api: Api) -> None:
    unit = await make_unit(api)

    problem = await api.refuse(
        "/staff", {"unit_id": unit["id"], "code": "K1", "name": "陈\0晓", "phone": "13800138000"}
    )

    assert (problem["status"], problem["field"]) == (422, "/name")
    assert (await api.get("/staff"))["items"] == []
