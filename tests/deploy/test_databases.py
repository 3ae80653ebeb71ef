from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local import databases
from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer


async def fetch(url: str, query: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def test_roles_neither_pass_row_level_security_nor_own_the_server(
    postgres_server: PostgresServer, lead_database: ServiceUrls
) -> None:
    found = await fetch(
        lead_database.owner,
        "select rolname, rolcanlogin, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb"
        " from pg_roles where rolname like 'kos\\_lead\\_%' order by rolname",
    )

    assert found == [
        ("kos_lead_app", True, False),
        ("kos_lead_intake", True, False),
        ("kos_lead_owner", True, False),
        ("kos_lead_relay", True, False),
        ("kos_lead_worker", True, False),
    ]


async def test_provisioning_again_changes_only_the_passwords(
    postgres_server: PostgresServer, content_database: ServiceUrls
) -> None:
    await fetch(content_database.owner, "create table kept (id int)")

    again = await databases.provision(
        postgres_server.admin_url, "content", databases.make_passwords()
    )

    try:
        assert await fetch(again.owner, "select count(*) from kept") == [(0,)]
        with pytest.raises(asyncpg.InvalidPasswordError):
            await fetch(content_database.app, "select 1")
    finally:
        await fetch(again.owner, "drop table kept")
        before = [content_database.owner, content_database.app]
        before += [content_database.worker, content_database.relay]
        await databases.provision(
            postgres_server.admin_url, "content", dict(user_and_password(url) for url in before)
        )


def user_and_password(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return str(parts.username), str(parts.password)


async def test_a_service_cannot_enter_the_database_of_another(
    account_database: ServiceUrls, lead_database: ServiceUrls
) -> None:
    other = account_database.app.removesuffix("kos_account") + "kos_lead"

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(other, "select 1")


async def test_a_role_creates_no_tables_but_the_owner(account_database: ServiceUrls) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(account_database.app, "create table mine (id int)")


async def test_the_extensions_are_there(account_database: ServiceUrls) -> None:
    found = await fetch(account_database.app, "select extname from pg_extension order by 1")

    assert found == [("btree_gist",), ("ltree",), ("pg_trgm",), ("plpgsql",)]


async def test_only_a_database_at_its_newest_revision_counts_as_migrated(
    postgres_server: PostgresServer, account_database: ServiceUrls
) -> None:
    assert await databases.is_migrated(account_database.owner, "account")
    assert not await databases.is_migrated(postgres_server.admin_url, "account")
