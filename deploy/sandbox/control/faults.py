from fastapi import APIRouter, HTTPException

from deploy.sandbox import faults
from deploy.sandbox.world import InWorld

router = APIRouter()


@router.post("/faults", status_code=201)
async def add_fault(world: InWorld, rule: faults.Rule) -> faults.RuleOut:
    return faults.add_rule(world.db, rule)


@router.get("/faults")
async def list_faults(world: InWorld) -> dict[str, list[faults.RuleOut]]:
    return {"faults": faults.list_rules(world.db)}


@router.delete("/faults/{fault_id}", status_code=204)
async def remove_fault(world: InWorld, fault_id: int) -> None:
    with world.db:
        changed = world.db.execute("DELETE FROM fault WHERE id = ?", (fault_id,)).rowcount
    if not changed:
        raise HTTPException(404, "no such fault")


@router.delete("/faults", status_code=204)
async def remove_faults(world: InWorld) -> None:
    with world.db:
        world.db.execute("DELETE FROM fault")
