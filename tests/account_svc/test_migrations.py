"""The migration history and the classes describe the same tables."""

import asyncio
from uuid import UUID

import asyncpg

from deploy.local.databases import ServiceUrls, url_of_database
from deploy.local.postgres import PostgresServer
from shared import migrations
from shared.ids import uuid7


async def test_the_models_are_what_the_migrations_make(account_database: ServiceUrls) -> None:
    await asyncio.to_thread(migrations.check, "account", account_database.owner)


async def test_a1_codes_that_clash_already_stay_and_new_ones_are_refused(
    postgres_server: PostgresServer, account_database: ServiceUrls
) -> None:
    name, brand_id = f"clash_{uuid7().hex}", uuid7()
    admin = await asyncpg.connect(postgres_server.admin_url)
    try:
        await admin.execute(f"create database {name} owner kos_account_owner")
        owner_url = url_of_database(account_database.owner, name)
        await asyncio.to_thread(migrations.upgrade, "account", owner_url, "0023")
        owner = await asyncpg.connect(owner_url)
        try:
            await owner.execute("select set_config('app.brand', $1, false)", str(brand_id))
            for code in ("Store-1", "store-1", "store-2"):
                await add_unit(owner, brand_id, code)

            await owner.execute("select set_config('app.brand', '', false)")
            await asyncio.to_thread(migrations.upgrade, "account", owner_url)
            await owner.execute("select set_config('app.brand', $1, false)", str(brand_id))

            twins = await owner.fetch("select code, is_twin from unit order by id")
            refused = [await add_unit(owner, brand_id, code) for code in ("STORE-1", "Store-2")]
        finally:
            await owner.close()
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()

    assert [tuple(row) for row in twins] == [
        ("Store-1", False),
        ("store-1", True),
        ("store-2", False),
    ]
    assert refused == ["uq_unit_folded_code"] * 2


async def add_unit(owner: asyncpg.Connection, brand_id: UUID, code: str) -> str | None:
    """The constraint that refuses it, if one does."""
    try:
        await owner.execute(
            "insert into unit (brand_id, id, path, kind, code, name, version) "
            "values ($1, $2, $3, 'store', $4, $4, 1)",
            brand_id,
            unit_id := uuid7(),
            unit_id.bytes,
            code,
        )
    except asyncpg.UniqueViolationError as error:
        return str(error.constraint_name)
    return None
