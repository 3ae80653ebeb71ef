"""Rows of the rewards: facts that pay a second, and the race of 10,000 stores read.

`ledger` takes accepted leads in as the consumer does, 40 to a transaction: inbox, rule, formula,
store, entry, event, and what changes in the race. Its limit is the ledger's rows alone, inserted 40
to a transaction. `leaderboard` is the first page of the race with leagues and progress; its limit
is the same page of standings by points, which nobody has to place.
"""

import os
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from account_svc.consumers import HANDLERS
from account_svc.models import IncentiveRule, League, RaceRules, RankedBy, Trigger
from account_svc.repository.race import fetch_race
from shared.database import (
    Sessions,
    brand_read,
    brand_session,
    create_engine,
    create_read_pool,
    create_sessions,
)
from shared.envelope import Envelope, of_headers
from shared.events.lead import LeadAccepted
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.outbox import row as outbox_row
from shared.web.pages import Cursor
from tests.bench.installation import Installation, installed
from tests.bench.rounds import alternate
from tests.bench.row import Options, Result, Row, Sample, compare
from tests.bench.tree import plant_tree

STORES = 10_000
PAGE = 50
AT_ONCE = 40

LEDGER = Row("ledger", "facts that pay/s: taken in, the ledger's rows alone")
LEADERBOARD = Row("leaderboard", f"a page of the race of {STORES:,} stores, by points alone")
ROWS = (LEDGER, LEADERBOARD)

_AT = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
_STANDINGS = """insert into standing (brand_id, period, store_id, points, accepted_leads, deals,
        voided_leads, sellers)
    select $1, period, unit, 10 * (1 + number * 7919 % 499), 1 + number * 7919 % 499, 0,
        number % 9, 1 + number % 12
    from unnest($2::uuid[]) with ordinality as given (unit, number),
        unnest(array['2026-10', '2026-11']) period"""
_BARE_PAGE = """select store_id, points, accepted_leads, deals from standing
    where brand_id = $1 and period = $2 order by points desc, store_id limit $3"""
_RULES = RaceRules(
    ranked_by=RankedBy.PROGRESS,
    leagues=[
        League(code="small", name="小店"),
        League(code="large", name="大店", min_sellers=6),
        League(code="busy", name="旺店", min_sellers=6, min_leads=200),
    ],
    max_voided_percent=30,
)
_ENTRY = [
    "brand_id",
    "id",
    "staff_id",
    "unit_id",
    "store_id",
    "rule_id",
    "rule_version",
    "trigger",
    "cause",
    "amount",
    "currency",
    "earned_at",
    "reverses_id",
    "version",
]


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    async with installed("account") as installation, _matrix(installation) as matrix:
        results = []
        if LEDGER.id in wanted:
            results.append(await _ledger(matrix, options))
        if LEADERBOARD.id in wanted:
            results.append(await _leaderboard(matrix, options))
        return results


@dataclass(frozen=True)
class Matrix:
    """A brand of stores with a seller each, as the worker, as the api and as the superuser."""

    sessions: Sessions
    reads: asyncpg.Pool
    admin: asyncpg.Connection
    brand_id: UUID
    sellers: Sequence[asyncpg.Record]
    pids: list[int]


@asynccontextmanager
async def _matrix(installation: Installation) -> AsyncIterator[Matrix]:
    urls = installation.urls["account"]
    engine = create_engine(urls.worker)
    reads = await create_read_pool(urls.app, application="bench")
    admin = await installation.connect("account")
    brand_id = uuid7()
    sessions = create_sessions(engine)
    try:
        _, stores = await plant_tree(admin, brand_id, stores=STORES, sellers_each=1)
        await admin.execute(_STANDINGS, brand_id, stores)
        await admin.execute("vacuum analyze")
        sellers = await admin.fetch("select id, unit_id from staff")
        async with brand_session(sessions, brand_id) as session:
            session.add(_rule(brand_id))
        pids = [os.getpid(), installation.postgres_pid]
        yield Matrix(sessions, reads, admin, brand_id, sellers, pids)
    finally:
        await admin.close()
        await reads.close()
        await engine.dispose()


