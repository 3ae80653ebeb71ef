"""Rows of the layout compiler: 1+X+N over matrices of 300 and of 10,000 stores.

There is nothing to compare a rule of the product with: the rows show seconds by size, against what
was promised (a second, ten seconds), of the compiler alone and with the snapshot read from the
database.
"""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from account_svc.layout import SeatState, built_in_layouts, compile_layout
from account_svc.models import Domain
from account_svc.repository.layouts import fetch_snapshot
from shared.access import Extent
from shared.clock import now
from shared.database import brand_read, create_read_pool
from shared.ids import uuid7
from tests.bench.installation import installed
from tests.bench.row import Options, Result, Row, Sample, Side

STAFF_PER_STORE = 13
REGION_STORES = 500
SIZES = {"layout-300": (300, 1.0), "layout-10k": (10_000, 10.0)}
ROWS = tuple(
    Row(id, f"1+X+N compiled over {stores:,} stores and {stores * STAFF_PER_STORE:,} people")
    for id, (stores, _) in SIZES.items()
)

# paths of units are the ids from the root down; every second seller has an account
_REGIONS = """insert into unit (brand_id, id, parent_id, path, kind, code, name, version)
    select $1, id, $2, uuid_send($2) || uuid_send(id), 'region', 'R' || n, '大区', 1
    from (select n, uuidv7() as id from generate_series(1, $3::int) n)"""
_STORES = """insert into unit (brand_id, id, parent_id, path, kind, code, name, city, version)
    select $1, s.id, r.id, r.path || uuid_send(s.id), 'store', 'S' || s.n, '门店',
        '城市' || s.n % 300, 1
    from (select n, uuidv7() as id from generate_series(1, $2::int) n) s
    join unit r on r.brand_id = $1 and r.code = 'R' || 1 + s.n % $3::int"""
_STAFF = """insert into staff (brand_id, id, unit_id, code, name_sealed, is_seller,
        open_lead_capacity, skills, product_lines, languages, tier, joined_at, version)
    select $1, uuidv7(), u.id, u.code || '-' || k, '', true, 20,
        (array['content', 'tools', 'social_media', 'service'])[1 + k % 3 : 2 + k % 3],
        '{}', '{}', 'standard', $3, 1
    from unit u, generate_series(1, $2::int) k where u.brand_id = $1 and u.kind = 'store'"""
_ACCOUNTS = """insert into account (brand_id, id, platform, handle, display_name, domain, seat,
        unit_id, staff_id, status, status_changed_at, version)
    select $1, uuidv7(), (array['xiaohongshu', 'douyin'])[1 + n % 2], 'h' || n, '店员',
        'public', 'kos', s.unit_id, s.id, 'active', $2, 1
    from (select *, row_number() over (order by id) as n from staff where brand_id = $1) s
    where n % 2 = 0"""


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    async with installed("account") as installation:
        admin = await installation.connect("account")
        pool = await create_read_pool(installation.urls["account"].app)
        try:
            return [
                await _measure(row, admin, pool, options.rounds) for row in ROWS if row.id in wanted
            ]
        finally:
            await pool.close()
            await admin.close()


async def _measure(row: Row, admin: asyncpg.Connection, pool: Any, rounds: int) -> Result:
    stores, promised = SIZES[row.id]
    brand_id = await _fill(admin, stores)
    rules = built_in_layouts()["one_x_n"].public
    everything = Extent(unit_ids=None, staff_id=None)
    compiling: list[Sample] = []
    reading: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        async with brand_read(pool, brand_id) as connection:
            snapshot = await fetch_snapshot(
                connection, brand_id, everything, unit_id=None, at=now()
            )
        reading.append(time.perf_counter() - started)
        cpu, started = time.process_time(), time.perf_counter()
        compiled = compile_layout(rules, Domain.PUBLIC, [], snapshot)
        seconds = time.perf_counter() - started
        compiling.append(Sample(1, seconds, time.process_time() - cpu, [seconds]))
        seats = 2 * (1 + _regions(stores) + 3 * stores)
        if compiled.wanted != seats:
            raise RuntimeError(f"{compiled.wanted} seats where {seats} are wanted")
    worst = max(one.seconds for one in compiling)
    note = (
        f"{worst:.2f} s at worst, {max(one.cpu_seconds for one in compiling):.2f} s of CPU"
        f" (promised {promised:.0f} s), and {max(reading):.2f} s to read the snapshot;"
        f" {compiled.wanted:,} seats, {compiled.count(SeatState.MISSING):,} missing,"
        f" {compiled.without_candidate:,} without a candidate"
    )
    return Result(row, ours=Side.of(compiling), note=note)


async def _fill(admin: asyncpg.Connection, stores: int) -> UUID:
    brand_id, root = uuid7(), uuid7()
    regions, long_ago = _regions(stores), now() - timedelta(days=400)
    await admin.execute(
        "insert into unit (brand_id, id, path, kind, code, name, version)"
        " values ($1, $2, uuid_send($2), 'brand', 'root', '品牌', 1)",
        brand_id,
        root,
    )
    await admin.execute(_REGIONS, brand_id, root, regions)
    await admin.execute(_STORES, brand_id, stores, regions)
    await admin.execute(_STAFF, brand_id, STAFF_PER_STORE, long_ago)
    await admin.execute(_ACCOUNTS, brand_id, long_ago)
    await admin.execute("vacuum analyze")
    return brand_id


def _regions(stores: int) -> int:
    return max(1, stores // REGION_STORES)
