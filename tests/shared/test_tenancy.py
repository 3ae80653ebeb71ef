"""A brand sees its own rows only: proved on the catalogue of every service's database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from deploy.local.databases import SERVICES, Service, ServiceUrls, list_roles
from shared.database import (
    Sessions,
    brand_read,
    brand_session,
    create_engine,
    create_read_pool,
    create_sessions,
)
from shared.ids import uuid7

TABLES = """
    select c.relname as name, c.relrowsecurity as is_isolated, c.relforcerowsecurity as is_forced,
        pg_get_userbyid(c.relowner) as owner,
        (select array_agg(p.polname::text order by p.polname) from pg_policy p
            where p.polrelid = c.oid) as policies
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relkind in ('r', 'p')
        and exists (select 1 from pg_attribute a
            where a.attrelid = c.oid and a.attname = 'brand_id' and not a.attisdropped)
    order by c.relname"""

BRAND_POLICIES = """
    select c.relname as table, pg_get_expr(p.polqual, p.polrelid) as visible,
        pg_get_expr(p.polwithcheck, p.polrelid) as writable, p.polcmd::text as command,
        p.polroles = '{0}'::oid[] as is_for_all
    from pg_policy p join pg_class c on c.oid = p.polrelid
    where p.polname = 'brand' order by c.relname"""


@dataclass(frozen=True)
class Database:
    service: Service
    urls: ServiceUrls
    owner: asyncpg.Connection


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> tuple[Service, ServiceUrls]:
    """Each service in turn, with its migrated database."""
    urls: ServiceUrls = request.getfixturevalue(f"{request.param}_database")
    return request.param, urls


@pytest.fixture
async def database(service: tuple[Service, ServiceUrls]) -> AsyncIterator[Database]:
    name, urls = service
    owner = await asyncpg.connect(urls.owner)
    yield Database(name, urls, owner)
    await owner.close()


@pytest.fixture
async def sessions(database: Database) -> AsyncIterator[Sessions]:
    """The api's role on one single pooled connection."""
    engine = create_engine(database.urls.app, pool_size=1)
    yield create_sessions(engine)
    await engine.dispose()


async def test_every_table_of_brands_is_isolated_by_force(database: Database) -> None:
    tables = await database.owner.fetch(TABLES)

    assert "outbox" in {table["name"] for table in tables}
    assert {
        table["name"]
        for table in tables
        if not (table["is_isolated"] and table["is_forced"] and "brand" in table["policies"])
    } == set()


async def test_the_policy_compares_the_brand_of_the_transaction(database: Database) -> None:
    policies = await database.owner.fetch(BRAND_POLICIES)

    texts = {policy["visible"] for policy in policies}
    assert len(texts) == 1
    assert "current_setting('app.brand'::text, true)" in texts.pop()
    for policy in policies:
        assert policy["writable"] == policy["visible"]
        assert (policy["command"], policy["is_for_all"]) == ("*", True)


async def test_no_role_passes_the_policies(database: Database) -> None:
    roles = await database.owner.fetch(
        "select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles "
        "where rolname = any($1)",
        list_roles(database.service),
    )

    assert len(roles) == len(list_roles(database.service))
    for role in roles:
        assert (role["rolsuper"], role["rolbypassrls"], role["rolcreaterole"]) == (
            False,
            False,
            False,
        )
    memberships = await database.owner.fetchval(
        "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.member "
        "where r.rolname = any($1)",
        list_roles(database.service),
    )
    assert memberships == 0


async def test_the_roles_that_serve_own_no_table(database: Database) -> None:
    tables = await database.owner.fetch(TABLES)

    assert {table["owner"] for table in tables} == {f"kos_{database.service}_owner"}


async def test_every_view_asks_with_the_callers_rights(database: Database) -> None:
    views = await database.owner.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'public' and c.relkind = 'v' "
        "and not coalesce(c.reloptions @> '{security_invoker=true}', false) "
        # views of extensions show no rows of ours
        "and not exists (select 1 from pg_depend d where d.objid = c.oid and d.deptype = 'e')"
    )

    assert [view["relname"] for view in views] == []


