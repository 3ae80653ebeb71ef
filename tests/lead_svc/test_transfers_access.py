"""Who may act on a transfer, and who may see it."""

from shared.access import Role
from shared.events.account import UnitKind
from shared.ids import typed
from tests.lead_svc.conftest import Brand, Store
from tests.lead_svc.transferring import (
    Json,
    act,
    nothing_happened,
    open_stage_1,
    opened,
    ready,
    seller_of,
    told_steps,
)


async def test_l10_only_the_owner_and_who_manages_them_act(brand: Brand, store: Store) -> None:
    contact_id = await ready(brand, store)
    mate = {"role": Role.KOS, "staff_id": await brand.add_seller(store.id)}
    other_path = await brand.add_unit(UnitKind.STORE, "S2", store.region_path)
    manager: Json = {"role": Role.STORE_MANAGER, "unit_ids": (store.id,)}
    strangers: list[Json] = [mate, {"role": Role.STORE_MANAGER, "unit_ids": (other_path[-1],)}]
    readers: list[Json] = [{"role": role} for role in (Role.ANALYST, Role.SCRM)]

    for by in strangers:
        assert (await open_stage_1(brand, store, contact_id, by=by)).status_code == 404
    for by in readers:
        assert (await open_stage_1(brand, store, contact_id, by=by)).status_code == 403
    transfer = await opened(brand, store, contact_id, by=manager)
    for by in strangers:
        answer = await act(brand, transfer, "complete-stage", stage="stage_1", by=by)
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_not_found")
        assert (await brand.get("/transfers", **by))["items"] == []
    for by in (seller_of(store), manager, *readers):
        listed = await brand.get(
            f"/transfers?contact_id={typed('contact', contact_id)}&status=open", **by
        )
        assert [item["id"] for item in listed["items"]] == [transfer["id"]]
    assert len(await told_steps(brand, transfer)) == 1


async def test_l10_who_has_a_lead_of_the_contact_but_does_not_own_them_is_told_so(
    brand: Brand, store: Store
) -> None:
    contact_id = await ready(brand, store)
    mate = await brand.add_seller(store.id)
    await brand.execute("update contact set owner_staff_id = :mate", mate=mate)

    answer = await open_stage_1(brand, store, contact_id)

    assert (answer.status_code, answer.json()["code"]) == (403, "not_the_owner")
    assert await nothing_happened(brand)
