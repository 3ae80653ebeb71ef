from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from deploy.sandbox import control, posts, scrm
from deploy.sandbox.faults import FaultMiddleware
from deploy.sandbox.hooks.delivery import Sender
from deploy.sandbox.platforms import douyin, oceanengine, wecom
from deploy.sandbox.settings import Settings
from deploy.sandbox.store import open_store
from deploy.sandbox.world import InWorld, World


class State(TypedDict):
    world: World
    sender: Sender


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[State]:
        db = open_store(settings.state_dir)
        with db:  # What a killed process left half done can be repeated.
            db.execute("UPDATE wave SET status = 'interrupted' WHERE status = 'running'")
            db.execute("UPDATE delivery SET outcome = 'failed' WHERE outcome = 'sending'")
        async with httpx.AsyncClient(timeout=settings.hook_timeout_seconds) as http:
            world = World(settings, db, http)
            yield {"world": world, "sender": Sender(world)}
            await world.stop_tasks()
        db.close()

    app = FastAPI(title="Platform sandbox", lifespan=lifespan)
    app.add_middleware(FaultMiddleware)
    app.add_exception_handler(douyin.Refusal, douyin.refuse)
    app.add_exception_handler(wecom.Refusal, wecom.refuse)
    for router in (
        control.router,
        scrm.router,
        posts.router,
        douyin.router,
        wecom.router,
        oceanengine.router,
    ):
        app.include_router(router)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(world: InWorld) -> dict[str, str]:
        world.db.execute("SELECT 1 FROM meta").fetchone()
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app
