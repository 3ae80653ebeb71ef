"""What is planted stays as it is: whatever a test leaves behind is taken back after it.

Most requests are undone by themselves. An import is not, for it writes in transactions of its own,
and some of these requests choose the id of the other brand for it: a later test would find that id
among the brand's own rows.
"""

from dataclasses import dataclass

import asyncpg

from deploy.local.databases import SERVICES, Service
from tests.isolation.brand import Brand
from tests.isolation.planting import tables_of
from tests.isolation.probing import digest
from tests.isolation.world import World


@dataclass
class Kept:
    """A copy of every row of the brands, beside the tables."""

    world: World
    brands: tuple[Brand, Brand]
    digests: dict[Service, list[dict[str, str]]]

    async def put_back(self) -> set[str]:
        """The tables that had changed."""
        changed = set()
        for service in SERVICES:
            found = await _digests(self.world, service, self.brands)
            tables = {
                table
                for before, after in zip(self.digests[service], found, strict=True)
                for table in before
                if before[table] != after[table]
            }
            if tables:
                async with self.world.database(service) as connection, connection.transaction():
                    # neither triggers nor foreign keys: the rows fit together as they did
                    await connection.execute("set local session_replication_role = replica")
                    for table in tables:
                        await self._put_back(connection, table)
            changed |= {f"{service}.{table}" for table in tables}
        return changed

    async def forget(self) -> None:
        """Drop the copies."""
        for service in SERVICES:
            async with self.world.database(service) as connection:
                await connection.execute("drop schema planted cascade")

    async def _put_back(self, connection: asyncpg.Connection, table: str) -> None:
        ids = [brand.id for brand in self.brands]
        await connection.execute(f"delete from {table} where brand_id = any($1)", ids)
        columns = await connection.fetchval(
            "select string_agg(quote_ident(attname), ', ') from pg_attribute "
            "where attrelid = $1::regclass and attnum > 0 and not attisdropped "
            "and attgenerated = ''",
            table,
        )
        await connection.execute(
            f"insert into {table} ({columns}) overriding system value "
            f"select {columns} from planted.{table}"
        )


async def keep(world: World, brands: tuple[Brand, Brand]) -> Kept:
    first, second = (f"'{brand.id}'" for brand in brands)
    for service in SERVICES:
        async with world.database(service) as connection:
            await connection.execute("create schema planted")
            for table in await tables_of(connection):
                await connection.execute(
                    f"create table planted.{table} as "
                    f"select * from {table} where brand_id in ({first}, {second})"
                )
    digests = {service: await _digests(world, service, brands) for service in SERVICES}
    return Kept(world, brands, digests)


async def _digests(
    world: World, service: Service, brands: tuple[Brand, Brand]
) -> list[dict[str, str]]:
    return [await digest(world, service, brand) for brand in brands]
