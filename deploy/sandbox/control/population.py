from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import JSONResponse, Response

from deploy.sandbox.hooks.connections import list_connections
from deploy.sandbox.hooks.delivery import WithSender
from deploy.sandbox.population.plan import WaveIn
from deploy.sandbox.population.wave import list_leads, list_waves, open_wave, run_wave
from deploy.sandbox.world import InWorld

router = APIRouter()


@router.post("/population/run")
async def run_population(world: InWorld, sender: WithSender, body: WaveIn) -> Response:
    known = {connection.connection_id for connection in list_connections(world)}
    if unknown := set(body.connections or ()) - known:
        raise HTTPException(422, f"no connection {', '.join(sorted(unknown))}")
    number, plan = open_wave(world, body)
    run = run_wave(world, sender, number, plan, body.concurrency)
    if body.wait:
        await run
    else:
        world.spawn(run)
    return JSONResponse(list_waves(world, number)[0], 200 if body.wait else 202)


@router.get("/population/ledger")
async def population_ledger(world: InWorld, wave: int | None = None) -> dict[str, Any]:
    return {"waves": list_waves(world, wave), "leads": list_leads(world, wave)}
