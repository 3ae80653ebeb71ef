import time
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from deploy.sandbox.control.bodies import Body
from deploy.sandbox.store import forget_everything
from deploy.sandbox.world import InWorld, instant

router = APIRouter()


@router.post("/reset", status_code=204)
async def reset(world: InWorld) -> None:
    await world.stop_tasks()
    forget_everything(world.db)


class ClockIn(Body):
    advance_seconds: float = Field(gt=0)


@router.get("/clock")
async def read_clock(world: InWorld) -> dict[str, Any]:
    now = world.now()
    return {"now": instant(now), "offset_seconds": round(now - time.time(), 3)}


@router.post("/clock")
async def advance_clock(world: InWorld, body: ClockIn) -> dict[str, Any]:
    with world.db:
        world.db.execute(
            "INSERT INTO meta VALUES ('clock_offset', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (body.advance_seconds,),
        )
    return await read_clock(world)
