"""The part of a planted brand's life in which contacts leave the public accounts."""

from typing import Any

from shared.access import Role
from shared.clock import now
from tests.isolation.brand import Store
from tests.isolation.hand import Hand


async def move_contacts(planter: Hand) -> None:
    """In each store one contact is past stage 1 and another was lost; the second may try again."""
    for store in (planter.brand.east, planter.brand.west):
        goes_on, lost = [await _contact_of(planter, store) for _ in range(2)]
        transfer = await _open(planter, store, goes_on)
        await planter.post(
            "lead", f"/transfers/{transfer['id']}/complete-stage", {"stage": "stage_1"}
        )
        transfer = await _open(planter, store, lost)
        left = {"reason": "customer_left", "note": planter.text(store.word)}
        await planter.post("lead", f"/transfers/{transfer['id']}/drop", left)
        planter.brand.free[store.word] = lost
    await planter.world.settle(planter.brand.id)


async def _contact_of(planter: Hand, store: Store) -> str:
    """A contact of the store's seller, who takes a lead of theirs."""
    seller = planter.brand.acting(Role.KOS, store=store)
    told = {
        "phone": planter.phone(),
        "name": planter.text(f"lead-{store.word}"),
        "account_handle": planter.text(f"{store.word}-xiaohongshu"),
    }
    lead = await planter.post("lead", "/leads", told, by=seller)
    await planter.world.settle(planter.brand.id)
    taken = await planter.post("lead", f"/leads/{lead['id']}/accept", {}, by=seller)
    return str(taken["contact_id"])


async def _open(planter: Hand, store: Store, contact_id: str) -> dict[str, Any]:
    word = planter.text(store.word)
    told = {
        "contact_id": contact_id,
        "account_id": store.accounts[0],
        "means": "contact_card",
        "channel": word,
        "consent": {"purpose": word, "notice_version": word, "at": now().isoformat()},
    }
    return await planter.post("lead", "/transfers", told)
