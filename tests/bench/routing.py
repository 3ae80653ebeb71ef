"""Rows of the routing: decisions a second in brands of 1,000, 10,000 and 130,000 sellers.

A decision is all that the worker does for one lead: candidates from the directory, the choice, the
decision with its inputs, the offer, its timer and its event, in a transaction of its own. Half of
the leads name a store, a quarter a region, a quarter nothing, so that the whole brand is looked
at. It must not matter how many sellers there are: the limit is the smallest brand. In
`routing-full` nobody can take a lead: half of the sellers are full, half are away; every ring is
looked at, and the lead goes to the pool.
"""

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import cycle
from uuid import UUID

from lead_svc.models import Lead, LeadStatus
from lead_svc.use_cases.offers import route
from shared.clock import now
from shared.database import Sessions, brand_session, create_engine, create_sessions
from shared.ids import uuid7
from tests.bench.installation import Installation, installed
from tests.bench.rounds import cpu_seconds
from tests.bench.row import By, Options, Result, Row, Sample, Side, compare

SIZES = SMALL, MEDIUM, LARGE = 1_000, 10_000, 130_000
SELLERS_A_STORE = 13
REGIONS = 20

ROUTING = Row(
    "routing", f"routing decisions/s: {LARGE:,} sellers, {SMALL:,} sellers", 0.5, 0.9, By.RATE
)
FULL = Row(
    "routing-full",
    f"the same while nobody is able: {LARGE:,} sellers, {SMALL:,} sellers",
    0.5,
    0.9,
    By.RATE,
)
ROWS = (ROUTING, FULL)

_UNITS = """insert into org_unit (id, brand_id, kind, code, name, parent_id, ancestor_ids)
    select id, $1, kind, code, code, path[cardinality(path)], path || id
    from unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[]) as given (id, kind, code, region),
    lateral (select array_remove(array[$6::uuid, region], null) as path) up"""
_SELLERS = """insert into seller (id, brand_id, unit_id, is_seller, open_lead_capacity, skills,
        product_lines, languages, tier, is_departed, open_load)
    select uuidv7(), $1, ($2::uuid[])[1 + n % $3::int], true, 1000, '{}', '{}', '{zh}', 'standard',
        false, 0
    from generate_series(1, $4::int) n"""


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    results = []
    async with installed("lead") as installation:
        engine = create_engine(installation.urls["lead"].worker)
        bench = Bench(create_sessions(engine), [os.getpid(), installation.postgres_pid], options)
        try:
            brands = {size: await _add_brand(installation, size) for size in SIZES}
            if ROUTING.id in wanted:
                results.append(await bench.measure(ROUTING, brands, LeadStatus.OFFERED))
            if FULL.id in wanted:
                await _occupy(installation)
                results.append(await bench.measure(FULL, brands, LeadStatus.POOLED))
        finally:
            await engine.dispose()
    return results


@dataclass(frozen=True)
class Bench:
    sessions: Sessions
    pids: list[int]
    options: Options

    async def measure(self, row: Row, brands: Mapping[int, "Brand"], outcome: LeadStatus) -> Result:
        """The largest brand against the smallest; every decision has to end in `outcome`."""
        decisions = max(100, self.options.requests // 5)
        samples: dict[int, list[Sample]] = {size: [] for size in SIZES}
        for brand in brands.values():
            await _decide(self.sessions, brand, 20, outcome)
        for turn in range(self.options.rounds):
            for size in SIZES[:: 1 if turn % 2 == 0 else -1]:
                cpu, started = cpu_seconds(self.pids), time.perf_counter()
                seconds = await _decide(self.sessions, brands[size], decisions, outcome)
                wall = time.perf_counter() - started
                spent = cpu_seconds(self.pids) - cpu
                samples[size].append(Sample(decisions, wall, spent, seconds))
        medium = Side.of(samples[MEDIUM])
        note = f"{MEDIUM:,} sellers: {medium.rate:.0f} decisions/s, {medium.cpu_us:.0f} us of CPU"
        return compare(row, samples[LARGE], samples[SMALL], note)


@dataclass(frozen=True)
class Brand:
    id: UUID
    stores: list[UUID]
    regions: list[UUID]


async def _add_brand(installation: Installation, sellers: int) -> Brand:
    stores = [uuid7() for _ in range(sellers // SELLERS_A_STORE + 1)]
    brand = Brand(uuid7(), stores, [uuid7() for _ in range(REGIONS)])
    database = await installation.connect("lead")
    root = uuid7()
    try:
        for kind, ids, above in (
            ("brand", [root], None),
            ("region", brand.regions, root),
            ("store", stores, root),
        ):
            region = [
                brand.regions[number % REGIONS] if kind == "store" else None
                for number in range(len(ids))
            ]
            codes = [f"{kind}-{number}" for number in range(len(ids))]
            await database.execute(_UNITS, brand.id, ids, [kind] * len(ids), codes, region, above)
        await database.execute(_SELLERS, brand.id, stores, len(stores), sellers)
        await database.execute("vacuum analyze")
    finally:
        await database.close()
    return brand


async def _occupy(installation: Installation) -> None:
    """Half of the sellers are full, the others are away."""
    database = await installation.connect("lead")
    try:
        await database.execute(
            """update seller set
                open_load = case when hashtext(id::text) % 2 = 0 then open_lead_capacity else 0 end,
                absent_from = case when hashtext(id::text) % 2 <> 0 then now() end"""
        )
        await database.execute("vacuum analyze seller")
    finally:
        await database.close()


async def _decide(sessions: Sessions, brand: Brand, count: int, outcome: LeadStatus) -> list[float]:
    """Route so many qualified leads, one after the other; the seconds of each."""
    places = cycle(_places(brand))
    seconds = []
    for number in range(count):
        async with brand_session(sessions, brand.id) as session:
            lead = _lead(brand.id, next(places), number)
            session.add(lead)
            await session.flush()
            started = time.perf_counter()
            await route(session, lead, at=now())
        seconds.append(time.perf_counter() - started)
        if lead.status is not outcome:
            raise RuntimeError(f"a lead is {lead.status}, not {outcome}")
    return seconds


def _places(brand: Brand) -> list[UUID | None]:
    """Where leads come from, in turn, spread over the brand."""
    found: list[UUID | None] = []
    for number in range(100):
        store = brand.stores[number * 7 % len(brand.stores)]
        found += [store, brand.regions[number % REGIONS], brand.stores[-1 - number % 50], None]
    return found


def _lead(brand_id: UUID, unit_id: UUID | None, number: int) -> Lead:
    at = now()
    return Lead(
        id=uuid7(),
        brand_id=brand_id,
        version=2,
        connection_id=brand_id,
        source="generic",
        source_lead_id=uuid7().hex,
        receipt_id=uuid7(),
        status=LeadStatus.QUALIFIED,
        submitted_at=at,
        captured_at=at,
        contact_id=uuid7(),
        score=72,
        grade="ABCD"[number % 4],
        origin_unit_id=unit_id,
        unit_id=unit_id,
        attempts=0,
    )
