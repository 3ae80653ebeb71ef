"""Head office hands on what sellers leave behind."""

from tests.chaos.workload import Workload

_LEAVERS = 0.5
"""The share of the sellers with a pair who leave in a run at most."""


async def hand_over(load: Workload) -> None:
    """Start a plan that is made, or have one made for somebody more."""
    if load.plans:
        await _start(load, load.rng.choice(sorted(load.plans)))
    else:
        await _open(load)


async def _open(load: Workload) -> None:
    staying = sorted(load.own.pairs.keys() - load.leaving)
    if len(staying) < 3 or len(load.leaving) >= _LEAVERS * len(load.own.pairs):
        return
    leaver, *takers = load.rng.sample(staying, 3)
    load.leaving.add(leaver)
    done = await load.mutate(
        "handover_open",
        "openHandover",
        "Handover",
        "id",
        {"staffId": leaver, "takerIds": takers},
        leaver_id=leaver,
    )
    if done.outcome == "ok":
        load.plans.add(done.result["id"])


async def _start(load: Workload, handover_id: str) -> None:
    data = await load.query("query($id: ID!) { handover(id: $id) { status } }", {"id": handover_id})
    handover = (data or {}).get("handover")
    if handover is None or handover["status"] != "PLANNED" or handover_id not in load.plans:
        return
    # taken out, so that no other act starts it meanwhile
    load.plans.remove(handover_id)
    await load.mutate(
        "handover_start",
        "startHandover",
        "Handover",
        "id",
        {"id": handover_id},
        input_type="OnOne",
        handover_id=handover_id,
    )
