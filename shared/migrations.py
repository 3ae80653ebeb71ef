"""Alembic for the services: run a history, create the plumbing tables, isolate brands.

A service's `migrations/env.py` is one call to `run_environment`; its first revision calls
`create_plumbing`, and a revision that creates a table with `brand_id` calls `isolate` for it.
Roles exist before the first migration (`deploy.local.databases.provision`, or a database
administrator): `kos_<service>_{owner,app,worker,relay}`.
"""

import asyncio
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine

from shared.tables import PlumbingBase

_BRAND = "brand_id = (select nullif(current_setting('app.brand', true), '')::uuid)"

_PLUMBING = (
    """create table outbox (
        id bigint generated always as identity constraint pk_outbox primary key,
        event_id uuid not null constraint uq_outbox_event_id unique,
        brand_id uuid not null,
        topic text not null,
        key text not null,
        version bigint not null,
        payload bytea not null constraint ck_outbox_payload_size
            check (octet_length(payload) < 900000),
        headers jsonb not null,
        created_at timestamptz not null default now()
    ) with (autovacuum_vacuum_scale_factor = 0.01)""",
    """create table inbox (
        consumer text not null,
        event_id uuid not null,
        received_at timestamptz not null default now(),
        constraint pk_inbox primary key (consumer, event_id))""",
    "create index ix_inbox_received_at on inbox (received_at)",
    """create table head (
        consumer text not null,
        key text not null,
        version bigint not null,
        constraint pk_head primary key (consumer, key))""",
    """create table parked (
        id uuid constraint pk_parked primary key,
        consumer text not null,
        key text not null,
        version bigint not null,
        event_id uuid not null,
        brand_id uuid,
        topic text not null,
        headers jsonb not null,
        payload bytea,
        status text not null,
        attempt smallint not null,
        next_at timestamptz not null,
        reason text not null,
        parked_at timestamptz not null default now(),
        constraint uq_parked_consumer_event_id unique (consumer, event_id))""",
    "create index ix_parked_consumer_key_version on parked (consumer, key, version)",
    "create index ix_parked_next_at on parked (next_at) where status = 'waiting'",
    """create table idempotency (
        brand_id uuid not null,
        key text not null,
        fingerprint bytea not null,
        status integer,
        media_type text,
        body bytea,
        created_at timestamptz not null default now(),
        constraint pk_idempotency primary key (brand_id, key))""",
    "create index ix_idempotency_created_at on idempotency (created_at)",
    """create table audit_head (
        brand_id uuid constraint pk_audit_head primary key,
        sequence bigint not null,
        hash bytea not null)""",
    """create table audit (
        brand_id uuid not null,
        sequence bigint not null,
        at timestamptz not null,
        actor text not null,
        action text not null,
        subject text not null,
        details jsonb not null,
        request_id text,
        previous_hash bytea not null,
        hash bytea not null,
        constraint pk_audit primary key (brand_id, sequence))""",
    """create table timer (
        id uuid constraint pk_timer primary key,
        brand_id uuid not null,
        kind text not null,
        subject_id uuid not null,
        due_at timestamptz not null,
        claimed_until timestamptz,
        generation bigint not null,
        attempt smallint not null,
        constraint uq_timer_brand_id_kind_subject_id unique (brand_id, kind, subject_id))""",
    "create index ix_timer_due_at on timer (due_at)",
    """create table data_key (
        brand_id uuid not null,
        subject_id uuid not null,
        kek_version smallint not null,
        wrapped bytea not null,
        created_at timestamptz not null default now(),
        constraint pk_data_key primary key (brand_id, subject_id))""",
)

_HISTORIES = Path(__file__).parent.parent / "services"


def create_plumbing(service: str) -> None:
    """Create the tables of `shared.tables` with the rights of the service's roles.

    `service` is `account`, `content` or `lead`.
    """
    for statement in _PLUMBING:
        op.execute(statement)
    app, worker, relay = (f"kos_{service}_{role}" for role in ("app", "worker", "relay"))
    for table in ("outbox", "parked", "idempotency", "audit_head", "audit", "timer", "data_key"):
        _force_row_level_security(table)
    for table, rights in {
        "outbox": "insert, select",
        "idempotency": "select, insert, update",
        "audit_head": "select, insert, update",
        "audit": "select, insert",
        "timer": "select, insert, update, delete",
        "data_key": "select, insert, update, delete",
        "parked": "select, update, delete",
        "head": "select, insert, update",
    }.items():
        op.execute(f"grant {rights} on {table} to {app}, {worker}")
    op.execute(f"grant select, insert, delete on inbox to {worker}")
    op.execute(f"grant insert on parked to {worker}")
    op.execute(f"grant delete on idempotency to {worker}")
    # Work that no single brand's request drives: these roles serve every brand.
    op.execute(f"create policy every_brand on parked to {worker} using (true) with check (true)")
    op.execute(f"create policy every_brand on timer to {worker} using (true) with check (true)")
    op.execute(f"create policy every_brand on idempotency for delete to {worker} using (true)")
    op.execute(
        f"create policy visible_to_delete on idempotency for select to {worker} using (true)"
    )
    op.execute(f"grant select, delete on outbox to {relay}")
    op.execute(f"create policy every_brand on outbox to {relay} using (true)")


def let_owner_rewrap(service: str) -> None:
    """Let the owner, which serves no request, wrap the data keys of every brand anew."""
    owner = f"kos_{service}_owner"
    op.execute(f"create policy every_brand on data_key to {owner} using (true) with check (true)")


def isolate(service: str, *tables: str, append_only: Collection[str] = ()) -> None:
    """Force row-level security by `brand_id` on new tables; let the api and the worker use them.

    Those named in `append_only` they can read and add to, and no more.
    """
    for table in (*tables, *append_only):
        _force_row_level_security(table)
        rights = "select, insert" + ("" if table in append_only else ", update, delete")
        op.execute(f"grant {rights} on {table} to kos_{service}_app, kos_{service}_worker")


def _force_row_level_security(table: str) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy brand on {table} using ({_BRAND}) with check ({_BRAND})")


def upgrade(service: str, url: str, revision: str = "head") -> None:
    """Bring the database of `account`, `content` or `lead` to a revision; `url` logs in as owner.

    Blocking, with an event loop of its own: call it from a thread inside async code.
    """
    command.upgrade(_config(service, url), revision)


def check(service: str, url: str) -> None:
    """Raise alembic's CommandError when the models and the migrated database differ."""
    command.check(_config(service, url))


def _config(service: str, url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HISTORIES / f"{service}_svc" / "migrations"))
    config.attributes["url"] = url
    return config


def run_environment(metadata: MetaData, url_variable: str) -> None:
    """The body of a service's `env.py`: run migrations over asyncpg against `metadata`."""
    url = context.config.attributes.get("url") or os.environ[url_variable]
    asyncio.run(_migrate(url, [metadata, PlumbingBase.metadata]))


async def _migrate(url: str, metadata: Iterable[MetaData]) -> None:
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"lock_timeout": "5s"}},
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run, list(metadata))
    await engine.dispose()


def _run(connection: Connection, metadata: list[MetaData]) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
