"""What somebody leaves behind goes to others: planned, asked for step by step, planned anew."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    HandoverOpenAlready,
    TakerLeaves,
    UnknownStaff,
)
from account_svc.models import (
    Account,
    Handover,
    HandoverFacts,
    HandoverItem,
    ItemKind,
    ItemStatus,
    Staff,
)
from account_svc.models.handover import MOVED
from account_svc.repository import accounts, staff
from account_svc.repository import handovers as repository
from account_svc.repository.constraints import refusing
from account_svc.use_cases.handover_plan import (
    account_item,
    choose_account_takers,
    drafts_item,
    limits_of,
    plan,
)
from account_svc.use_cases.handover_steps import STEP, wake
from shared import audit, outbox, timers
from shared.access import Principal
from shared.clock import now
from shared.events.account import (
    HandoverCancelled,
    HandoverOpened,
    HandoverStarted,
    HandoverStatus,
    HandoverTakersChanged,
    Ownership,
    Platform,
)
from shared.ids import typed, uuid7

_STOPPED = (
    ItemStatus.PLANNED,
    ItemStatus.NEEDS_TAKER,
    ItemStatus.NEEDS_OWNERSHIP,
    ItemStatus.FAILED,
)
"""What nobody else works on: it is over at once when a handover is cancelled."""


async def open_handover(
    session: AsyncSession, principal: Principal, facts: HandoverFacts
) -> Handover:
    """Plan where everything goes; customers join the plan as they are listed. Nothing is done
    before it is started."""
    brand_id, at = principal.brand_id, now()
    leaver = await staff.get_staff_for_update(session, brand_id, principal.extent, facts.staff_id)
    await _require_takers(session, principal, leaver.id, facts.taker_ids)
    left = await repository.accounts_of(session, brand_id, leaver.id)
    with_customers = [each.id for each in left if each.platform is Platform.WECOM]
    if with_customers:
        await limits_of(session, brand_id, at)  # refuses here rather than later
    handover = Handover(
        id=uuid7(),
        brand_id=brand_id,
        staff_id=leaver.id,
        status=HandoverStatus.GATHERING if with_customers else HandoverStatus.PLANNED,
        taker_ids=list(dict.fromkeys(facts.taker_ids)),
        full_taker_ids=[],
        awaited_ids=with_customers,
        starts_at=max(facts.starts_at or at, at),
        opened_by=principal.actor,
        opened_at=at,
    )
    taken = HandoverOpenAlready("a handover of this person is open", field="/staff_id")
    async with refusing(session, "uq_handover_staff_id", taken):
        session.add(handover)
        outbox.add(
            session,
            handover,
            HandoverOpened(
                handover_id=handover.id,
                staff_id=leaver.id,
                customers_of=with_customers,
                account_ids=[each.id for each in left],
            ),
        )
    items = [account_item(handover, account, at) for account in left]
    session.add_all(items)
    await choose_account_takers(session, handover, items, left)
    session.add_all(drafts_item(item) for item in items)
    _note(session, principal, "handover.open", handover, leaver)
    return handover


async def start(session: AsyncSession, principal: Principal, handover_id: UUID) -> Handover:
    handover, leaver = await _get(session, principal, handover_id)
    if handover.status is HandoverStatus.RUNNING:
        return handover
    handover.start()
    session.add_all(_asked_of_leads(handover, now()))
    outbox.add(
        session,
        handover,
        HandoverStarted(
            handover_id=handover.id, staff_id=handover.staff_id, taker_ids=handover.taker_ids
        ),
    )
    await timers.schedule(session, handover.brand_id, STEP, handover.id, handover.starts_at)
    _note(session, principal, "handover.start", handover, leaver)
    return handover


async def change_takers(
    session: AsyncSession, principal: Principal, handover_id: UUID, taker_ids: Sequence[UUID]
) -> Handover:
    """Others take what is not done yet; what failed is tried again."""
    handover, leaver = await _get(session, principal, handover_id)
    handover.require_open()
    await _require_takers(session, principal, handover.staff_id, taker_ids)
    handover.taker_ids = list(dict.fromkeys(taker_ids))
    items = await repository.items_with(
        session, handover, (ItemStatus.PLANNED, ItemStatus.NEEDS_TAKER, ItemStatus.FAILED)
    )
    for item in items:
        item.status, item.attempts = ItemStatus.PLANNED, 0
    of_accounts = [item for item in items if item.kind is ItemKind.ACCOUNT]
    left = await repository.accounts_by_id(
        session, handover.brand_id, [item.account_id for item in of_accounts if item.account_id]
    )
    await choose_account_takers(session, handover, of_accounts, left)
    takers = {item.account_id: item.taker_id for item in of_accounts}
    for item in items:
        if item.kind is ItemKind.DRAFTS and item.account_id in takers:
            item.taker_id = takers[item.account_id]
    await plan(session, handover, [item for item in items if item.kind in MOVED])
    if handover.status is HandoverStatus.RUNNING:  # until then the start says who takes
        outbox.add(
            session,
            handover,
            HandoverTakersChanged(
                handover_id=handover.id, staff_id=handover.staff_id, taker_ids=handover.taker_ids
            ),
        )
    await wake(session, handover)
    _note(session, principal, "handover.change_takers", handover, leaver)
    return handover


async def cancel(
    session: AsyncSession, principal: Principal, handover_id: UUID, *, reason: str
) -> Handover:
    """Nothing more is asked for. What others were asked for and what the platform is moving stays
    as it is until they tell what became of it."""
    handover, leaver = await _get(session, principal, handover_id)
    at = now()
    handover.cancel(reason, at)
    for item in await repository.items_with(session, handover, _STOPPED):
        item.status, item.due_at, item.waits_for = ItemStatus.CANCELLED, None, None
        item.changed_at = at
    outbox.add(
        session,
        handover,
        HandoverCancelled(handover_id=handover.id, staff_id=handover.staff_id, reason=reason),
    )
    _note(session, principal, "handover.cancel", handover, leaver)
    return handover


async def state_ownership(
    session: AsyncSession,
    principal: Principal,
    account_id: UUID,
    ownership: Ownership,
    *,
    reference: str,
) -> Account:
    """Whose the account is; an open handover of its person goes on with it."""
    account = await accounts.get_account_for_update(
        session, principal.brand_id, principal.extent, account_id
    )
    account.ownership, account.ownership_reference = ownership, reference
    audit.record(
        session,
        actor=principal.actor,
        action="account.state_ownership",
        subject=typed("acct", account.id),
        unit=typed("unit", account.unit_id),
        ownership=ownership,
    )
    if account.staff_id is not None:
        for handover in await repository.open_of(session, account.brand_id, [account.staff_id]):
            await wake(session, handover)
    return account


def _asked_of_leads(handover: Handover, at: datetime) -> list[HandoverItem]:
    """What lead_svc does by itself once the handover is started, and confirms."""
    return [
        HandoverItem(
            id=uuid7(),
            brand_id=handover.brand_id,
            handover_id=handover.id,
            kind=kind,
            status=ItemStatus.ASKED,
            things=0,
            attempts=1,
            moved_at=[],
            not_to=[],
            changed_at=at,
        )
        for kind in (ItemKind.LEADS, ItemKind.CONTACTS)
    ]


async def _require_takers(
    session: AsyncSession, principal: Principal, leaver_id: UUID, taker_ids: Sequence[UUID]
) -> None:
    for place, taker_id in enumerate(taker_ids):
        taker = await staff.find_staff(session, principal.brand_id, principal.extent, taker_id)
        if taker is None or taker.departed_at is not None or taker.id == leaver_id:
            raise UnknownStaff(
                "no such other person sells for the brand", field=f"/taker_ids/{place}"
            )
        if await repository.open_of(session, principal.brand_id, [taker_id]):
            raise TakerLeaves(
                "this person hands over what they have themselves", field=f"/taker_ids/{place}"
            )


async def _get(
    session: AsyncSession, principal: Principal, handover_id: UUID
) -> tuple[Handover, Staff]:
    return await repository.get_for_update(
        session, principal.brand_id, principal.extent, handover_id
    )


def _note(
    session: AsyncSession, principal: Principal, action: str, handover: Handover, leaver: Staff
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("handover", handover.id),
        staff=typed("staff", leaver.id),
        unit=typed("unit", leaver.unit_id),
    )
