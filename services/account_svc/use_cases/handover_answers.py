"""What others tell of a handover: customers and communities, what came of moves, what was given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.estate import Limits, Outcome, learn
from account_svc.models import HandoverItem, ItemKind, ItemStatus
from account_svc.repository import handovers as repository
from account_svc.use_cases.handover_plan import account_of, limits_of, movable_of, plan
from account_svc.use_cases.handover_steps import wake
from shared.clock import now
from shared.events.account import HandoverStatus

_ATTEMPTS = 5
_FIRST_RETRY = {
    ItemKind.CUSTOMER: timedelta(minutes=2),
    # the platform has no code for "enough for today": the last attempt is more than a day later
    ItemKind.COMMUNITY: timedelta(hours=1),
}


async def add_customers(
    session: AsyncSession,
    brand_id: UUID,
    handover_id: UUID,
    *,
    account_id: UUID,
    customers: Sequence[tuple[UUID, list[datetime]]],
    communities: Sequence[tuple[UUID, list[datetime]]],
    is_last: bool,
) -> None:
    """Customers and communities of the person's account, each with its moves that are known."""
    handover = await repository.find_for_update(session, brand_id, handover_id)
    if handover is None or account_id not in handover.awaited_ids:
        return
    at = now()
    items = [
        HandoverItem(
            id=thing_id,
            brand_id=brand_id,
            handover_id=handover.id,
            kind=kind,
            account_id=account_id,
            status=ItemStatus.PLANNED,
            things=1,
            attempts=0,
            moved_at=moved_at,
            not_to=[],
            changed_at=at,
        )
        for kind, things in (
            (ItemKind.CUSTOMER, customers),
            (ItemKind.COMMUNITY, communities),
        )
        for thing_id, moved_at in things
    ]
    session.add_all(items)
    await plan(session, handover, items)
    if is_last:
        handover.awaited_ids = [each for each in handover.awaited_ids if each != account_id]
        if not handover.awaited_ids and handover.status is HandoverStatus.GATHERING:
            handover.status = HandoverStatus.PLANNED


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking for the move of one customer or community."""

    item_id: UUID
    outcome: Outcome
    at: datetime
    reason: str | None


async def take_results(
    session: AsyncSession, brand_id: UUID, handover_id: UUID, results: Sequence[Told]
) -> None:
    """What came of asking for moves: refusals are planned anew, with another taker or later."""
    handover = await repository.find_for_update(session, brand_id, handover_id)
    if handover is None:
        return
    by_id = {result.item_id: result for result in results}
    items = [
        item
        for item in await repository.items_by_id(session, handover, list(by_id))
        if item.status in (ItemStatus.ASKED, ItemStatus.MOVING)  # others are told again
    ]
    if handover.finished_at is not None:
        for item in items:
            _take_last(item, by_id[item.id])
        return
    limits = await limits_of(session, brand_id, now())
    anew: list[HandoverItem] = []
    for item in items:
        result = by_id[item.id]
        if item.taker_id is None:
            continue
        if _take(item, item.taker_id, result, limits[item.kind]):
            anew.append(item)
        if result.outcome is Outcome.TAKER_FULL and item.taker_id not in handover.full_taker_ids:
            handover.full_taker_ids = [*handover.full_taker_ids, item.taker_id]
            anew += await repository.planned_for(session, handover, item.taker_id)
    await plan(session, handover, anew)
    await wake(session, handover)


def _take(item: HandoverItem, taker_id: UUID, result: Told, limits: Limits) -> bool:
    """Note the outcome; whether the item has to be planned anew."""
    item.changed_at = now()
    outcome = result.outcome
    known = learn(movable_of(item), taker_id, _as_a_move(item, outcome), limits, result.at)
    item.moved_at, item.not_to = list(known.moved_at), sorted(known.not_to)
    done = {
        Outcome.ACCEPTED: ItemStatus.MOVING,
        Outcome.MOVED: ItemStatus.DONE,
        Outcome.GONE: ItemStatus.GONE,
    }
    if outcome in done:
        item.status, item.due_at, item.waits_for = done[outcome], None, None
        return False
    item.refusal = result.reason or outcome
    if outcome is Outcome.FAILED:
        item.status = ItemStatus.PLANNED if item.attempts < _ATTEMPTS else ItemStatus.FAILED
        item.due_at = item.changed_at + _FIRST_RETRY[item.kind] * 2**item.attempts
        return False
    item.status = ItemStatus.PLANNED
    return True


def _as_a_move(item: HandoverItem, outcome: Outcome) -> Outcome:
    """A community is moved without being accepted first: it counts from then."""
    is_moved = item.kind is ItemKind.COMMUNITY and outcome is Outcome.MOVED
    return Outcome.ACCEPTED if is_moved else outcome


def _take_last(item: HandoverItem, result: Told) -> None:
    """Note the outcome in a handover that was cancelled: nothing is tried again."""
    item.changed_at = now()
    outcome = result.outcome
    last = {
        Outcome.ACCEPTED: ItemStatus.MOVING,
        Outcome.MOVED: ItemStatus.DONE,
        Outcome.GONE: ItemStatus.GONE,
    }
    item.status = last.get(outcome, ItemStatus.CANCELLED)
    if _as_a_move(item, outcome) is Outcome.ACCEPTED:
        item.moved_at = [*item.moved_at, result.at]
    if outcome not in (*last, Outcome.CANCELLED):
        item.refusal = result.reason or outcome


async def take_leads(
    session: AsyncSession,
    brand_id: UUID,
    handover_id: UUID,
    *,
    leads: int,
    contacts: int,
    status: ItemStatus = ItemStatus.DONE,
) -> None:
    """lead_svc says that it hands no more leads and contacts of the person to others than these:
    all, or as many as there were before the handover was cancelled."""
    handover = await repository.find_for_update(session, brand_id, handover_id)
    if handover is None:
        return
    given = {ItemKind.LEADS: leads, ItemKind.CONTACTS: contacts}
    for item in await repository.items_with(session, handover, (ItemStatus.ASKED,)):
        if item.kind in given:
            item.status, item.things, item.changed_at = status, given[item.kind], now()
    await wake(session, handover)


async def take_drafts(
    session: AsyncSession,
    brand_id: UUID,
    handover_id: UUID,
    things: Mapping[UUID, int],
    *,
    is_done: bool,
) -> None:
    """content_svc says how many drafts and queued posts wait on accounts, or went with one."""
    handover = await repository.find_for_update(session, brand_id, handover_id)
    if handover is None:
        return
    for item in await repository.drafts_of(session, handover, list(things)):
        if is_done and item.status is not ItemStatus.ASKED:
            continue
        item.things, item.changed_at = things[account_of(item)], now()
        if is_done:
            item.status = ItemStatus.DONE
    await wake(session, handover)
