"""A database with the plumbing tables and one projection, made anew for each test."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from shared.database import Sessions, create_engine, create_sessions
from shared.ids import uuid7
from shared.migrations import create_plumbing, isolate, let_owner_rewrap

AUDIT_KEY = bytes(range(32))


@dataclass(frozen=True)
class Plumbing:
    """One database: its URLs by role, and sessions as the worker and as the api."""

    urls: ServiceUrls
    worker: Sessions
    app: Sessions
    brand_id: uuid.UUID


def _create_tables(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        create_plumbing("account")
        let_owner_rewrap("account")
        connection.exec_driver_sql(
            "create table seen (position bigint generated always as identity primary key, "
            "brand_id uuid not null, key text not null, version bigint not null, note text)"
        )
        isolate("account", "seen")


@pytest.fixture
async def plumbing(
    postgres_server: PostgresServer, account_database: ServiceUrls
) -> AsyncIterator[Plumbing]:
    name = f"plumbing_{uuid.uuid4().hex[:12]}"
    urls = ServiceUrls(
        **{
            role: _in_database(getattr(account_database, role), name)
            for role in ("owner", "app", "worker", "relay")
        }
    )
    admin = await asyncpg.connect(postgres_server.admin_url)
    await admin.execute(f"create database {name} owner kos_account_owner")
    owner = create_async_engine(urls.owner.replace("postgresql://", "postgresql+asyncpg://", 1))
    engines: list[AsyncEngine] = []
    try:
        async with owner.begin() as connection:
            await connection.run_sync(_create_tables)
        engines = [create_engine(urls.worker), create_engine(urls.app)]
        worker, app = (create_sessions(engine) for engine in engines)
        yield Plumbing(urls, worker, app, uuid7())
    finally:
        for engine in [owner, *engines]:
            await engine.dispose()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


def _in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
