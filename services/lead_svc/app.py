"""The HTTP application: the only place that builds engines and clients of the api process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from lead_svc.access import MATRIX
from lead_svc.intake import HookEdge, open_intake
from lead_svc.intake import routes as intake
from lead_svc.routes import communities, contacts, deals, leads, offers, policy, transfers
from lead_svc.settings import Settings
from lead_svc.webhooks import routes as webhooks
from shared.authentication import open_authenticator
from shared.database import create_engine, create_read_pool, create_sessions, reach_database
from shared.sealing import open_vault
from shared.settings import read_key
from shared.web import create_app as create_edge
from shared.web import operations_router


def create_app(settings: Settings) -> FastAPI:
    engine = create_engine(settings.database_url, application="lead_svc-api")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            reads = await create_read_pool(settings.database_url, application="lead_svc-reads")
            stack.push_async_callback(reads.close)
            vault = open_vault(settings)
            yield {
                "intake": await stack.enter_async_context(
                    open_intake(settings.intake_database_url, vault)
                ),
                "sessions": create_sessions(engine),
                "reads": reads,
                "authenticator": await stack.enter_async_context(open_authenticator(settings)),
                "audit_key": read_key(settings.audit_key_file),
                "target_policy": settings.target_policy,
                "vault": vault,
            }

    app = create_edge(
        "lead_svc", lifespan=lifespan, checks={"database": partial(reach_database, engine)}
    )
    add_routes(app)
    # In front of all middleware: what a hook needs of it, the edge does itself at half of the cost.
    app.middleware_stack = HookEdge(app.build_middleware_stack())
    return app


def add_routes(app: FastAPI) -> None:
    for part in (leads, contacts, offers, deals, transfers, communities, policy, intake, webhooks):
        for router in part.ROUTERS:
            app.include_router(router)
    app.include_router(operations_router(MATRIX))
