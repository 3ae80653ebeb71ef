"""What refers to units, people and accounts finds them by their key, also on a new database.

A session keeps the plan of such a check. One that was made before anybody had analysed the table
and goes by another index, one that begins with the brand as the key does, reads all of the brand's
rows for each row of an import.
"""

import re

import asyncpg

from deploy.local.databases import ServiceUrls

_KEYS = """
select c.conname, c.confrelid::regclass::text as target, i.relname as index,
    array(select a.attname::text from unnest(c.confkey) with ordinality k(number, place)
        join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number
        order by k.place) as columns
from pg_constraint c join pg_class i on i.oid = c.conindid
where c.contype = 'f' and c.confrelid = any('{unit,staff,account}'::regclass[]) order by 1
"""


async def test_a1_what_an_import_fills_is_referred_to_by_its_key(
    account_database: ServiceUrls,
) -> None:
    connection = await asyncpg.connect(account_database.owner)
    used: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    try:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute("set enable_seqscan = off")
        for key in await connection.fetch(_KEYS):
            tests = " and ".join(
                f"{column} = ${number}" for number, column in enumerate(key["columns"], 1)
            )
            await connection.execute(
                f"prepare checked as select 1 from only {key['target']} where {tests} for key share"
            )
            nothing = ", ".join(["null"] * len(key["columns"]))
            plan = await connection.fetchval(f"explain (format json) execute checked({nothing})")
            used[key["conname"]] = re.findall(r'"Index Name": "([^"]+)"', plan)
            wanted[key["conname"]] = [key["index"]]
            await connection.execute("deallocate checked")
    finally:
        await connection.close()

    assert len(wanted) > 20
    assert used == wanted
