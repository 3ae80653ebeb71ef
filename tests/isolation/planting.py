"""Two brands that have everything: every kind of resource, a canary in every text.

A canary is made of small letters alone, so that it fits wherever a text is taken.
"""

import random
import re
import string
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.databases import SERVICES, Service
from shared.ids import typed, uuid7
from tests.isolation.brand import KINDS, Brand, Store, uuid_of
from tests.isolation.communities import host_communities
from tests.isolation.judging import judge
from tests.isolation.leads import Leads
from tests.isolation.people import People
from tests.isolation.posts import Posts
from tests.isolation.transfers import move_contacts
from tests.isolation.world import World

Json = dict[str, Any]

UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def plant(world: World, seed: str) -> Brand:
    """A brand that went through all of its life: from the org tree to a paid deal."""
    chance = random.Random(seed)
    canary = "zq" + "".join(chance.choices(string.ascii_lowercase, k=14))
    planter = Planter(world, Brand(uuid7(), canary), chance)
    await planter.organize()
    await planter.publish()
    await planter.sell()
    await judge(planter)
    await move_contacts(planter)
    await host_communities(planter)
    await planter.park()
    return await planter.finish()


class Planter(People, Posts, Leads):
    """Lives the whole life, then looks at what there is."""

    async def finish(self) -> Brand:
        brand = self.brand
        for prefix, (service, table) in KINDS.items():
            async with self.world.database(service) as connection:
                rows = await connection.fetch(
                    f"select id from {table} where brand_id = $1 order by id", brand.id
                )
            # the brand's own connection for leads by API comes last: its id is no UUIDv7
            found = sorted((row["id"] for row in rows), key=lambda value: value.version != 7)
            brand.ids[prefix] = [typed(prefix, value) for value in found]
            assert brand.ids[prefix], f"the brand has no {prefix}"
        brand.words |= {
            "code": self.text("east"),
            "handle": self.text("east-xiaohongshu"),
            "platform_id": self.text("east-id"),
            "campaign_code": brand.canary,
            "lead_id": f"hook-{self.text('east')}",
            "staff_phone": brand.east.phone,
            "lead_phone": brand.east.lead_phone,
            "name": brand.canary,
        }
        for store in (brand.east, brand.west):
            brand.at[store.word] = await self.things_of(store)
        brand.needles = frozenset(await uuids_of(self.world, brand.id))
        return brand

    async def things_of(self, store: Store) -> dict[str, list[str]]:
        found = {
            "unit": [store.unit],
            "staff": [store.staff, store.mate],
            "acct": store.accounts,
        }
        unit, account = uuid_of(store.unit), [uuid_of(each) for each in store.accounts]
        places: tuple[tuple[Service, str, str, str], ...] = (
            ("account", "entry", "ledger_entry", "unit_id = $1"),
            ("account", "review", "review", "unit_id = $1"),
            ("account", "appeal", "appeal", "unit_id = $1"),
            ("account", "attempt", "exam_attempt", f"staff_id in ({_SELLERS})"),
            ("account", "cert", "certificate", f"staff_id in ({_SELLERS})"),
            ("account", "offroster", "off_roster_account", "unit_id = $1"),
            ("account", "assess", "skill_assessment", f"staff_id in ({_SELLERS})"),
            ("account", "advocate", "advocate", "unit_id = $1"),
            ("account", "relation", "advocate_relation", f"advocate_id in ({_ADVOCATES})"),
            ("account", "lift", "lift_task", f"staff_id in ({_SELLERS})"),
            ("account", "handover", "handover", f"staff_id in ({_SELLERS})"),
            ("account", "hitem", "handover_item", f"handover_id in ({_HANDOVERS})"),
            ("account", "goal", "goal", f"staff_id in ({_SELLERS})"),
            ("content", "post", "post", "unit_id = $1"),
            ("content", "draft", "draft", "account_id = any($2)"),
            # the one that became a deal comes first
            ("lead", "lead", "deal", "unit_id = $1"),
            ("lead", "lead", "lead", "unit_id = $1"),
            ("lead", "offer", "offer", "unit_id = $1"),
            ("lead", "deal", "deal", "unit_id = $1"),
            ("lead", "transfer", "transfer", "unit_id = $1"),
            ("lead", "comm", "community", "unit_id = $1"),
            ("lead", "activity", "community_activity", "unit_id = $1"),
            ("lead", "contact", "lead", "unit_id = $1"),
        )
        for service, prefix, table, condition in places:
            column = f"{prefix}_id" if (prefix, table) in _NAMED_BY else "id"
            async with self.world.database(service) as connection:
                rows = await connection.fetch(
                    f"select {column} as id from {table} "
                    f"where {condition} and ($1::uuid is not null and $2::uuid[] is not null) "
                    "order by 1",
                    unit,
                    account,
                )
            ids = [*found.get(prefix, []), *(typed(prefix, row["id"]) for row in rows)]
            assert ids, (store.word, prefix)
            found[prefix] = list(dict.fromkeys(ids))
        return found


_SELLERS = "select id from staff where unit_id = $1"

_ADVOCATES = "select id from advocate where unit_id = $1"

_HANDOVERS = f"select id from handover where staff_id in ({_SELLERS})"

_NAMED_BY = {("lead", "deal"), ("contact", "lead")}


async def uuids_of(world: World, brand_id: UUID) -> set[str]:
    """Every UUID in any row of the brand, in both ways of writing one."""
    found: set[UUID] = set()
    for service in SERVICES:
        async with world.database(service) as connection:
            for table in await tables_of(connection):
                rows = await connection.fetch(
                    f"select to_jsonb(t)::text as row from {table} t where brand_id = $1", brand_id
                )
                for row in rows:
                    found |= {UUID(text) for text in UUIDS.findall(row["row"])}
    return {text for value in found for text in (str(value), typed("x", value)[2:])}


async def tables_of(connection: asyncpg.Connection) -> list[str]:
    """The tables of a service that have rows of brands."""
    rows = await connection.fetch(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relkind in ('r', 'p') and not c.relispartition and a.attname = 'brand_id' "
        "and c.relnamespace = 'public'::regnamespace order by 1"
    )
    return [row["relname"] for row in rows]
