"""Sellers lead customers on: from the public account to their private one, then to the brand."""

from datetime import UTC, datetime
from typing import Any

from tests.chaos.brands import look_of
from tests.chaos.workload import Json, Workload

_NEXT = {
    "STAGE_1_OPEN": ("completeTransferStage", "stage_1_done", {"stage": "STAGE_1"}),
    "STAGE_1_DONE": ("openSecondStage", "stage_2_open", {}),
    "STAGE_2_OPEN": ("completeTransferStage", "stage_2_done", {"stage": "STAGE_2"}),
}


async def lead_on(load: Workload) -> None:
    """Open a transfer of a customer, or take one that is open a step further."""
    waiting = sorted(load.transfers)
    if waiting and load.rng.random() < 0.7:
        await _go_on(load, load.rng.choice(waiting))
    elif load.taken:
        await _begin(load, load.rng.choice(sorted(load.taken)))


async def _begin(load: Workload, lead_id: str) -> None:
    data = await load.query("query($id: ID!) { lead(id: $id) { contact { id } } }", {"id": lead_id})
    contact = ((data or {}).get("lead") or {}).get("contact")
    # another act may have been faster
    staff_id = load.taken.pop(lead_id, None) if contact else None
    pair = load.own.pairs.get(staff_id or "")
    if contact is None or staff_id is None or pair is None:
        return
    done = await load.mutate(
        "transfer_open",
        "openTransfer",
        "Transfer",
        "id step",
        {
            "contactId": contact["id"],
            "accountId": pair.public_id,
            "means": "CONTACT_CARD",
            "consent": _consent(load),
        },
        token=load.own.brand.seller_token(staff_id),
        contact_id=contact["id"],
    )
    if done.outcome == "ok":
        load.transfers[done.result["id"]] = {"staff_id": staff_id, "step": done.result["step"]}


async def _go_on(load: Workload, transfer_id: str) -> None:
    # taken out, so that no other act goes on with it meanwhile
    transfer = load.transfers.pop(transfer_id)
    token = load.own.brand.seller_token(transfer["staff_id"])
    if load.rng.random() < 0.15:
        await load.mutate(
            "transfer_drop",
            "dropTransfer",
            "Transfer",
            "id",
            {"id": transfer_id, "reason": "CUSTOMER_SILENT", "note": load.own.canaries.word()},
            token=token,
            transfer_id=transfer_id,
        )
        return
    verb, step, more = _NEXT[transfer["step"]]
    command: Json = {"id": transfer_id, **more}
    if verb == "openSecondStage":
        command["consent"] = _consent(load)
    done = await load.mutate(
        "transfer_step",
        verb,
        "Transfer",
        "id step",
        command,
        token=token,
        transfer_id=transfer_id,
        step=step,
    )
    if done.outcome == "ok" and done.result["step"] in _NEXT:
        load.transfers[transfer_id] = transfer | {"step": done.result["step"]}


def _consent(load: Workload) -> dict[str, Any]:
    return {
        "purpose": load.own.canaries.word(),
        "noticeVersion": "2026-11",
        "at": datetime.now(UTC).isoformat(),
    }


async def look_at_accounts(load: Workload) -> None:
    """How a seller's public account looks now: mostly as it should, sometimes adrift."""
    staff_id = load.rng.choice(sorted(load.own.pairs))
    pair = load.own.pairs[staff_id]
    look = look_of(pair.seller)
    if load.rng.random() < 0.2:
        look["name"] = load.own.canaries.word()
    await load.mutate(
        "look",
        "observeAccount",
        "AccountProfile",
        "name observedAt",
        {"id": pair.public_id, **look},
        account_id=pair.public_id,
        name=look["name"],
    )
