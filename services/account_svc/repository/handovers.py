"""SQL of handovers and of what is in them."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import HandoverNotFound
from account_svc.models import (
    Account,
    Handover,
    HandoverItem,
    ItemKind,
    ItemStatus,
    Staff,
)
from account_svc.models.handover import MOVED, OVER
from account_svc.repository.org import subtree_ids
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent
from shared.events.account import AccountStatus, Platform

SELECT_HANDOVER = """select h.id, h.staff_id, h.status, h.taker_ids, h.awaited_ids, h.starts_at,
    h.opened_by, h.opened_at, h.finished_at, h.cancel_reason, h.version from handover h"""
SELECT_ITEM = """select i.id, i.handover_id, i.kind, i.account_id, i.things, i.status, i.taker_id,
    i.due_at, i.waits_for, i.refusal, i.attempts, i.changed_at from handover_item i"""
_PROGRESS = """select i.handover_id, i.kind, i.status, count(*) as items,
    sum(i.things) as things, min(i.due_at) as next_at
    from handover_item i where i.brand_id = $1 and i.handover_id = any($2::uuid[])
    group by 1, 2, 3 order by 1, 2, 3"""
_LEFT = (AccountStatus.RETIRED,)


async def accounts_of(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> Sequence[Account]:
    """What the person runs, but what is retired."""
    statement = select(Account).where(
        Account.brand_id == brand_id, Account.staff_id == staff_id, Account.status.not_in(_LEFT)
    )
    return (await session.scalars(statement.order_by(Account.id).with_for_update())).all()


async def accounts_by_id(
    session: AsyncSession, brand_id: UUID, account_ids: Sequence[UUID]
) -> Sequence[Account]:
    statement = select(Account).where(Account.brand_id == brand_id, Account.id.in_(account_ids))
    return (await session.scalars(statement.order_by(Account.id).with_for_update())).all()


async def wecom_accounts(
    session: AsyncSession, brand_id: UUID, staff_ids: Sequence[UUID]
) -> dict[UUID, UUID]:
    """By person who can take customers: their account."""
    rows = await session.execute(
        select(Account.staff_id, Account.id)
        .join(Staff, (Staff.brand_id == Account.brand_id) & (Staff.id == Account.staff_id))
        .where(
            Account.brand_id == brand_id,
            Account.staff_id.in_(staff_ids),
            Account.platform == Platform.WECOM,
            Account.status == AccountStatus.ACTIVE,
            Staff.departed_at.is_(None),
        )
        .order_by(Account.id.desc())
    )
    return {staff_id: account_id for staff_id, account_id in rows if staff_id is not None}


async def platforms_of(
    session: AsyncSession, brand_id: UUID, staff_ids: Sequence[UUID]
) -> dict[UUID, set[Platform]]:
    rows = await session.execute(
        select(Account.staff_id, Account.platform).where(
            Account.brand_id == brand_id,
            Account.staff_id.in_(staff_ids),
            Account.status.not_in(_LEFT),
        )
    )
    found: dict[UUID, set[Platform]] = {}
    for staff_id, platform in rows:
        if staff_id is not None:
            found.setdefault(staff_id, set()).add(platform)
    return found


async def find_for_update(
    session: AsyncSession, brand_id: UUID, handover_id: UUID
) -> Handover | None:
    return await session.get(Handover, (brand_id, handover_id), with_for_update=True)


async def get_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, handover_id: UUID
) -> tuple[Handover, Staff]:
    """With the person who leaves."""
    statement = (
        select(Handover, Staff)
        .join(Staff, (Staff.brand_id == Handover.brand_id) & (Staff.id == Handover.staff_id))
        .where(Handover.brand_id == brand_id, Handover.id == handover_id)
    )
    if extent.unit_ids is not None:
        statement = statement.where(Staff.unit_id.in_(subtree_ids(brand_id, extent.unit_ids)))
    if extent.staff_id is not None:
        statement = statement.where(Staff.id == extent.staff_id)
    row = (await session.execute(statement.with_for_update(of=Handover))).first()
    if row is None:
        raise HandoverNotFound("no such handover")
    return row.Handover, row.Staff


async def open_of(
    session: AsyncSession, brand_id: UUID, staff_ids: Collection[UUID]
) -> Sequence[Handover]:
    """The open handovers of these people. Not locked: who asks holds accounts, for which a step of
    the handover, which is locked then, may be waiting."""
    if not staff_ids:
        return []
    statement = select(Handover).where(
        Handover.brand_id == brand_id,
        Handover.staff_id.in_(staff_ids),
        Handover.finished_at.is_(None),
    )
    return (await session.scalars(statement.order_by(Handover.id))).all()


def _items(handover: Handover) -> Any:
    return select(HandoverItem).where(
        HandoverItem.brand_id == handover.brand_id, HandoverItem.handover_id == handover.id
    )


async def items_with(
    session: AsyncSession, handover: Handover, statuses: Sequence[ItemStatus]
) -> Sequence[HandoverItem]:
    statement = _items(handover).where(HandoverItem.status.in_(statuses))
    return (await session.scalars(statement.order_by(HandoverItem.id))).all()


async def items_by_id(
    session: AsyncSession, handover: Handover, ids: Sequence[UUID]
) -> Sequence[HandoverItem]:
    return (await session.scalars(_items(handover).where(HandoverItem.id.in_(ids)))).all()


async def planned_for(
    session: AsyncSession, handover: Handover, taker_id: UUID
) -> Sequence[HandoverItem]:
    """Customers that have not been asked about yet."""
    statement = _items(handover).where(
        HandoverItem.kind == ItemKind.CUSTOMER,
        HandoverItem.status == ItemStatus.PLANNED,
        HandoverItem.taker_id == taker_id,
    )
    return (await session.scalars(statement)).all()


async def given_at(
    session: AsyncSession, handover: Handover, account_id: UUID, *, at: datetime
) -> list[datetime]:
    """When communities of this account were given to others in the last day, in this handover or
    an earlier one. What was asked for and is not answered counts as given now."""
    rows = await session.execute(
        select(HandoverItem.status, HandoverItem.moved_at).where(
            HandoverItem.brand_id == handover.brand_id,
            HandoverItem.handover_id.in_(
                select(Handover.id).where(
                    Handover.brand_id == handover.brand_id, Handover.staff_id == handover.staff_id
                )
            ),
            HandoverItem.account_id == account_id,
            HandoverItem.kind == ItemKind.COMMUNITY,
            HandoverItem.status.in_((ItemStatus.ASKED, ItemStatus.DONE)),
        )
    )
    times = [at if status is ItemStatus.ASKED else moved_at[-1] for status, moved_at in rows]
    return [each for each in times if each > at - timedelta(days=1)]


async def to_be_given_at(
    session: AsyncSession, handover: Handover, account_id: UUID, *, but: Collection[UUID]
) -> list[datetime]:
    """When communities of this account are planned to be given to others."""
    statement = select(HandoverItem.due_at).where(
        HandoverItem.brand_id == handover.brand_id,
        HandoverItem.handover_id == handover.id,
        HandoverItem.account_id == account_id,
        HandoverItem.kind == ItemKind.COMMUNITY,
        HandoverItem.status == ItemStatus.PLANNED,
        HandoverItem.id.not_in(but),
    )
    return [each for each in await session.scalars(statement) if each is not None]


async def due_moves(
    session: AsyncSession, handover: Handover, kind: ItemKind, at: datetime, size: int
) -> Sequence[HandoverItem]:
    statement = _items(handover).where(
        HandoverItem.kind == kind,
        HandoverItem.status == ItemStatus.PLANNED,
        HandoverItem.due_at <= at,
    )
    ordered = statement.order_by(HandoverItem.due_at, HandoverItem.id)
    return (await session.scalars(ordered.limit(size))).all()


async def open_accounts(session: AsyncSession, handover: Handover) -> Sequence[HandoverItem]:
    """The accounts about which something can still be done without a new decision."""
    statement = _items(handover).where(
        HandoverItem.kind == ItemKind.ACCOUNT,
        HandoverItem.status.in_((ItemStatus.PLANNED, ItemStatus.NEEDS_OWNERSHIP)),
    )
    return (await session.scalars(statement.order_by(HandoverItem.id))).all()


async def accounts_with_moves(session: AsyncSession, handover: Handover) -> set[UUID]:
    """Accounts whose customers and communities are not all with others yet."""
    rows = await session.scalars(
        select(HandoverItem.account_id)
        .where(
            HandoverItem.brand_id == handover.brand_id,
            HandoverItem.handover_id == handover.id,
            HandoverItem.kind.in_(MOVED),
            HandoverItem.status.not_in(OVER),
        )
        .distinct()
    )
    return {*(row for row in rows if row is not None), *handover.awaited_ids}


async def drafts_of(
    session: AsyncSession, handover: Handover, account_ids: Sequence[UUID]
) -> Sequence[HandoverItem]:
    """What is still open about drafts of these accounts."""
    statement = _items(handover).where(
        HandoverItem.kind == ItemKind.DRAFTS,
        HandoverItem.account_id.in_(account_ids),
        HandoverItem.status.not_in(OVER),
    )
    return (await session.scalars(statement)).all()


async def has_open_items(session: AsyncSession, handover: Handover) -> bool:
    statement = _items(handover).where(HandoverItem.status.not_in(OVER))
    return bool(await session.scalar(select(statement.exists())))


async def next_due(session: AsyncSession, handover: Handover) -> datetime | None:
    """When the next customer or community is to be moved."""
    found: datetime | None = await session.scalar(
        select(func.min(HandoverItem.due_at)).where(
            HandoverItem.brand_id == handover.brand_id,
            HandoverItem.handover_id == handover.id,
            HandoverItem.kind.in_(MOVED),
            HandoverItem.status == ItemStatus.PLANNED,
        )
    )
    return found


def visible_handovers(brand_id: UUID, extent: Extent) -> Conditions:
    """Of the people whom the caller may see."""
    conditions = Conditions("h", brand_id)
    _limit(conditions, extent, "h.staff_id")
    return conditions


def visible_items(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("i", brand_id)
    if extent.unit_ids is not None or extent.staff_id is not None:
        seen = Conditions("h", brand_id)
        _limit(seen, extent, "h.staff_id")
        conditions.arguments = seen.arguments
        conditions.add(f"i.handover_id in (select h.id from handover h where {seen.sql})")
    return conditions


def _limit(conditions: Conditions, extent: Extent, column: str) -> None:
    if extent.unit_ids is not None:
        conditions.add(
            f"{column} in (select s.id from staff s where s.brand_id = $1 "
            f"and s.unit_id = any({SUBTREES}))",
            list(extent.unit_ids),
        )
    conditions.add_given(f"{column} = ?", extent.staff_id)


async def fetch_progress(
    connection: asyncpg.Connection, brand_id: UUID, handover_ids: Sequence[UUID]
) -> dict[UUID, list[asyncpg.Record]]:
    """How many items of each kind and status, by handover."""
    found: dict[UUID, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_PROGRESS, brand_id, list(handover_ids)):
        found.setdefault(row["handover_id"], []).append(row)
    return found
