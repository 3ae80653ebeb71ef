"""SQL of layouts, of the snapshot that they are laid over, and of off-roster accounts."""

import json
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import LayoutNotFound, OffRosterNotFound
from account_svc.layout import Person, Registered, Snapshot, Unit
from account_svc.models import (
    Domain,
    Layout,
    LayoutFacts,
    OffRosterAccount,
    OffRosterStatus,
    Seat,
    status_at,
)
from account_svc.repository.accounts import filtered_accounts
from account_svc.repository.org import subtree_ids, visible_units
from account_svc.repository.policies import fetch_policies
from account_svc.repository.reading import SUBTREES, Conditions
from account_svc.repository.rights import fetch_requirements
from account_svc.repository.staff import visible_staff
from shared.access import Extent
from shared.events.account import AccountStatus, Platform, Right, UnitKind

SELECT_LAYOUT = """select l.id, l.name, l.version, l.definition, l.created_at from layout l"""
SELECT_OFF_ROSTER = """select o.id, o.platform, o.handle, o.unit_id, o.note, o.status,
    o.reported_at, o.decided_at, o.reason, o.account_id from off_roster_account o"""

# ids as bytes: no object is made for each of hundreds of thousands
_UNITS = """select uuid_send(u.id), u.kind, coalesce(u.city, u.city_code), u.path from unit u"""
_STAFF = """select uuid_send(s.id), uuid_send(s.unit_id), s.is_seller, s.skills, s.tier,
    s.departed_at, s.absent_from, s.absent_until from staff s"""
_ACCOUNTS = """select uuid_send(a.id), a.platform, a.domain, a.seat, uuid_send(a.unit_id),
    uuid_send(a.staff_id), a.status from account a"""

_CERTIFIED = """select uuid_send(t.staff_id) from certificate t
    where t.brand_id = $1 and t.course_id = any($2::uuid[])
    and t.earned_at <= $3 and t.expires_at > $3
    group by t.staff_id having count(distinct t.course_id) = $4"""


def all_layouts(brand_id: UUID) -> Conditions:
    return Conditions("l", brand_id)


