"""The HTTP application: the only place that builds engines and clients of the api process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from content_svc.access import MATRIX
from content_svc.checking import prepare
from content_svc.connectors.handoff import Handoff
from content_svc.connectors.http import create_client
from content_svc.connectors.tokens import TokenBook
from content_svc.routes import authorizations, campaigns, drafts, library, outcomes, posts
from content_svc.settings import Settings
from content_svc.storage import open_store
from content_svc.use_cases.posts import Prover
from shared.authentication import open_authenticator
from shared.database import create_engine, create_read_pool, create_sessions, reach_database
from shared.sealing import open_vault
from shared.settings import read_key
from shared.web import create_app as create_edge
from shared.web.operations import operations_router


def create_app(settings: Settings) -> FastAPI:
    engine = create_engine(settings.database_url, application="content_svc-api")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            prepare()
            sessions = create_sessions(engine)
            reads = await create_read_pool(settings.database_url, application="content_svc-reads")
            stack.push_async_callback(reads.close)
            platforms = await stack.enter_async_context(
                create_client(settings.platform_timeout_seconds)
            )
            audit_key = read_key(settings.audit_key_file)
            yield {
                "settings": settings,
                "sessions": sessions,
                "reads": reads,
                "authenticator": await stack.enter_async_context(open_authenticator(settings)),
                "audit_key": audit_key,
                "store": open_store(settings.asset_store_url),
                "tokens": TokenBook(sessions, open_vault(settings)),
                "prover": Prover(
                    sessions, Handoff(platforms, settings.handoff_hosts), settings, audit_key
                ),
            }

    app = create_edge(
        "content_svc", lifespan=lifespan, checks={"database": partial(reach_database, engine)}
    )
    for part in (library, campaigns, drafts, posts, authorizations, outcomes):
        for router in part.ROUTERS:
            app.include_router(router)
    app.include_router(operations_router(MATRIX))
    return app
