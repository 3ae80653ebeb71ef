"""One database per service and its roles: who owns the tables, who reads and writes, who relays.

Nobody here is a superuser or passes row-level security, and the owner only migrates. A new role
may connect and use the schema; what it may do in a table is granted by the migration that creates
the table.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from alembic.script import ScriptDirectory

from deploy.local.settings import REPOSITORY

Service = Literal["account", "content", "lead"]
SERVICES: tuple[Service, ...] = get_args(Service)
EXTENSIONS = ("btree_gist", "ltree", "pg_trgm")
PARTS = ("owner", "app", "worker", "relay")


@dataclass(frozen=True)
class ServiceUrls:
    """One service's database as each of its roles reaches it; only lead_svc has an intake role."""

    owner: str
    app: str
    worker: str
    relay: str
    intake: str | None = None


def list_roles(service: Service) -> list[str]:
    parts = [*PARTS, "intake"] if service == "lead" else PARTS
    return [f"kos_{service}_{part}" for part in parts]


def make_passwords() -> dict[str, str]:
    """A random password for every role of every service."""
    return {role: secrets.token_urlsafe(24) for name in SERVICES for role in list_roles(name)}


async def provision(admin_url: str, service: Service, passwords: Mapping[str, str]) -> ServiceUrls:
    """Create the database `kos_<service>`, its extensions and roles, or bring them up to date.

    `admin_url` is a superuser's, `passwords` are by role. Repeating it changes nothing but the
    passwords. Tables are the migrations' business.
    """
    database = f"kos_{service}"
    roles = list_roles(service)
    async with _connect(admin_url) as server:
        for role in roles:
            await _ensure_role(server, role, passwords[role])
        if not await server.fetchval("select true from pg_database where datname = $1", database):
            await server.execute(f"create database {database} owner {database}_owner")
        everyone = ", ".join(roles)
        await server.execute(f"revoke all on database {database} from public")
        await server.execute(f"grant connect on database {database} to {everyone}")
    async with _connect(_with(admin_url, database=database)) as inside:
        for extension in EXTENSIONS:
            await inside.execute(f"create extension if not exists {extension}")
        await inside.execute("revoke create on schema public from public")
        await inside.execute(f"grant usage on schema public to {everyone}")
    return urls_of(admin_url, service, passwords)


def urls_of(admin_url: str, service: Service, passwords: Mapping[str, str]) -> ServiceUrls:
    """Where the roles of a provisioned service log in; connects to nothing."""
    database = f"kos_{service}"
    return ServiceUrls(
        **{
            role.removeprefix(f"{database}_"): _with(
                admin_url, user=role, password=passwords[role], database=database
            )
            for role in list_roles(service)
        }
    )


async def is_migrated(owner_url: str, service: Service) -> bool:
    """Whether the database is at the newest revision of the service's history."""
    history = ScriptDirectory(str(REPOSITORY / "services" / f"{service}_svc" / "migrations"))
    heads = await asyncio.to_thread(history.get_heads)
    async with _connect(owner_url) as database:
        if await database.fetchval("select to_regclass('alembic_version')") is None:
            return False
        found = await database.fetch("select version_num from alembic_version")
        return {row["version_num"] for row in found} == set(heads)


async def _ensure_role(server: asyncpg.Connection, role: str, password: str) -> None:
    exists = await server.fetchval("select true from pg_roles where rolname = $1", role)
    verb = "alter" if exists else "create"
    # the server quotes: these statements take no parameters
    statement = await server.fetchval(
        f"select format('{verb} role %I login nosuperuser nobypassrls nocreatedb nocreaterole "
        "noreplication password %L', $1::text, $2::text)",
        role,
        password,
    )
    await server.execute(statement)


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def url_of_database(url: str, database: str) -> str:
    """The same server and user, another database."""
    return _with(url, database=database)


def _with(url: str, *, database: str, user: str | None = None, password: str | None = None) -> str:
    parts = urlsplit(url)
    address = parts.netloc
    if user is not None and password is not None:
        address = f"{user}:{quote(password, safe='')}@{address.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=address, path=f"/{database}"))