async def lock_layouts(session: AsyncSession, brand_id: UUID) -> None:
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('layouts/' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


async def last_version(session: AsyncSession, brand_id: UUID, name: str) -> int:
    """The newest version of the brand's layout; 0 if it has none of this name."""
    version = await session.scalar(
        select(func.max(Layout.version)).where(Layout.brand_id == brand_id, Layout.name == name)
    )
    return version or 0


async def fetch_layout(
    connection: asyncpg.Connection, brand_id: UUID, name: str
) -> tuple[LayoutFacts, int]:
    """The newest version of the brand's own layout."""
    row = await connection.fetchrow(
        f"{SELECT_LAYOUT} where l.brand_id = $1 and l.name = $2 order by l.version desc limit 1",
        brand_id,
        name,
    )
    if row is None:
        raise LayoutNotFound("no such layout", field="/layout")
    return read_definition(row), row["version"]


def read_definition(row: asyncpg.Record) -> LayoutFacts:
    """A row of SELECT_LAYOUT."""
    return LayoutFacts.model_validate({"name": row["name"], **json.loads(row["definition"])})


async def _certified(
    connection: asyncpg.Connection, brand_id: UUID, at: datetime
) -> set[bytes] | None:
    """Who may run an account; None: everybody."""
    requirement = (await fetch_requirements(connection, brand_id, at)).get(Right.RUN_ACCOUNT)
    if requirement is None or not requirement["course_ids"]:
        return None
    courses = requirement["course_ids"]
    rows = await connection.fetch(_CERTIFIED, brand_id, courses, at, len(courses))
    return {row[0] for row in rows}


async def fetch_snapshot(
    connection: asyncpg.Connection,
    brand_id: UUID,
    extent: Extent,
    *,
    unit_id: UUID | None,
    at: datetime,
) -> Snapshot:
    """What of the matrix the caller sees, or the part of it below a unit, in a few statements."""
    units = visible_units(brand_id, extent)
    staff = visible_staff(brand_id, extent)
    accounts = filtered_accounts(
        brand_id, extent, unit_id=unit_id, staff_id=None, platform=None, status=None
    )
    if unit_id is not None:
        units.add(f"u.id = any({SUBTREES})", [unit_id])
        staff.add(f"s.unit_id = any({SUBTREES})", [unit_id])
    accounts.add("a.status <> ?", AccountStatus.RETIRED)
    certified = await _certified(connection, brand_id, at)
    found = [
        await connection.fetch(
            f"{select} where {conditions.sql} order by {order}", *conditions.arguments
        )
        for select, conditions, order in (
            (_UNITS, units, "u.path"),
            (_STAFF, staff, "s.id"),
            (_ACCOUNTS, accounts, "a.id"),
        )
    ]
    kinds, platforms = (
        {each.value: each for each in UnitKind},
        {each.value: each for each in Platform},
    )
    domains, seats = {each.value: each for each in Domain}, {each.value: each for each in Seat}
    statuses = {each.value: each for each in AccountStatus}
    skills: dict[tuple[str, ...], frozenset[str]] = {}
    """People share few sets of skills."""

    def set_of(words: list[str]) -> frozenset[str]:
        key = tuple(words)
        return skills.get(key) or skills.setdefault(key, frozenset(key))

    return Snapshot(
        at,
        [Unit(id, kinds[kind], city, path) for id, kind, city, path in found[0]],
        [
            Person(
                id,
                home,
                is_seller,
                set_of(able),
                tier,
                status_at(at, departed_at=left, absent_from=begins, absent_until=ends),
                certified is None or id in certified,
            )
            for id, home, is_seller, able, tier, left, begins, ends in found[1]
        ],
        [
            Registered(
                id, platforms[platform], domains[domain], seats[seat], unit, person, statuses[state]
            )
            for id, platform, domain, seat, unit, person, state in found[2]
        ],
        await fetch_policies(connection, brand_id),
        is_whole=unit_id is None and extent.is_whole_brand,
    )


def visible_off_roster(brand_id: UUID, extent: Extent) -> Conditions:
    """A manager sees those that are said to sell in the manager's units."""
    conditions = Conditions("o", brand_id)
    if extent.unit_ids is not None:
        conditions.add(f"o.unit_id = any({SUBTREES})", list(extent.unit_ids))
    return conditions


def filtered_off_roster(
    brand_id: UUID, extent: Extent, *, unit_id: UUID | None, status: OffRosterStatus | None
) -> Conditions:
    conditions = visible_off_roster(brand_id, extent)
    if unit_id is not None:
        conditions.add(f"o.unit_id = any({SUBTREES})", [unit_id])
    conditions.add_given("o.status = ?", status)
    return conditions


async def count_off_roster(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, *, unit_id: UUID | None
) -> int:
    """Those that nobody has decided on."""
    conditions = filtered_off_roster(
        brand_id, extent, unit_id=unit_id, status=OffRosterStatus.REPORTED
    )
    number: int = await connection.fetchval(
        f"select count(*) from off_roster_account o where {conditions.sql}", *conditions.arguments
    )
    return number


async def get_off_roster_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, off_roster_id: UUID
) -> OffRosterAccount:
    statement = select(OffRosterAccount).where(
        OffRosterAccount.brand_id == brand_id, OffRosterAccount.id == off_roster_id
    )
    if extent.unit_ids is not None:
        statement = statement.where(
            OffRosterAccount.unit_id.in_(subtree_ids(brand_id, extent.unit_ids))
        )
    found: OffRosterAccount | None = await session.scalar(statement.with_for_update())
    if found is None:
        raise OffRosterNotFound("no such off-roster account")
    return found


_REGISTERED = text("""
    select exists (select from account where brand_id = :brand and platform = :platform
        and status <> 'retired' and lower(handle collate "C") = lower(:handle collate "C"))""")
_REPORTED = text("""
    select exists (select from off_roster_account where brand_id = :brand and platform = :platform
        and status <> 'adopted' and lower(handle collate "C") = lower(:handle collate "C"))""")


async def is_registered(
    session: AsyncSession, brand_id: UUID, platform: Platform, handle: str
) -> bool:
    """Whether an account that is not retired has the handle, in upper or lower case."""
    given = {"brand": brand_id, "platform": platform, "handle": handle}
    return bool(await session.scalar(_REGISTERED, given))


async def is_reported(
    session: AsyncSession, brand_id: UUID, platform: Platform, handle: str
) -> bool:
    """Whether it was reported and is not adopted, written in whatever case. Two at once are told
    apart by the constraint, which knows one way of writing it."""
    given = {"brand": brand_id, "platform": platform, "handle": handle}
    return bool(await session.scalar(_REPORTED, given))