def _rule(brand_id: UUID) -> IncentiveRule:
    return IncentiveRule(
        brand_id=brand_id,
        id=uuid7(),
        trigger=Trigger.LEAD_ACCEPTED,
        version=1,
        amount=0,
        rate_bp=0,
        formula='20 if grade == "A" else score // 10',
        monthly_budget=None,
        currency="points",
        valid_from=_AT - timedelta(days=365),
        is_active=True,
        created_at=_AT,
    )


async def _ledger(matrix: Matrix, options: Options) -> Result:
    inbox = Inbox("bench", HANDLERS, matrix.sessions, bytes(32))
    rows: list[tuple[Any, ...]] = []

    async def take_in() -> list[float]:
        events = [_accepted(matrix, number) for number in range(options.requests)]
        latencies = await _in_chunks(events, inbox.take)
        found = await matrix.admin.fetch(f"select {', '.join(_ENTRY)} from ledger_entry")
        if len(found) != options.requests:
            raise RuntimeError(f"{len(found)} entries for {options.requests} facts")
        rows[:] = [tuple(row) for row in found]
        await _empty(matrix)
        return latencies

    async def insert(chunk: Sequence[tuple[Any, ...]]) -> None:
        async with matrix.admin.transaction():
            await matrix.admin.executemany(
                f"insert into ledger_entry ({', '.join(_ENTRY)}) values "
                f"({', '.join(f'${number + 1}' for number in range(len(_ENTRY)))})",
                chunk,
            )

    async def insert_all() -> list[float]:
        latencies = await _in_chunks(rows, insert)
        await _empty(matrix)
        return latencies

    await take_in()
    sides = {"ours": (matrix.pids, take_in), "limit": (matrix.pids, insert_all)}
    samples = await alternate(sides, options.rounds)
    rate = sorted(one.rate for one in samples["ours"])[options.rounds // 2]
    return compare(LEDGER, samples["ours"], samples["limit"], f"{rate:,.0f} entries a second")


async def _in_chunks(items: Sequence[Any], work: Any) -> list[float]:
    """The seconds of each item: those of its chunk, shared."""
    latencies: list[float] = []
    for start in range(0, len(items), AT_ONCE):
        chunk = items[start : start + AT_ONCE]
        began = time.perf_counter()
        await work(chunk)
        latencies += [(time.perf_counter() - began) / len(chunk)] * len(chunk)
    return latencies


def _accepted(matrix: Matrix, number: int) -> Envelope:
    seller = matrix.sellers[number * 7919 % len(matrix.sellers)]
    event = LeadAccepted(
        lead_id=uuid7(),
        offer_id=uuid7(),
        contact_id=uuid7(),
        staff_id=seller["id"],
        unit_id=seller["unit_id"],
        account_id=None,
        post_id=None,
        campaign_id=None,
        accepted_at=_AT,
        score=number % 101,
        grade="ABCD"[number % 4],
    )
    sent = outbox_row(matrix.brand_id, event, 1)
    return of_headers(sent["headers"], key=sent["key"], topic=sent["topic"], payload=event.data())


async def _empty(matrix: Matrix) -> None:
    await matrix.admin.execute("truncate ledger_entry, standing_change, outbox, inbox")


async def _leaderboard(matrix: Matrix, options: Options) -> Result:
    reads = max(options.requests // 20, 20)
    first = Cursor(first=PAGE, after=None)

    async def ours() -> list[asyncpg.Record]:
        async with brand_read(matrix.reads, matrix.brand_id) as connection:
            rows, _ = await fetch_race(
                connection, matrix.brand_id, "2026-11", _RULES, "busy", first
            )
            return rows

    async def limit() -> list[asyncpg.Record]:
        async with brand_read(matrix.reads, matrix.brand_id) as connection:
            found: list[asyncpg.Record] = await connection.fetch(
                _BARE_PAGE, matrix.brand_id, "2026-11", PAGE
            )
            return found

    async def repeat(read: Any) -> list[float]:
        latencies = []
        for _ in range(reads):
            began = time.perf_counter()
            if len(await read()) != PAGE:
                raise RuntimeError("the race is not as long as a page")
            latencies.append(time.perf_counter() - began)
        return latencies

    sides = {
        "ours": (matrix.pids, lambda: repeat(ours)),
        "limit": (matrix.pids, lambda: repeat(limit)),
    }
    samples: dict[str, list[Sample]] = await alternate(sides, options.rounds)
    return compare(LEADERBOARD, samples["ours"], samples["limit"])
