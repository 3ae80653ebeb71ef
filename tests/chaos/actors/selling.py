"""Sellers answer offers, win deals and lose some of them again."""

from tests.chaos.workload import Workload


async def answer_offers(load: Workload) -> None:
    """Sellers take most of what they are offered, decline some, overlook the rest."""
    data = await load.query(
        "{ offers(first: 30, status: OPEN) { nodes { id lead { id } staff { id } } } }"
    )
    for offer in data["offers"]["nodes"] if data else []:
        draw = load.rng.random()
        if draw > 0.9 or offer["lead"] is None or offer["staff"] is None:
            continue
        if offer["id"] in load.answered or offer["staff"]["id"] in load.leaving:
            continue
        load.answered.add(offer["id"])
        lead_id, staff_id = offer["lead"]["id"], offer["staff"]["id"]
        token = load.own.brand.seller_token(staff_id)
        if draw > 0.75:
            await load.mutate(
                "decline",
                "declineLead",
                "Lead",
                "id",
                {"id": lead_id, "reason": load.own.canaries.word()},
                token=token,
                lead_id=lead_id,
                offer_id=offer["id"],
            )
            continue
        done = await load.mutate(
            "accept",
            "acceptLead",
            "Lead",
            "id",
            {"id": lead_id},
            token=token,
            lead_id=lead_id,
            offer_id=offer["id"],
            staff_id=staff_id,
        )
        if done.outcome == "ok":
            load.known[lead_id] = {"staff_id": staff_id}
            load.taken[lead_id] = staff_id


async def close_deals(load: Workload) -> None:
    if not load.known:
        return
    lead_id = load.rng.choice(sorted(load.known))
    lead = load.known.pop(lead_id)
    data = await load.query(
        "query($id: ID!) { lead(id: $id) { contact { id stage } } }", {"id": lead_id}
    )
    contact = ((data or {}).get("lead") or {}).get("contact")
    if contact and contact["stage"] == "INTENT" and load.rng.random() < 0.7:
        await move_stage(load, contact["id"], "ADVICE")
    # an amount that no other deal has tells the deals apart
    load.number += 1
    amount = 1_000_000 + load.number
    done = await load.mutate(
        "deal",
        "winDeal",
        "Deal",
        "id amountMinor",
        {"leadId": lead_id, "amountMinor": amount},
        lead_id=lead_id,
        staff_id=lead["staff_id"],
        amount_minor=amount,
    )
    if done.outcome == "ok":
        load.won.append(done.result["id"])


async def move_stage(load: Workload, contact_id: str, stage: str) -> None:
    await load.mutate(
        "stage",
        "moveContactStage",
        "Contact",
        "id",
        {"id": contact_id, "stage": stage},
        contact_id=contact_id,
        stage=stage.lower(),
    )


async def void_something(load: Workload) -> None:
    if not load.won:
        return
    deal_id = load.won.pop(load.rng.randrange(len(load.won)))
    await load.mutate(
        "void",
        "voidDeal",
        "Deal",
        "id status",
        {"id": deal_id, "reason": load.own.canaries.word()},
        input_type="OnOneWithReason",
        deal_id=deal_id,
    )
