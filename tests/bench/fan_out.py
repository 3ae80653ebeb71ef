"""Rows of the fan-out: one campaign to 130,000 accounts, planned by the worker's own code.

`fan-out` is the compilation: every targeted account gets its place and its moment, kept apart from
its other posts. Its limit is COPY of the same rows into the same table. `launch` is all of it, from
the target to scheduled posts: texts rendered and checked, drafts, posts and events written.
"""

import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from content_svc.models import Campaign, CampaignStatus, Template
from content_svc.use_cases.planning import plan_step
from shared.clock import now
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.events.content import CampaignMode
from shared.ids import uuid7
from tests.bench.installation import Installation, installed
from tests.bench.rounds import cpu_seconds
from tests.bench.row import By, Options, Result, Row, Sample, Side, compare

ACCOUNTS = 130_000
STORES = 2_000
REGIONS = 20

FAN_OUT = Row(
    "fan-out", f"{ACCOUNTS:,} places of a campaign: planned, COPY of the rows", 1.3, 1.0, By.SECONDS
)
LAUNCH = Row("launch", f"a campaign to {ACCOUNTS:,} accounts, from its target to scheduled posts")
ROWS = (FAN_OUT, LAUNCH)

_UNITS = """insert into unit_directory (
        brand_id, unit_id, parent_id, ancestor_ids, kind, code, name, city)
    select $1, unit, path[cardinality(path)], path || unit, kind, code, code, '杭州'
    from unnest($2::uuid[], $3::text[], $4::text[]) as given (unit, kind, code),
    lateral (select array_remove(array[
        $5::uuid,
        case when kind = 'store' then ($6::uuid[])[1 + abs(hashtext(code)) % $7::int] end
    ], null) as path) up"""
_STAFF = """insert into staff_directory (brand_id, staff_id, unit_id, is_departed)
    select $1, uuidv7(), ($2::uuid[])[1 + n % cardinality($2::uuid[])], false
    from generate_series(1, $3::int) n"""
_ACCOUNTS = """insert into account_directory (brand_id, account_id, platform, handle, display_name,
    domain, seat, unit_id, staff_id, persona_kind, status)
    select $1, uuidv7(), (array['douyin', 'xiaohongshu', 'channels'])[1 + n % 3], 'h' || n,
        '选车顾问' || n, 'public', 'kos', s.unit_id, s.staff_id, 'topic_expert', 'active'
    from (select *, row_number() over () as n from staff_directory where brand_id = $1) s"""
_SLOTS: list[dict[str, Any]] = [
    {"name": name, "kind": name, "required": True, "default": None, "choices": []}
    for name in ("city", "store", "seller")
]


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    async with installed("content") as installation, _matrix(installation) as matrix:
        results = []
        if FAN_OUT.id in wanted:
            results.append(await _fan_out(matrix, options.rounds))
        if LAUNCH.id in wanted:
            results.append(await _launch(matrix))
        return results


@dataclass(frozen=True)
class Matrix:
    """A brand with its accounts in the directory, as the worker and as the superuser."""

    sessions: Sessions
    admin: asyncpg.Connection
    brand_id: UUID
    template_id: UUID
    pids: list[int]

    async def add_campaign(self) -> UUID:
        """A campaign to the whole matrix that was just launched."""
        at = now()
        campaign = Campaign(
            id=uuid7(),
            brand_id=self.brand_id,
            version=1,
            code=uuid7().hex,
            name="新车上市",
            mode=CampaignMode.CENTRAL_ENABLEMENT,
            template_id=self.template_id,
            asset_ids=[],
            unit_ids=[],
            platforms=[],
            persona_kinds=[],
            rights=[],
            slot_values={},
            starts_at=at + timedelta(days=1),
            ends_at=at + timedelta(days=3),
            posts_per_account_gap_minutes=60,
            status=CampaignStatus.PLANNING,
            is_compiled=False,
            compiled_through=None,
            written_through=None,
            is_written=False,
            created_at=at,
        )
        async with brand_session(self.sessions, self.brand_id) as session:
            session.add(campaign)
        return campaign.id

    async def plan(self, campaign_id: UUID, *, until_compiled: bool = False) -> None:
        """The worker's steps, a transaction each."""
        while True:
            async with brand_session(self.sessions, self.brand_id) as session:
                if not await plan_step(session, self.brand_id, campaign_id):
                    return
                if until_compiled:
                    campaign = await session.get(Campaign, campaign_id)
                    if campaign is not None and campaign.is_compiled:
                        return

    async def places(self, campaign_id: UUID) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.admin.fetch(
            "select * from campaign_place where campaign_id = $1 order by account_id", campaign_id
        )
        return rows


