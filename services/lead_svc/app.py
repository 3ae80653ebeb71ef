"""The HTTP application: the only place that builds engines and clients of the api process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from sqlalchemy import text

from lead_svc.access import MATRIX
from lead_svc.intake import HookEdge, open_intake
from lead_svc.intake import routes as intake
from lead_svc.keys import open_vault
from lead_svc.routes import contacts, deals, leads, offers, policy
from lead_svc.settings import Settings
from lead_svc.webhooks import routes as webhooks
from shared.authentication import Authenticator, FileKeys, RemoteKeys
from shared.database import create_engine, create_read_pool, create_sessions
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
            http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
            vault = open_vault(settings)
            yield {
                "intake": await stack.enter_async_context(
                    open_intake(settings.intake_database_url, vault)
                ),
                "sessions": create_sessions(engine),
                "reads": reads,
                "authenticator": create_authenticator(settings, http),
                "audit_key": read_key(settings.audit_key_file),
                "target_policy": settings.target_policy,
                "vault": vault,
            }

    async def reach_database() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))

    app = create_edge("lead_svc", lifespan=lifespan, checks={"database": reach_database})
    add_routes(app)
    app.add_middleware(HookEdge)
    return app


def add_routes(app: FastAPI) -> None:
    for part in (leads, contacts, offers, deals, policy, intake, webhooks):
        for router in part.ROUTERS:
            app.include_router(router)
    app.include_router(operations_router(MATRIX))


def describe_api() -> str:
    """The OpenAPI document as committed; needs no settings and opens nothing."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        yield {}

    app = create_edge("lead_svc", lifespan=lifespan, checks={})
    add_routes(app)
    return (
        orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
        + "\n"
    )


def create_authenticator(settings: Settings, http: httpx.AsyncClient) -> Authenticator:
    if settings.oidc_jwks_file is not None:
        key_source: FileKeys | RemoteKeys = FileKeys(settings.oidc_jwks_file)
    else:
        assert settings.oidc_jwks_url is not None
        key_source = RemoteKeys(settings.oidc_jwks_url, http)
    return Authenticator(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        key_source=key_source,
        service_secret=read_key(settings.service_secret_file),
    )
