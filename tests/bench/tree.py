"""A brand's regions, stores and sellers, written by the superuser."""

from uuid import UUID

import asyncpg

from shared.ids import uuid7

REGIONS = 50

_UNITS = """insert into unit (brand_id, id, parent_id, path, kind, code, name, version)
    select $1, id, parent, (select string_agg(uuid_send(one), ''::bytea order by number)
            from unnest(array_remove(array[$5::uuid, parent, id], null))
                with ordinality step(one, number)),
        kind, code, code, 1
    from unnest($2::uuid[], $3::uuid[], $4::text[], $6::text[]) as given (id, parent, kind, code)"""
_SELLERS = """insert into staff (brand_id, id, unit_id, code, name_sealed, is_seller,
        open_lead_capacity, skills, product_lines, languages, tier, joined_at, version)
    select $1, uuidv7(), unit, 's' || number || '-' || one, ''::bytea, true, 20, '{}', '{}', '{}',
        'standard', now(), 1
    from unnest($2::uuid[]) with ordinality as given (unit, number),
        generate_series(1, $3::int) one"""


async def plant_tree(
    admin: asyncpg.Connection, brand_id: UUID, *, stores: int, sellers_each: int
) -> tuple[UUID, list[UUID]]:
    """The root and the stores."""
    root = uuid7()
    regions = [uuid7() for _ in range(REGIONS)]
    found = [uuid7() for _ in range(stores)]
    above = [regions[number % REGIONS] for number in range(stores)]
    for ids, parents, kind in (
        ([root], [None], "brand"),
        (regions, [root] * REGIONS, "region"),
        (found, above, "store"),
    ):
        codes = [f"{kind}-{number}" for number in range(len(ids))]
        over = None if kind != "store" else root
        await admin.execute(_UNITS, brand_id, ids, parents, [kind] * len(ids), over, codes)
    await admin.execute(_SELLERS, brand_id, found, sellers_each)
    return root, found
