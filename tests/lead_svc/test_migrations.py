import asyncio

import asyncpg
import pytest

from deploy.local.databases import ServiceUrls
from shared import migrations
from shared.ids import uuid7


async def test_models_and_migrations_agree(lead_database: ServiceUrls) -> None:
    await asyncio.to_thread(migrations.check, "lead", lead_database.owner)


async def test_g2_every_table_with_a_brand_forces_row_level_security(
    lead_database: ServiceUrls,
) -> None:
    connection = await asyncpg.connect(lead_database.owner)
    try:
        unprotected = await connection.fetch(
            """select c.relname from pg_class c
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'brand_id'
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
              and not (c.relrowsecurity and c.relforcerowsecurity)"""
        )
    finally:
        await connection.close()

    assert unprotected == []


async def test_l1_the_intake_role_reads_connections_and_ids_and_nothing_else(
    lead_database: ServiceUrls,
) -> None:
    connection = await asyncpg.connect(lead_database.intake)
    try:
        readable = await connection.fetch(
            """select c.relname as table, array_agg(a.attname::text order by a.attname) as columns
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
              and has_column_privilege(c.oid, a.attnum, 'select')
              and not (c.relname = 'connection')
            group by c.relname order by 1"""
        )
        writable = await connection.fetch(
            """select c.relname as table,
                array(select kind from unnest(array['insert', 'update', 'delete', 'truncate']) kind
                      where has_table_privilege(c.oid, kind)) as rights
            from pg_class c
            where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
              and has_table_privilege(c.oid, 'insert, update, delete, truncate')
            order by 1"""
        )
    finally:
        await connection.close()

    assert {row["table"]: row["columns"] for row in readable} == {
        "lead": ["brand_id", "connection_id", "id", "source_lead_id"],
        "receipt": ["brand_id", "connection_id", "dedupe_key", "id"],
    }
    assert {row["table"]: row["rights"] for row in writable} == {
        "data_key": ["insert"],
        "lead": ["insert"],
        "outbox": ["insert"],
        "receipt": ["insert"],
        "timer": ["insert"],
    }


async def test_l1_the_intake_role_writes_for_any_brand_and_tells_repeats(
    lead_database: ServiceUrls,
) -> None:
    brand_id, connection_id, first, second = uuid7(), uuid7(), uuid7(), uuid7()
    statement = """insert into receipt (id, brand_id, connection_id, platform, dedupe_key, status,
        payload, received_at) values ($1, $2, $3, 'generic', 'k', 'accepted', '', now())
        on conflict (brand_id, connection_id, dedupe_key) do nothing returning id"""
    connection = await asyncpg.connect(lead_database.intake)
    try:
        inserted = await connection.fetchval(statement, first, brand_id, connection_id)
        repeated = await connection.fetchval(statement, second, brand_id, connection_id)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select payload from receipt where id = $1", first)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select count(*) from contact")
    finally:
        await connection.close()

    assert inserted == first
    assert repeated is None
