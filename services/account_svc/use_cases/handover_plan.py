"""Who takes what of a handover, and when, within the limits that hold now."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.estate import (
    Fate,
    Limits,
    Movable,
    Step,
    Taker,
    community_limits_at,
    fate_of,
    limits_at,
    plan_moves,
    within_a_day,
)
from account_svc.estate.accounts import PERSONAL
from account_svc.models import (
    Account,
    Handover,
    HandoverItem,
    ItemKind,
    ItemStatus,
)
from account_svc.repository import handovers as repository
from account_svc.repository import policies, staff
from shared.clock import now
from shared.ids import uuid7


def account_of(item: HandoverItem) -> UUID:
    """Accounts, and what is of one, have it."""
    assert item.account_id is not None
    return item.account_id


def account_item(handover: Handover, account: Account, at: datetime) -> HandoverItem:
    fate = fate_of(account.platform, account.ownership)
    return HandoverItem(
        id=uuid7(),
        brand_id=handover.brand_id,
        handover_id=handover.id,
        kind=ItemKind.ACCOUNT,
        account_id=account.id,
        status=ItemStatus.NEEDS_OWNERSHIP if fate is Fate.ASK else ItemStatus.PLANNED,
        # the account of a member stays until its customers are moved
        due_at=None if account.platform in PERSONAL else handover.starts_at,
        things=1,
        attempts=0,
        moved_at=[],
        not_to=[],
        changed_at=at,
    )


def drafts_item(of_account: HandoverItem) -> HandoverItem:
    """What waits on the account; how much is told by content_svc."""
    return HandoverItem(
        id=uuid7(),
        brand_id=of_account.brand_id,
        handover_id=of_account.handover_id,
        kind=ItemKind.DRAFTS,
        account_id=of_account.account_id,
        status=ItemStatus.PLANNED,
        taker_id=of_account.taker_id,
        due_at=of_account.due_at,
        things=0,
        attempts=0,
        moved_at=[],
        not_to=[],
        changed_at=of_account.changed_at,
    )


async def choose_account_takers(
    session: AsyncSession,
    handover: Handover,
    items: Iterable[HandoverItem],
    left: Iterable[Account],
) -> None:
    """The first who has none on the platform takes the account, or else the first of all; who
    leaves meanwhile takes none, if anybody else can."""
    by_id = {account.id: account for account in left}
    leaving = await takers_leaving(session, handover)
    takers = [each for each in handover.taker_ids if each not in leaving] or handover.taker_ids
    has = await repository.platforms_of(session, handover.brand_id, handover.taker_ids)
    for item in items:
        account = by_id[account_of(item)]
        if fate_of(account.platform, account.ownership) is Fate.RETIRE:
            continue
        free = [each for each in takers if account.platform not in has.get(each, set())]
        item.taker_id = (free or takers)[0]
        has.setdefault(item.taker_id, set()).add(account.platform)


async def takers_leaving(session: AsyncSession, handover: Handover) -> set[UUID]:
    """Takers who have departed since, or whose own handover is open."""
    departed = await staff.departed_among(session, handover.brand_id, handover.taker_ids)
    opened = await repository.open_of(session, handover.brand_id, handover.taker_ids)
    return departed | {each.staff_id for each in opened}


async def plan(session: AsyncSession, handover: Handover, items: Sequence[HandoverItem]) -> None:
    """The next step of each of these customers and communities, within the limits that hold now."""
    if not items:
        return
    at = max(now(), handover.starts_at)
    limits = await limits_of(session, handover.brand_id, at)
    with_account = await repository.wecom_accounts(session, handover.brand_id, handover.taker_ids)
    able = [each for each in handover.taker_ids if each in with_account]
    rooms = {
        ItemKind.CUSTOMER: [
            Taker(each, room=0 if each in handover.full_taker_ids else None) for each in able
        ],
        ItemKind.COMMUNITY: [Taker(each) for each in able],
    }
    steps: dict[UUID, Step] = {}
    for kind, takers in rooms.items():
        some = [item for item in items if item.kind is kind]
        steps |= plan_moves(map(movable_of, some), takers, limits[kind], at)
    days = limits[ItemKind.COMMUNITY]
    steps |= await _within_days(session, handover, items, steps, days, with_planned=True)
    for item in items:
        step = steps[item.id]
        item.taker_id, item.due_at, item.waits_for = step.taker_id, step.due_at, step.limit
        is_planned = step.taker_id is not None and step.due_at is not None
        item.status = ItemStatus.PLANNED if is_planned else ItemStatus.NEEDS_TAKER
        item.changed_at = now()


async def put_off(
    session: AsyncSession,
    handover: Handover,
    items: Sequence[HandoverItem],
    limits: Limits,
    at: datetime,
) -> None:
    """Leave as much for later as is more than an account may give away today: what was planned for
    days on which nobody took a step is due at once."""
    due = {item.id: Step(item.taker_id, at, item.waits_for) for item in items}
    steps = await _within_days(session, handover, items, due, limits, with_planned=False)
    for item in items:
        item.due_at, item.waits_for = steps[item.id].due_at, steps[item.id].limit


async def _within_days(
    session: AsyncSession,
    handover: Handover,
    items: Sequence[HandoverItem],
    steps: Mapping[UUID, Step],
    limits: Limits,
    *,
    with_planned: bool,
) -> dict[UUID, Step]:
    """The communities' steps, none more than one account gives away in a day."""
    found: dict[UUID, Step] = {}
    by_giver: dict[UUID, list[UUID]] = {}
    for item in items:
        if item.kind is ItemKind.COMMUNITY:
            by_giver.setdefault(account_of(item), []).append(item.id)
    for giver_id, ids in by_giver.items():
        given_at = await repository.given_at(session, handover, giver_id, at=now())
        if with_planned:
            given_at += await repository.to_be_given_at(session, handover, giver_id, but=ids)
        found |= within_a_day({each: steps[each] for each in ids}, given_at, limits)
    return found


def movable_of(item: HandoverItem) -> Movable:
    return Movable(item.id, tuple(item.moved_at), frozenset(item.not_to))


async def limits_of(session: AsyncSession, brand_id: UUID, at: datetime) -> dict[ItemKind, Limits]:
    rows = await policies.load_policies(session, brand_id)
    return {
        ItemKind.CUSTOMER: limits_at(rows, at),
        ItemKind.COMMUNITY: community_limits_at(rows, at),
    }
