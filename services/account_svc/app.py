"""The HTTP application: the only place that builds engines and clients of the api process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from account_svc.access import MATRIX
from account_svc.routes import (
    accounts,
    advocates,
    api_keys,
    fit,
    goals,
    handovers,
    health,
    imports,
    incentives,
    layouts,
    lift,
    off_roster,
    org,
    pairs,
    personas,
    policies,
    race,
    reviews,
    rights,
    staff,
    talent,
    training,
)
from account_svc.settings import Settings
from shared.authentication import open_authenticator
from shared.database import create_engine, create_read_pool, create_sessions, reach_database
from shared.sealing import open_vault
from shared.settings import read_key
from shared.web import create_app as create_edge
from shared.web import operations_router


def create_app(settings: Settings) -> FastAPI:
    engine = create_engine(settings.database_url, application="account_svc-api")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            reads = await create_read_pool(settings.database_url, application="account_svc-reads")
            stack.push_async_callback(reads.close)
            yield {
                "sessions": create_sessions(engine),
                "reads": reads,
                "authenticator": await stack.enter_async_context(open_authenticator(settings)),
                "audit_key": read_key(settings.audit_key_file),
                "vault": open_vault(settings),
            }

    app = create_edge(
        "account_svc", lifespan=lifespan, checks={"database": partial(reach_database, engine)}
    )
    people = (org, staff, training, rights, talent)
    matrix = (accounts, handovers, health, personas, pairs, policies, layouts, off_roster, fit)
    earning = (incentives, race, reviews, goals, lift, advocates)
    for part in (*people, *matrix, *earning, imports, api_keys):
        for router in part.ROUTERS:
            app.include_router(router)
    app.include_router(operations_router(MATRIX))
    return app
