"""Rows of what head office reads of the whole brand at once: 1,000 stores, 130,000 people.

`goals` is the progress of the root's goals, with the month's 600,000 results rolled up by day;
`lift` is a month's tiers, median and quartile of everybody, with who moved since the month before;
`suspicions` is the first page of what the checks find among a month's 600,000 rewards. The limit of
each is one count over the same rows.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from account_svc.models.race import RaceRules
from account_svc.repository import goals, lift, reviews
from shared.access import Extent
from shared.database import brand_read, create_read_pool
from shared.ids import uuid7
from shared.web.pages import Cursor
from tests.bench.installation import Installation, installed
from tests.bench.rounds import alternate
from tests.bench.row import By, Options, Result, Row, compare
from tests.bench.tree import plant_tree

STORES, SELLERS_EACH = 1_000, 130
FACTS = 600_000
MONTHS = ["2026-10", "2026-11"]
PAGE = 50

GOALS = Row("goals", "progress of 130,000 people, a count of their results", by=By.SECONDS)
LIFT = Row("lift", "tiers of 130,000 people, a count of them", by=By.SECONDS)
SUSPICIONS = Row("suspicions", "suspects of 600,000 rewards, a count of them", by=By.SECONDS)
ROWS = (GOALS, LIFT, SUSPICIONS)

_WHOLE = Extent(unit_ids=None, staff_id=None)
_MONTH = datetime(2026, 10, 31, 16, tzinfo=UTC), datetime(2026, 11, 30, 16, tzinfo=UTC)
_BEFORE = _MONTH[0] - timedelta(days=31)
_RESULTS = """insert into result (brand_id, trigger, cause, staff_id, unit_id, achieved_at,
        amount_minor)
    select $1, (array['lead_accepted', 'post_published', 'deal_won'])[1 + number % 3],
        'cause-' || number, s.id, s.unit_id, $2::timestamptz + number * interval '4.3 s',
        number % 1000
    from generate_series(0, $3::int - 1) number
    join (select id, unit_id, row_number() over (order by id) as place from staff) s
        on s.place = 1 + number * 7919::bigint % $4::int"""
_RULE = """insert into incentive_rule (brand_id, id, trigger, version, amount, rate_bp, currency,
        valid_from, is_active, created_at)
    values ($1, $2, 'lead_accepted', 1, 10, 0, 'points', $3, true, $3)"""
# one fact of a hundred is of a contact who asks again and again
_ENTRIES = """insert into ledger_entry (brand_id, id, staff_id, unit_id, store_id, rule_id,
        rule_version, trigger, cause, amount, currency, earned_at, version, contact_id, lead_id)
    select r.brand_id, uuidv7(), r.staff_id, r.unit_id, r.unit_id, $2, 1, r.trigger, r.cause, 10,
        'points', r.achieved_at, 1, md5('contact' || contact)::uuid, uuidv7()
    from (select *, case when number % 200 < 2 then number % 300 else number end as contact
        from (select *, row_number() over () as number from result) r) r
    where r.brand_id = $1 and r.achieved_at >= $3"""
_TIERINGS = """insert into tiering (brand_id, period, rules, people, placed_by, asked_at, placed_at)
    select $1, period, '{}', $2, 'bench', now(), now() from unnest($3::text[]) period"""
_PLACEMENTS = """insert into placement (brand_id, period, staff_id, unit_id, league, result, skill,
        score, tier)
    select $1, period, s.id, s.unit_id, 'all', hashtext(s.id || period) % 100, 60, 0.5,
        (array['top', 'middle', 'tail'])[1 + abs(hashtext(s.id || period)) % 3]
    from staff s, unnest($2::text[]) period"""
_GOALS = """insert into goal
        (brand_id, id, unit_id, period, metric, version, target, set_by, set_at)
    select $1, uuidv7(), u.id, '2026-11', 'accepted_leads', 1, 200, 'bench', now() from unit u"""


@dataclass(frozen=True)
class Brand:
    reads: asyncpg.Pool
    id: UUID
    root: UUID
    pids: Sequence[int]


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    reads = {GOALS: _goals, LIFT: _lift, SUSPICIONS: _suspicions}
    counts = {
        GOALS: "select count(*) from result where brand_id = $1",
        LIFT: "select count(*) from placement where brand_id = $1",
        SUSPICIONS: "select count(*) from ledger_entry where brand_id = $1",
    }
    async with installed("account") as installation, _brand(installation) as brand:
        return [
            await _compare(row, brand, reads[row], counts[row], options.rounds)
            for row in ROWS
            if row.id in wanted
        ]


@asynccontextmanager
async def _brand(installation: Installation) -> AsyncIterator[Brand]:
    reads = await create_read_pool(installation.urls["account"].app, application="bench")
    admin = await installation.connect("account")
    brand_id, rule_id = uuid7(), uuid7()
    people = STORES * SELLERS_EACH
    try:
        root, _ = await plant_tree(admin, brand_id, stores=STORES, sellers_each=SELLERS_EACH)
        await admin.execute(_RESULTS, brand_id, _MONTH[0], FACTS, people)
        await admin.execute(_RULE, brand_id, rule_id, _BEFORE)
        await admin.execute(_ENTRIES, brand_id, rule_id, _MONTH[0])
        await admin.execute(_TIERINGS, brand_id, people, MONTHS)
        await admin.execute(_PLACEMENTS, brand_id, MONTHS)
        await admin.execute(_GOALS, brand_id)
        await admin.execute("vacuum analyze")
        yield Brand(reads, brand_id, root, [os.getpid(), installation.postgres_pid])
    finally:
        await admin.close()
        await reads.close()


async def _compare(
    row: Row,
    brand: Brand,
    read: Callable[[asyncpg.Connection, Brand], Awaitable[Sequence[Any]]],
    count: str,
    rounds: int,
) -> Result:
    async def ours() -> list[float]:
        began = time.perf_counter()
        async with brand_read(brand.reads, brand.id) as connection:
            if not await read(connection, brand):
                raise RuntimeError(f"{row.id}: nothing was found")
        return [time.perf_counter() - began]

    async def limit() -> list[float]:
        began = time.perf_counter()
        async with brand_read(brand.reads, brand.id) as connection:
            await connection.fetchval(count, brand.id)
        return [time.perf_counter() - began]

    samples = await alternate({"ours": (brand.pids, ours), "limit": (brand.pids, limit)}, rounds)
    seconds = sorted(one.seconds for one in samples["ours"])[rounds // 2]
    return compare(row, samples["ours"], samples["limit"], f"{seconds:.2f} s")


async def _goals(connection: asyncpg.Connection, brand: Brand) -> Sequence[Any]:
    found = await goals.fetch_snapshot(
        connection,
        brand.id,
        _WHOLE,
        "unit",
        [brand.root],
        period="2026-11",
        since=_MONTH[0],
        until=_MONTH[1],
    )
    return found.days


async def _lift(connection: asyncpg.Connection, brand: Brand) -> Sequence[Any]:
    _, months = await lift.fetch_figures(
        connection, brand.id, _WHOLE, [brand.root], months=len(MONTHS)
    )
    return months


async def _suspicions(connection: asyncpg.Connection, brand: Brand) -> Sequence[Any]:
    conditions = reviews.suspects(
        brand.id, _WHOLE, RaceRules().checks, period="2026-11", unit_id=None
    )
    first = Cursor(first=PAGE, after=None)
    rows, _ = await reviews.fetch_suspects(connection, conditions, first)
    return rows
