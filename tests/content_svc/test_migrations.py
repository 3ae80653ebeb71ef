"""The migrated database: like the models, each brand apart."""

import asyncio

import asyncpg

from content_svc.models import Base
from deploy.local.databases import ServiceUrls
from shared import migrations


async def test_the_models_and_the_migrated_database_agree(content_database: ServiceUrls) -> None:
    await asyncio.to_thread(migrations.check, "content", content_database.owner)


async def test_g2_every_table_with_a_brand_forces_row_level_security(
    content_database: ServiceUrls,
) -> None:
    connection = await asyncpg.connect(content_database.owner)
    try:
        rows = await connection.fetch(
            "select c.relname, c.relrowsecurity and c.relforcerowsecurity as is_forced"
            " from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relkind = 'r' and a.attname = 'brand_id' and not a.attisdropped"
            " and c.relnamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()

    forced = {row["relname"] for row in rows if row["is_forced"]}
    assert {row["relname"] for row in rows} - forced == set()
    assert set(Base.metadata.tables) <= forced
