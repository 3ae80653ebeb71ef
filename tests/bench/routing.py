"""Row of the routing: decisions a second in brands of 1,000, 10,000 and 130,000 sellers.

A decision is all that the worker does for one lead: candidates from the directory, the choice, the
decision with its inputs, the offer, its timer and its event, in a transaction of its own. Half of
the leads name a store, a quarter a region, a quarter nothing, so that the whole brand is looked
at. It must not matter how many sellers there are: the limit is the smallest brand.
"""

import os
import time
from collections.abc import Collection
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
from tests.bench.row import By, Options, Result, Row, Sample, compare

SMALL, MEDIUM, LARGE = 1_000, 10_000, 130_000
SELLERS_A_STORE = 13
REGIONS = 20

ROUTING = Row(
    "routing", f"routing decisions/s: {LARGE:,} sellers, {SMALL:,} sellers", 0.5, 0.9, By.RATE
)
ROWS = (ROUTING,)

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
    decisions = max(100, options.requests // 5)
    samples: dict[int, list[Sample]] = {size: [] for size in (SMALL, MEDIUM, LARGE)}
    async with installed("lead") as installation:
        engine = create_engine(installation.urls["lead"].worker)
        sessions = create_sessions(engine)
        pids = [os.getpid(), installation.postgres_pid]
        try:
            brands = {size: await _add_brand(installation, size) for size in samples}
            for brand in brands.values():
                await _decide(sessions, brand, 20)
            for turn in range(options.rounds):
                for size in list(samples)[:: 1 if turn % 2 == 0 else -1]:
                    cpu, started = cpu_seconds(pids), time.perf_counter()
                    seconds = await _decide(sessions, brands[size], decisions)
                    wall = time.perf_counter() - started
                    spent = cpu_seconds(pids) - cpu
                    samples[size].append(Sample(decisions, wall, spent, seconds))
        finally:
            await engine.dispose()
    medium = compare(ROUTING, samples[MEDIUM], samples[SMALL])
    assert medium.ours is not None
    note = f"{MEDIUM:,} sellers: {medium.ours.rate:.0f} decisions/s"
    return [compare(ROUTING, samples[LARGE], samples[SMALL], note)]


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


async def _decide(sessions: Sessions, brand: Brand, count: int) -> list[float]:
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
        if lead.status is not LeadStatus.OFFERED:
            raise RuntimeError(f"a lead found no seller: {lead.status}")
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
