"""Judging how accounts do: after every fact about them, and when time alone changes the answer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.health import Health, health_rules, judge, turn
from account_svc.health.judging import JUDGED
from account_svc.models import Account, FactKind
from account_svc.repository import health as repository
from shared import outbox
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import AccountHealthChanged, HealthLevel, Platform


async def note(
    session: AsyncSession,
    brand_id: UUID,
    account_id: UUID,
    kind: FactKind,
    *,
    subject_id: UUID | None = None,
    amount: int = 0,
    at: datetime,
) -> None:
    """Add a fact; the account is judged anew soon after the commit."""
    await repository.add_facts(
        session,
        [
            {
                "brand_id": brand_id,
                "account_id": account_id,
                "kind": kind,
                "subject_id": subject_id or account_id,
                "amount": amount,
                "at": at,
            }
        ],
    )


async def touch(session: AsyncSession, brand_id: UUID, account_ids: Iterable[UUID]) -> None:
    """Have these accounts judged anew soon after the commit."""
    at = now()
    await repository.add_facts(
        session,
        [
            {
                "brand_id": brand_id,
                "account_id": account_id,
                "kind": FactKind.TOUCHED,
                "subject_id": account_id,
                "amount": 0,
                "at": at,
            }
            for account_id in account_ids
        ],
    )


async def note_authorization(
    session: AsyncSession,
    brand_id: UUID,
    authorization_id: UUID,
    *,
    platform: Platform,
    account_id: UUID | None,
    ended_reason: str | None = None,
    ends_at: datetime | None = None,
) -> None:
    state: dict[str, Any] = {"ended_reason": ended_reason, "ends_at": ends_at}
    await repository.put_authorization(
        session,
        brand_id,
        authorization_id,
        platform=platform,
        account_id=account_id,
        state=state,
    )
    if account_id is None:
        await repository.touch_platform(session, brand_id, platform, now())
    else:
        await touch(session, brand_id, [account_id])


async def review_accounts(sessions: Sessions) -> bool:
    """Judge a batch of every brand's accounts; whether there was anything to do.

    A brand that fails keeps no other waiting; its failure is raised when all have had their turn.
    """
    async with sessions.begin() as session:
        brands = await repository.brands_to_review(session, now())
    failures = []
    for brand_id in brands:
        try:
            async with brand_session(sessions, brand_id) as session:
                if await repository.is_alone(session, brand_id):
                    await _review(session, brand_id)
        except Exception as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return bool(brands)


async def _review(session: AsyncSession, brand_id: UUID) -> None:
    at = now()
    wanted = await repository.fold(session, brand_id)
    wanted |= await repository.due_accounts(session, brand_id, at)
    accounts = await repository.lock_accounts(session, brand_id, wanted)
    judged = [account for account in accounts if account.status in JUDGED]
    await repository.forget_health(session, brand_id, wanted - {each.id for each in judged})
    if not judged:
        return
    before = await repository.standings(session, brand_id, [account.id for account in judged])
    snapshots = await repository.read_snapshots(session, brand_id, judged, at)
    rows = []
    for account in judged:
        health = judge(snapshots[account.id], health_rules(), at)
        standing, since = before.get(account.id, (None, at))
        turned, better_at = turn(standing, health.score, health_rules(), at)
        if standing is None or standing.level is not turned.level:
            since = at
            previous = None if standing is None else standing.level
            _announce(session, account, health, turned.level, previous)
        due = [each for each in (health.next_at, better_at) if each is not None]
        rows.append(
            {
                "brand_id": brand_id,
                "account_id": account.id,
                "score": health.score,
                "level": turned.level,
                "score_level": turned.by_score,
                "score_level_since": turned.by_score_since,
                "reasons": [_stored(reason) for reason in health.reasons],
                "judged_at": at,
                "changed_at": since,
                "due_at": min(due, default=None),
            }
        )
    await repository.put_health(session, rows)


def _announce(
    session: AsyncSession,
    account: Account,
    health: Health,
    level: HealthLevel,
    previous: HealthLevel | None,
) -> None:
    """Tell that the level has turned; that an account begins as a good one is no news."""
    if previous is None and level is HealthLevel.GOOD:
        return
    outbox.add(
        session,
        account,
        AccountHealthChanged(
            account_id=account.id,
            level=level,
            previous_level=previous,
            score=health.score,
            causes=[reason.cause for reason in health.reasons],
        ),
    )


def _stored(reason: Any) -> dict[str, Any]:
    return {
        "cause": reason.cause,
        "points": reason.points,
        "message": reason.message,
        "since": None if reason.since is None else reason.since.isoformat(),
    }
