"""SQL of the race: standings folded behind the ledger, and the order they give."""

from collections.abc import Sequence
from operator import index
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import RacePolicy, RaceRules, RankedBy, StandingChange, period_before
from shared.errors import Invalid
from shared.web.pages import Cursor

_POLICY = """
    select version, rules::text as rules from race_policy where brand_id = $1 and from_period <= $2
    order by version desc limit 1"""

_RACE = """
    with month as (
        select s.store_id, s.points, s.accepted_leads, s.deals, s.voided_leads,
            coalesce(s.sellers, 0) as sellers,
            coalesce(p.points, 0) as previous_points,
            coalesce(p.accepted_leads, 0) as previous_leads
        from standing s left join standing p
            on p.brand_id = $1 and p.period = $3 and p.store_id = s.store_id
        where s.brand_id = $1 and s.period = $2),
    placed as (
        select month.*,
            case {leagues} end as league,
            100 * voided_leads <= $4 * (accepted_leads + voided_leads) as is_eligible,
            {score} as score
        from month),
    ranked as (
        select rank() over (order by is_eligible desc, score desc, points desc, deals desc,
            accepted_leads desc) as rank, placed.*
        from placed where $5::text is null or league = $5)
    select rank, store_id, league, score, is_eligible, points, accepted_leads, deals,
        voided_leads, sellers, previous_points
    from ranked
    where (rank, store_id) > ($6, $7)
    order by rank, store_id limit $8"""
_SCORES = {
    RankedBy.POINTS: "points::float8",
    RankedBy.POINTS_PER_SELLER: "points::float8 / greatest(sellers, 1)",
    RankedBy.PROGRESS: "(points + $9::int)::float8 / (previous_points + $9::int)",
}

_FOLD = text("""
    with taken as (
        delete from standing_change where brand_id = :brand
        returning period, store_id, points, accepted_leads, deals, voided_leads),
    total as (
        select period, store_id, sum(points) as points, sum(accepted_leads) as accepted_leads,
            sum(deals) as deals, sum(voided_leads) as voided_leads
        from taken group by period, store_id)
    insert into standing as s
        (brand_id, period, store_id, points, accepted_leads, deals, voided_leads, sellers)
    select :brand, period, store_id, points, accepted_leads, deals, voided_leads, (
        select count(*) from unit store
        join unit home on home.brand_id = store.brand_id
            and home.path >= store.path and home.path < store.path || '\\xff'::bytea
        join staff on staff.brand_id = home.brand_id and staff.unit_id = home.id
        where store.brand_id = :brand and store.id = total.store_id
            and staff.is_seller and staff.departed_at is null)
    from total
    on conflict (brand_id, period, store_id) do update set
        points = s.points + excluded.points,
        accepted_leads = s.accepted_leads + excluded.accepted_leads,
        deals = s.deals + excluded.deals,
        voided_leads = s.voided_leads + excluded.voided_leads""")


async def next_version(session: AsyncSession, brand_id: UUID) -> int:
    """The number of the brand's next race policy; nobody else gets it."""
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('race/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )
    version = await session.scalar(
        select(func.max(RacePolicy.version)).where(RacePolicy.brand_id == brand_id)
    )
    return (version or 0) + 1


async def fetch_policy(
    connection: asyncpg.Connection, brand_id: UUID, period: str
) -> tuple[int, RaceRules]:
    """The rules of a month and their version; 0 for a brand that has set none."""
    row = await connection.fetchrow(_POLICY, brand_id, period)
    if row is None:
        return 0, RaceRules()
    return row["version"], RaceRules.model_validate_json(row["rules"])


async def find_rules(session: AsyncSession, brand_id: UUID, period: str) -> RaceRules:
    """The rules of a month."""
    rules = await session.scalar(
        select(RacePolicy.rules)
        .where(RacePolicy.brand_id == brand_id, RacePolicy.from_period <= period)
        .order_by(RacePolicy.version.desc())
        .limit(1)
    )
    return RaceRules() if rules is None else RaceRules.model_validate(rules)


async def brands_to_fold(session: AsyncSession) -> Sequence[UUID]:
    """Brands whose standings lag behind their ledger; by the worker's role, in no brand."""
    return (await session.scalars(select(StandingChange.brand_id).distinct())).all()


async def fold(session: AsyncSession, brand_id: UUID) -> None:
    """Bring the brand's standings up to its ledger, unless another worker is at it."""
    is_mine = await session.scalar(
        text("select pg_try_advisory_xact_lock(hashtextextended('standing/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )
    if is_mine:
        await session.execute(_FOLD, {"brand": brand_id})


async def fetch_race(
    connection: asyncpg.Connection,
    brand_id: UUID,
    period: str,
    rules: RaceRules,
    league: str | None,
    cursor: Cursor,
) -> tuple[list[asyncpg.Record], bool]:
    """Stores by rank, of one league or of all; stores equal in everything share a rank."""
    rank, store_id = 0, UUID(int=0)
    if cursor.after is not None:
        try:
            rank, store_id = index(cursor.after[0]), UUID(str(cursor.after[1]))
        except (TypeError, ValueError, IndexError) as error:
            raise Invalid("not a cursor of this list", field="/after") from error
    arguments: list[Any] = [
        brand_id,
        period,
        period_before(period),
        rules.max_voided_percent,
        league,
        rank,
        store_id,
        cursor.first + 1,
    ]
    if rules.ranked_by is RankedBy.PROGRESS:
        arguments.append(rules.progress_floor)
    # a `case` is ten times as fast as a look into a list of leagues for each store
    leagues = []
    for one in reversed(rules.leagues):
        number = len(arguments)
        leagues.append(
            f"when sellers >= ${number + 1}::int and previous_leads >= ${number + 2}::int "
            f"then ${number + 3}::text"
        )
        arguments += [one.min_sellers, one.min_leads, one.code]
    statement = _RACE.format(leagues=" ".join(leagues), score=_SCORES[rules.ranked_by])
    rows = await connection.fetch(statement, *arguments)
    return rows[: cursor.first], len(rows) > cursor.first