async def test_without_a_brand_no_row_is_seen(database: Database, sessions: Sessions) -> None:
    brand_id = uuid7()
    await _write(sessions, brand_id)

    for table in await database.owner.fetch(TABLES):
        async with sessions.begin() as session:
            rights = await session.scalar(
                text(f"select has_table_privilege('{table['name']}', 'select')")
            )
            if rights:
                count = await session.scalar(text(f"select count(*) from {table['name']}"))
                assert (table["name"], count) == (table["name"], 0)


async def test_another_brand_sees_nothing_without_any_filter(sessions: Sessions) -> None:
    brand_id = uuid7()
    await _write(sessions, brand_id)

    async with brand_session(sessions, uuid7()) as other:
        assert await other.scalar(text("select count(*) from data_key")) == 0
        changed = await other.execute(text("update data_key set kek_version = 9"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
        removed = await other.execute(text("delete from data_key"))
        assert removed.rowcount == 0  # type: ignore[attr-defined]
    async with brand_session(sessions, brand_id) as own:
        assert await own.scalar(text("select kek_version from data_key")) == 1


async def test_a_row_of_another_brand_cannot_be_written(sessions: Sessions) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with brand_session(sessions, uuid7()) as session:
            await session.execute(_INSERT, {"brand": uuid7(), "subject": uuid7()})


async def test_a_pooled_connection_does_not_carry_the_brand(sessions: Sessions) -> None:
    brand_id = uuid7()
    async with brand_session(sessions, brand_id) as session:
        first = await session.scalar(text("select pg_backend_pid()"))
        await session.execute(_INSERT, {"brand": brand_id, "subject": uuid7()})

    async with sessions.begin() as session:
        assert await session.scalar(text("select pg_backend_pid()")) == first
        assert await session.scalar(text("select current_setting('app.brand', true)")) == ""
        assert await session.scalar(text("select count(*) from data_key")) == 0


async def test_a_pooled_read_connection_does_not_carry_the_brand(
    database: Database, sessions: Sessions
) -> None:
    brand_id = uuid7()
    await _write(sessions, brand_id)
    pool = await create_read_pool(database.urls.app, size=1)

    async with brand_read(pool, brand_id) as connection:
        seen = await connection.fetchval("select count(*) from data_key")
    async with pool.acquire() as connection:
        carried = await connection.fetchval("select count(*) from data_key")
    await pool.close()

    assert (seen, carried) == (1, 0)


async def test_a_read_that_fails_or_is_cancelled_leaves_neither_brand_nor_transaction_behind(
    database: Database, sessions: Sessions
) -> None:
    brand_id = uuid7()
    await _write(sessions, brand_id)
    pool = await create_read_pool(database.urls.app, size=1)

    async def sleep() -> None:
        async with brand_read(pool, brand_id) as connection:
            await connection.fetchval("select pg_sleep(30)")

    with pytest.raises(asyncpg.UndefinedTableError):
        async with brand_read(pool, brand_id) as connection:
            await connection.fetch("select * from no_such_table")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(sleep(), 0.2)
    async with pool.acquire() as connection:
        left = connection.is_in_transaction()
        carried = await connection.fetchval("select count(*) from data_key")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with brand_read(pool, brand_id) as connection:
            await connection.execute("delete from data_key")
    await pool.close()

    assert (left, carried) == (False, 0)


async def test_a_failed_transaction_does_not_leave_the_brand_behind(sessions: Sessions) -> None:
    brand_id = uuid7()
    await _write(sessions, brand_id)

    with pytest.raises(ProgrammingError):
        async with brand_session(sessions, brand_id) as session:
            await session.execute(text("select * from no_such_table"))

    async with sessions.begin() as session:
        assert await session.scalar(text("select count(*) from data_key")) == 0


_INSERT = text(
    "insert into data_key (brand_id, subject_id, kek_version, wrapped) "
    "values (:brand, :subject, 1, 'x')"
)


async def _write(sessions: Sessions, brand_id: UUID) -> None:
    async with brand_session(sessions, brand_id) as session:
        await session.execute(_INSERT, {"brand": brand_id, "subject": uuid7()})
