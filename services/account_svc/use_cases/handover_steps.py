"""A handover step by step: what is due is asked for or done, until nothing is open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    AccountNotFound,
    CertificateMissing,
    TransitionNotAllowed,
    UnknownStaff,
)
from account_svc.estate import (
    Fate,
    calls_of,
    fate_of,
)
from account_svc.models import (
    Account,
    Handover,
    ItemKind,
    ItemStatus,
)
from account_svc.models.handover import MOVED
from account_svc.repository import handovers as repository
from account_svc.use_cases import accounts as account_steps
from account_svc.use_cases.handover_plan import (
    account_of,
    choose_account_takers,
    limits_of,
    plan,
    put_off,
    takers_leaving,
)
from shared import audit, outbox, timers
from shared.access import Principal, Role
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import (
    AccountStatus,
    CommunitiesAssigned,
    CustomersAssigned,
    DraftsAssigned,
    HandoverFinished,
    HandoverStatus,
)
from shared.ids import typed, uuid7
from shared.timers import Due, TimerHandler

STEP = "handover.step"
_AT_ONCE = 1_000
"""How many moves of a kind are asked for in one transaction."""


@dataclass(frozen=True, slots=True)
class Mover:
    """The worker's timer handler: takes the steps that are due; a killed one leaves nothing half
    done, for steps and what is noted of them are one transaction."""

    sessions: Sessions
    audit_key: bytes

    async def step(self, due: Due) -> datetime | None:
        async with brand_session(self.sessions, due.brand_id) as session:
            handover = await repository.find_for_update(session, due.brand_id, due.subject_id)
            if handover is None or handover.status is not HandoverStatus.RUNNING:
                return None
            at = now()
            if handover.starts_at > at:
                return handover.starts_at
            for kind in MOVED:
                await _ask_for_moves(session, handover, kind, at)
            await _move_accounts(session, handover, at)
            await session.flush()  # what follows counts and sorts what has just changed
            if not await repository.has_open_items(session, handover):
                handover.status, handover.finished_at = HandoverStatus.DONE, at
                outbox.add(
                    session,
                    handover,
                    HandoverFinished(handover_id=handover.id, staff_id=handover.staff_id),
                )
            await audit.flush(session, due.brand_id, self.audit_key)
            return await repository.next_due(session, handover)


def handover_timers(sessions: Sessions, audit_key: bytes) -> dict[str, TimerHandler]:
    return {STEP: Mover(sessions, audit_key).step}


async def wake(session: AsyncSession, handover: Handover) -> None:
    """Look soon whether a step can be taken."""
    if handover.status is HandoverStatus.RUNNING:
        at = max(handover.starts_at, now())
        await timers.schedule(session, handover.brand_id, STEP, handover.id, at)


async def _ask_for_moves(
    session: AsyncSession, handover: Handover, kind: ItemKind, at: datetime
) -> None:
    """Tell which customers or communities are to be with whom from now on, in calls that the
    platform takes."""
    items = await repository.due_moves(session, handover, kind, at, _AT_ONCE)
    if not items:
        return
    limits = (await limits_of(session, handover.brand_id, at))[kind]
    if kind is ItemKind.COMMUNITY:
        await put_off(session, handover, items, limits, at)
    takers = await repository.wecom_accounts(session, handover.brand_id, handover.taker_ids)
    lost = [item for item in items if item.taker_id not in takers]
    await plan(session, handover, lost)
    by_giver: dict[UUID, dict[UUID, UUID]] = {}
    asked = {item.id: item for item in items if item.taker_id in takers}
    for item in asked.values():
        if item.taker_id is not None and item.due_at is not None and item.due_at <= at:
            by_giver.setdefault(account_of(item), {})[item.id] = item.taker_id
    for giver_id, due in by_giver.items():
        for taker_id, ids in calls_of(due, limits):
            for each in ids:
                item = asked[each]
                item.status, item.changed_at = ItemStatus.ASKED, at
                item.attempts += 1
            call: dict[str, Any] = {
                "handover_id": handover.id,
                "call_id": uuid7(),
                "account_id": giver_id,
                "taker_id": taker_id,
                "taker_account_id": takers[taker_id],
            }
            if kind is ItemKind.CUSTOMER:
                outbox.add(session, handover, CustomersAssigned(**call, customer_ids=ids))
            else:
                outbox.add(session, handover, CommunitiesAssigned(**call, community_ids=ids))


async def _move_accounts(session: AsyncSession, handover: Handover, at: datetime) -> None:
    items = await repository.open_accounts(session, handover)
    left = {
        account.id: account
        for account in await repository.accounts_by_id(
            session, handover.brand_id, [item.account_id for item in items if item.account_id]
        )
    }
    waiting = await repository.accounts_with_moves(session, handover)
    leaving = await takers_leaving(session, handover)
    as_brand = Principal(
        handover.brand_id, typed("handover", handover.id), frozenset({Role.BRAND_ADMIN})
    )
    for item in items:
        account = left[account_of(item)]
        if account.id in waiting:
            continue
        is_retired = account.status is AccountStatus.RETIRED
        if is_retired or account.staff_id != handover.staff_id:
            # somebody saw to it by hand since the plan was made
            item.status, item.taker_id, item.due_at = ItemStatus.GONE, None, None
            item.changed_at = at
            with_whom = None if is_retired else account.staff_id
            await _ask_for_drafts(session, handover, account, with_whom, at)
            continue
        fate = fate_of(account.platform, account.ownership)
        if fate is Fate.ASK:
            continue
        if fate is Fate.HAND_OVER and (item.taker_id is None or item.taker_id in leaving):
            await choose_account_takers(session, handover, [item], [account])
        item.changed_at = at
        item.attempts += 1
        reason = f"handover of {typed('staff', handover.staff_id)}"
        try:
            if fate is Fate.RETIRE:
                await account_steps.retire(session, as_brand, account.id, reason=reason)
            elif item.taker_id is not None:
                is_open = account.status not in account_steps.NOT_YET
                give = account_steps.hand_over if is_open else account_steps.reassign
                await give(session, as_brand, account.id, staff_id=item.taker_id, reason=reason)
        except (
            AccountNotFound,
            CertificateMissing,
            TransitionNotAllowed,
            UnknownStaff,
        ) as refusal:
            item.status, item.refusal = ItemStatus.FAILED, refusal.message
        else:
            item.status, item.due_at = ItemStatus.DONE, None
            await _ask_for_drafts(session, handover, account, item.taker_id, at)


async def _ask_for_drafts(
    session: AsyncSession,
    handover: Handover,
    account: Account,
    taker_id: UUID | None,
    at: datetime,
) -> None:
    """Tell that what waits on the account goes where the account has gone."""
    for item in await repository.drafts_of(session, handover, [account.id]):
        item.status, item.taker_id, item.due_at = ItemStatus.ASKED, taker_id, None
        item.attempts, item.changed_at = item.attempts + 1, at
        outbox.add(
            session,
            handover,
            DraftsAssigned(
                handover_id=handover.id,
                account_id=account.id,
                from_staff_id=handover.staff_id,
                taker_id=taker_id,
                unit_id=account.unit_id,
            ),
        )