@asynccontextmanager
async def _matrix(installation: Installation) -> AsyncIterator[Matrix]:
    engine = create_engine(installation.urls["content"].worker)
    admin = await installation.connect("content")
    brand_id, template_id, root = uuid7(), uuid7(), uuid7()
    regions = [uuid7() for _ in range(REGIONS)]
    stores = [uuid7() for _ in range(STORES)]
    sessions = create_sessions(engine)
    try:
        for ids, kind in (([root], "brand"), (regions, "region"), (stores, "store")):
            codes = [f"{kind}-{number}" for number in range(len(ids))]
            above = None if kind == "brand" else root
            kinds = [kind] * len(ids)
            await admin.execute(_UNITS, brand_id, ids, kinds, codes, above, regions, REGIONS)
        await admin.execute(_STAFF, brand_id, stores, ACCOUNTS)
        await admin.execute(_ACCOUNTS, brand_id)
        await admin.execute("vacuum analyze")
        async with brand_session(sessions, brand_id) as session:
            session.add(
                Template(
                    id=template_id,
                    brand_id=brand_id,
                    version=1,
                    name="试驾",
                    platform=None,
                    stage=None,
                    tags=[],
                    title="周末试驾",
                    body="来{{city}}的{{store}}看新车,[[{{seller}}带你试驾]],周末有茶点。",
                    slots=_SLOTS,
                    created_at=now(),
                )
            )
        pids = [os.getpid(), installation.postgres_pid]
        yield Matrix(sessions, admin, brand_id, template_id, pids)
    finally:
        await admin.close()
        await engine.dispose()


async def _fan_out(matrix: Matrix, rounds: int) -> Result:
    """Both sides start with an empty table each time; what they leave in it is compared."""
    ours: list[Sample] = []
    limit: list[Sample] = []
    await _empty(matrix)
    first = await matrix.add_campaign()
    await matrix.plan(first, until_compiled=True)
    rows = await matrix.places(first)
    if len({row["account_id"] for row in rows}) != ACCOUNTS:
        raise RuntimeError(f"{len(rows)} places for {ACCOUNTS} accounts")

    async def plan() -> None:
        await matrix.plan(campaign_id, until_compiled=True)

    async def copy() -> None:
        await matrix.admin.copy_records_to_table("campaign_place", records=rows)

    for turn in range(rounds):
        for side, work in ((ours, plan), (limit, copy))[:: 1 if turn % 2 == 0 else -1]:
            await _empty(matrix)
            campaign_id = await matrix.add_campaign()
            side.append(await _timed(matrix, work))
            count = await matrix.admin.fetchval("select count(*) from campaign_place")
            if count != ACCOUNTS:
                raise RuntimeError(f"{count} places for {ACCOUNTS} accounts")
    mine, theirs = (statistics.median(one.seconds for one in side) for side in (ours, limit))
    return compare(FAN_OUT, ours, limit, f"{mine:.2f} s, COPY {theirs:.2f} s")


async def _launch(matrix: Matrix) -> Result:
    await _empty(matrix)
    campaign_id = await matrix.add_campaign()
    before = await _log_position(matrix.admin)

    async def plan() -> None:
        await matrix.plan(campaign_id)

    sample = await _timed(matrix, plan)
    log = await _log_position(matrix.admin) - before
    count, size = await matrix.admin.fetchrow(
        """select (select count(*) from post where campaign_id = $1), sum(
            pg_total_relation_size(c.oid))::bigint
        from pg_class c where c.relname in ('campaign_place', 'draft', 'post')""",
        campaign_id,
    )
    if count != ACCOUNTS:
        raise RuntimeError(f"{count} posts for {ACCOUNTS} accounts")
    note = (
        f"{sample.seconds:.0f} s; a post costs {size / count:.0f} bytes of database"
        f" and {log / count:.0f} bytes of WAL"
    )
    return Result(LAUNCH, ours=Side.of([sample]), note=note)


async def _timed(matrix: Matrix, work: Callable[[], Awaitable[Any]]) -> Sample:
    cpu, started = cpu_seconds(matrix.pids), time.perf_counter()
    await work()
    seconds = time.perf_counter() - started
    return Sample(ACCOUNTS, seconds, cpu_seconds(matrix.pids) - cpu)


async def _empty(matrix: Matrix) -> None:
    """Also the dirty pages of the round before: its checkpoint is not for this one to pay."""
    await matrix.admin.execute("truncate campaign_place, draft, post, outbox, timer")
    await matrix.admin.execute("checkpoint")


async def _log_position(admin: asyncpg.Connection) -> int:
    position: int = await admin.fetchval("select (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return position
