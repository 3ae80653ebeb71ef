"""SQL of accounts and personas."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import AccountNotFound
from account_svc.health import worse_than
from account_svc.models import Account, Persona
from account_svc.repository.org import subtree_ids
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent
from shared.events.account import AccountStatus, HealthLevel, Platform
from shared.reading import fetch_by_ids

SELECT_ACCOUNT = """select a.id, a.platform, a.handle, a.platform_id,
    a.display_name, a.domain, a.seat, a.unit_id,
    a.staff_id, a.persona_id, a.status, a.status_reason, a.status_changed_at,
    a.ownership, a.version
    from account a"""
SELECT_CHANGE = """select c.id, c.account_id, c.from_status, c.to_status, c.staff_id, c.reason,
    c.actor, c.at from account_change c"""
_STATUS_NOTES = """select n.account_id, n.platform_status, n.is_held, n.valid_from, n.valid_to,
    n.reference, n.noted_by, n.noted_at from platform_status_note n
    where n.brand_id = $1 and n.account_id = any($2::uuid[]) order by n.id desc"""
SELECT_PERSONA = """select p.id, p.kind, p.name, p.bio, p.tone, p.taboo_words, p.interests,
    p.name_pattern, p.picture_hash
    from persona p"""


async def get_account_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, account_id: UUID
) -> Account:
    statement = select(Account).where(Account.brand_id == brand_id, Account.id == account_id)
    if extent.unit_ids is not None:
        statement = statement.where(Account.unit_id.in_(subtree_ids(brand_id, extent.unit_ids)))
    if extent.staff_id is not None:
        statement = statement.where(Account.staff_id == extent.staff_id)
    account: Account | None = await session.scalar(statement.with_for_update())
    if account is None:
        raise AccountNotFound("no such account")
    return account


async def find_persona(session: AsyncSession, brand_id: UUID, persona_id: UUID) -> Persona | None:
    return await session.get(Persona, {"brand_id": brand_id, "id": persona_id})


def visible_accounts(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("a", brand_id)
    conditions.limit_to(extent)
    return conditions


def filtered_accounts(
    brand_id: UUID,
    extent: Extent,
    *,
    unit_id: UUID | None,
    staff_id: UUID | None,
    platform: Platform | None,
    status: AccountStatus | None,
    health_below: HealthLevel | None = None,
) -> Conditions:
    conditions = visible_accounts(brand_id, extent)
    if unit_id is not None:
        conditions.add(f"a.unit_id = any({SUBTREES})", [unit_id])
    conditions.add_given("a.staff_id = ?", staff_id)
    conditions.add_given("a.platform = ?", platform)
    conditions.add_given("a.status = ?", status)
    if health_below is not None:
        conditions.add(
            "a.id in (select h.account_id from account_health h "
            "where h.brand_id = $1 and h.level = any(?::text[]))",
            worse_than(health_below),
        )
    return conditions


def changes_of(brand_id: UUID, extent: Extent, account_ids: Iterable[UUID]) -> Conditions:
    """The history of accounts that the caller may see."""
    visible = visible_accounts(brand_id, extent)
    visible.add("a.id = any(?::uuid[])", list(account_ids))
    conditions = Conditions("c", brand_id)
    conditions.arguments = visible.arguments
    conditions.add(f"c.account_id in (select a.id from account a where {visible.sql})")
    return conditions


async def fetch_status_notes(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, account_ids: list[UUID]
) -> dict[UUID, list[asyncpg.Record]]:
    """By account that the caller may see: all that was noted, the latest first."""
    conditions = visible_accounts(brand_id, extent)
    seen = await fetch_by_ids(connection, "select a.id from account a", conditions, account_ids)
    found: dict[UUID, list[asyncpg.Record]] = {row["id"]: [] for row in seen}
    for row in await connection.fetch(_STATUS_NOTES, brand_id, list(found)):
        found[row["account_id"]].append(row)
    return found


def all_personas(brand_id: UUID) -> Conditions:
    return Conditions("p", brand_id)
