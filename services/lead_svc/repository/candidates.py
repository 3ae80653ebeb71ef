"""SQL of the sellers in question for a lead: what it costs must not grow with the brand.

Whoever can take a lead is found by an index that holds nobody who is full; sellers with an absence
are few, so that theirs are indexes of their own. Those who are leaving are fewer still, and passed
over on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.repository.units import below
from lead_svc.routing import Candidate, Step

NEAR, FAR = 40, 10
"""Candidates loaded of a store, and of a region or the brand; the rest is counted."""
MANY = 1_000
"""Sellers are looked at and counted up to about here."""
_FEW = 3
"""Sellers that are looked at in each unit, however many units there are."""

_FREE = """s.is_seller and not s.is_departed and s.open_load < s.open_lead_capacity
    and s.handover_id is null"""
_UNTRIED = "s.id <> all(cast(:tried as uuid[]))"
_PRESENT = "(s.absent_from is null or s.absent_from > :at or s.absent_until <= :at)"
_CERTIFIED = """exists (select from seller_right r where r.brand_id = s.brand_id
    and r.staff_id = s.id and r."right" = :right and r.expires_at > :at)"""
_TURN = "s.open_load, s.last_offered_at nulls first, s.id"
_RELATIVE = "s.open_load::float8 / s.open_lead_capacity, s.last_offered_at nulls first, s.id"

_COLUMNS = """s.id as staff_id, s.unit_id, s.is_seller, s.is_departed, s.absent_from,
    s.absent_until, s.open_lead_capacity as capacity, s.open_load, s.last_offered_at,
    s.handover_id is not null as is_leaving,
    (select r.expires_at from seller_right r
        where r.brand_id = s.brand_id and r.staff_id = s.id and r."right" = :right) as right_until,
    (select bool_and(a.status in ('suspended', 'retired')) from seller_account a
        where a.brand_id = s.brand_id and a.staff_id = s.id) is true as is_suspended"""

_ONE = f"select {_COLUMNS}, 1 as found from seller s where s.brand_id = :brand and s.id = :staff"

# PostgreSQL expects many units and many sellers, and would read all sellers of all brands at once:
# `offset 0` makes it look each of the few up, whatever plan it keeps.
_UNITS = f"units as materialized {below(brand=':brand', units='array[cast(:unit as uuid)]')}"
_COUNT = """(select count(*) from (select from units u cross join lateral (
    select from seller s where s.brand_id = :brand and s.unit_id = u.id offset 0) s
    limit :many + 1) few) as found"""
_ABLE_BELOW = f"""
with {_UNITS}, able as (
    select s.id from units u cross join lateral (
        select s.id, s.open_load, s.open_lead_capacity, s.last_offered_at from seller s
        where s.brand_id = :brand and s.unit_id = u.id and {{able}}
        order by {_TURN} limit greatest({_FEW}, :many / (select count(*) from units))
    ) s order by {_RELATIVE} limit :limit
)
select {_COLUMNS}, {_COUNT} from able cross join lateral (
    select * from seller s where s.brand_id = :brand and s.id = able.id offset 0) s
"""
_ANY_BELOW = f"""
with {_UNITS}
select {_COLUMNS}, {_COUNT} from (
    select s.* from units u cross join lateral (
        select * from seller s where s.brand_id = :brand and s.unit_id = u.id offset 0) s
    limit :limit
) s
"""

# Of those with an absence that is over or still to come, any will do where they are many.
_ABLE_IN_BRAND = f"""
with able as (
    (select s.* from seller s
        where s.brand_id = :brand and {_FREE} and s.absent_from is null and {{suited}}
        order by {_TURN} limit :limit)
    union all
    (select s.* from seller s where s.brand_id = :brand and {_FREE}
        and s.absent_from is not null and s.absent_until <= :at and {{suited}} limit :many)
    union all
    (select s.* from seller s where s.brand_id = :brand and {_FREE}
        and s.absent_from > :at and (s.absent_until is null or s.absent_until > :at) and {{suited}}
        limit :many)
)
select {_COLUMNS}, (select count(*) from (
    select from seller where brand_id = :brand limit :many) few) as found
from (select * from able s order by {_TURN} limit :limit) s
"""


@dataclass(frozen=True, slots=True)
class Ring:
    """The candidates of one step and distance; `found` counts those that were not loaded, too, up
    to about MANY."""

    candidates: list[Candidate]
    found: int


@dataclass(frozen=True, slots=True)
class Search:
    """What every look for candidates of one lead has in common."""

    brand_id: UUID
    at: datetime
    tried: Sequence[UUID]
    right: str | None

    @property
    def suited(self) -> str:
        """What else is asked of a seller who is free and present."""
        return _UNTRIED if self.right is None else f"{_UNTRIED} and {_CERTIFIED}"


async def load_author(session: AsyncSession, search: Search, staff_id: UUID) -> Ring:
    rows = await _load(session, search, _ONE, {"staff": staff_id})
    return _ring(rows, Step.AUTHOR, 0)


async def load_below(
    session: AsyncSession, search: Search, unit_id: UUID, step: Step, distance: int
) -> Ring:
    """Sellers of the unit and of every unit below it: those with the fewest open leads of who is
    able, or, where nobody is, some of the others, to say why."""
    given = {"unit": unit_id, "limit": NEAR if step is Step.STORE else FAR, "many": MANY}
    able = f"{_FREE} and {_PRESENT} and {search.suited}"
    rows = await _load(session, search, _ABLE_BELOW.format(able=able), given)
    rows = rows or await _load(session, search, _ANY_BELOW, given)
    return _ring(rows, step, distance)


async def load_brand(session: AsyncSession, search: Search, distance: int) -> Ring:
    """The able sellers of the whole brand with the fewest open leads."""
    statement = _ABLE_IN_BRAND.format(suited=search.suited)
    rows = await _load(session, search, statement, {"limit": FAR, "many": MANY})
    return _ring(rows, Step.BRAND, distance)


async def _load(
    session: AsyncSession, search: Search, statement: str, given: dict[str, object]
) -> Sequence[RowMapping]:
    parameters = {"brand": search.brand_id, "right": search.right, **given}
    if ":at" in statement:
        parameters |= {"at": search.at, "tried": list(search.tried)}
    return (await session.execute(text(statement), parameters)).mappings().all()


def _ring(rows: Sequence[RowMapping], step: Step, distance: int) -> Ring:
    candidates = [
        Candidate(
            step=step, distance=distance, **{str(key): row[key] for key in row if key != "found"}
        )
        for row in rows
    ]
    return Ring(candidates, rows[0]["found"] if rows else 0)
