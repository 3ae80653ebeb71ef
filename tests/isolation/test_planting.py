"""The search is worth something only if there is something to find, and if it finds it."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx

from deploy.local.databases import SERVICES
from tests.isolation.brand import Brand
from tests.isolation.filters import filters_removed, without_filters
from tests.isolation.keeping import Kept
from tests.isolation.openapi import list_operations, request_of
from tests.isolation.planting import tables_of
from tests.isolation.probing import look_for, never_was
from tests.isolation.site import Urls, with_urls
from tests.isolation.words import reads_plain
from tests.isolation.world import World, open_applications, reach

PLAIN = Path(__file__).parent / "plain.txt"


async def test_every_text_of_a_brand_holds_its_canary(
    world: World, brands: tuple[Brand, Brand]
) -> None:
    assert await find_bare(world, brands[0]) - read_plain() == set()


async def find_bare(world: World, brand: Brand) -> set[str]:
    """The columns of text without the brand's canary in any row."""
    bare = set()
    for service in SERVICES:
        async with world.database(service) as connection:
            for table in await tables_of(connection):
                columns = await connection.fetch(
                    "select attname as name from pg_attribute a join pg_type t on t.oid = atttypid "
                    "where attrelid = $1::regclass and attnum > 0 and not attisdropped "
                    "and typname in ('text', 'varchar', 'jsonb', '_text')",
                    table,
                )
                for column in columns:
                    name = column["name"]
                    found = await connection.fetchval(
                        f'select bool_or("{name}"::text like $2) from {table} '
                        f'where brand_id = $1 and "{name}" is not null',
                        brand.id,
                        f"%{brand.canary}%",
                    )
                    if not found:
                        bare.add(f"{service}.{table}.{name}")
    return bare


def read_plain() -> set[str]:
    found = set()
    for line in PLAIN.read_text().splitlines():
        if not line.startswith("#"):
            table, _, columns = line.partition(":")
            found |= {f"{table}.{column}" for column in columns.split()}
    return found


async def test_filters_alone_hold_too_and_without_both_the_search_finds_the_other_brand(
    world: World, urls: Urls, brands: tuple[Brand, Brand]
) -> None:
    """The same services as a superuser, whom no policy binds."""
    unbound = {
        service: replace(urls[service], app=world.database_url(service)) for service in SERVICES
    }
    async with AsyncExitStack() as stack:
        apps = await open_applications(with_urls(world.site, unbound), stack)
        http = {name: await reach(app, stack, name) for name, app in apps.asgi.items()}
        filtered = await look_in_lists(world, http, *brands)
        with filters_removed(user="postgres"):
            bare = await look_in_lists(world, http, *brands)

    assert filtered == []
    assert {name.partition(" ")[0] for name in bare} == set(SERVICES)
    # not all: lists of sealed values fail, for these do not open under another brand
    assert len(bare) > 12


async def look_in_lists(
    world: World, http: dict[str, httpx.AsyncClient], own: Brand, other: Brand
) -> list[str]:
    """The lists in which a caller of `own` finds something of `other`."""
    found = []
    for operation in list_operations():
        if operation.method == "GET" and not operation.is_on_one:
            request = request_of(operation, own)
            answer = await http[operation.service].get(
                request.path, headers=world.authorization(own.admin), **request.options
            )
            if look_for(other, answer.content) is not None:
                found.append(operation.name)
    return found


def test_a_filter_is_removed_wherever_it_stands() -> None:
    assert without_filters("where l.brand_id = $1 and l.id = $2") == (
        "where (l.brand_id = $1 or true) and l.id = $2"
    )
    assert without_filters("WHERE unit.brand_id = $3::UUID") == (
        "WHERE (unit.brand_id = $3::UUID or true)"
    )
    once = without_filters("where brand_id = $3::UUID")
    assert without_filters(once) == once
    assert without_filters("on a.brand_id = b.brand_id") == "on a.brand_id = b.brand_id"


async def test_what_a_test_leaves_behind_is_taken_back(
    world: World, kept: Kept, brands: tuple[Brand, Brand]
) -> None:
    own, other = brands
    path = f"/imports/units?id={other.ids['import'][0]}"
    rows = f"code,parent_code,kind,name\n{own.canary}-x,{own.canary}-region-east,store,x\n"
    answer = await world.send(
        "account",
        own.admin,
        "POST",
        path,
        headers={"content-type": "text/csv"},
        content=rows.encode(),
    )

    changed = await kept.put_back()

    assert answer.json()["rows_added"] == 1
    assert {"account.import_run", "account.unit", "account.audit"} <= changed
    assert await kept.put_back() == set()
    page = await world.send("account", own.admin, "GET", "/imports")
    assert look_for(other, page.content) is None


def test_an_id_that_never_was_says_nothing_by_its_letters() -> None:
    """One bit pattern away from this id is one that reads as a way to WeChat."""
    found = never_was("rcpt_01m8h718h9ekjv7epesngvmpxr")

    assert found.startswith("rcpt_01m8h718h9ekjv7e")
    assert found != "rcpt_01m8h718h9ekjv7emmjwxy00f2"
    assert reads_plain(found)
    assert not reads_plain("rcpt_01m8h718h9ekjv7emmjwxy00f2")


def test_an_id_none_of_whose_neighbours_read_plain_has_one_all_the_same() -> None:
    """What all ids of the instant share reads as a way to WeChat."""
    foreign = "rcpt_01m8he2wq534nzvxmbz1ga2xkn"
    neighbour = never_was(foreign)

    assert not reads_plain(foreign)
    assert neighbour != foreign
    assert not reads_plain(neighbour)
