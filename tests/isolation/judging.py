"""The part of a planted brand's life in which accounts are looked at, and rewards looked into."""

from dataclasses import replace

from shared.access import Role
from tests.isolation.brand import Store
from tests.isolation.hand import Hand


async def judge(planter: Hand) -> None:
    brand = planter.brand
    for store in (brand.east, brand.west):
        await look_at_pair(planter, store)
        await look_into_rewards(planter, store)
    await planter.world.settle(brand.id)


async def look_at_pair(planter: Hand, store: Store) -> None:
    text = planter.text(store.word)
    (public,) = await _by_ids(planter, "/accounts", store.accounts[0])
    private = await planter.post(
        "account",
        "/accounts",
        {
            "platform": "wecom",
            "handle": planter.text(f"{store.word}-wecom"),
            "platform_id": text,
            "display_name": text,
            "domain": "private",
            "seat": "kos",
            "unit_id": store.unit,
            "staff_id": store.staff,
            "persona_id": public["persona_id"],
        },
    )
    seen = {"name": text, "bio": text, "store": text, "interests": [text]}
    for account in (store.accounts[0], private["id"]):
        await planter.post("account", f"/accounts/{account}/observe", seen)


async def look_into_rewards(planter: Hand, store: Store) -> None:
    """Two deals' rewards are taken back: one seller appeals, the other has not yet."""
    brand, text = planter.brand, planter.text(store.word)
    officer = replace(brand.acting(Role.COMPLIANCE), actor=planter.text("officer"))
    page = await planter.world.send(
        "account", brand.admin, "GET", "/ledger", params={"unit_id": store.unit}
    )
    standing = {item["reverses_id"] for item in page.json()["items"]}
    deals = [
        item["id"]
        for item in page.json()["items"]
        if item["cause"].startswith("deal_")
        and item["reverses_id"] is None
        and item["id"] not in standing
    ]
    assert len(deals) == 2, "each store keeps two deals"
    for entry in deals:
        taken = {"outcome": "taken_back", "reason": text}
        await planter.post("account", f"/ledger/{entry}/review", taken, by=officer)
    seller = brand.acting(Role.KOS, store=store)
    brand.taken[store.word] = deals[1]
    appeal = await planter.post(
        "account", f"/ledger/{deals[0]}/appeal", {"reason": text}, by=seller
    )
    if store is brand.west:
        refused = {"outcome": "refused", "reason": text}
        await planter.post("account", f"/appeals/{appeal['id']}/decide", refused)


async def _by_ids(planter: Hand, path: str, *ids: str) -> list[dict[str, str]]:
    answer = await planter.post("account", f"{path}/by-ids", {"ids": list(ids)})
    found: list[dict[str, str]] = answer["items"]
    return found
