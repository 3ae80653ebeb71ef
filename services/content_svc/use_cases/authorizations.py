"""Taking in and keeping alive what the product may sign in with on platforms."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Rejected, TryLater
from content_svc.connectors.douyin import Douyin
from content_svc.connectors.tokens import Renewed, TokenBook
from content_svc.models import Authorization, AuthorizationStatus
from content_svc.repository import authorizations, directory
from shared import audit, timers
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.errors import Invalid
from shared.events.account import Platform
from shared.ids import typed, uuid7
from shared.timers import Due

RENEW = "authorization.renew"
_RENEW_BEFORE = timedelta(days=1)
_RETRY = timedelta(minutes=5)


async def grant_authorization(
    session: AsyncSession,
    tokens: TokenBook,
    principal: Principal,
    *,
    platform: Platform,
    account_id: UUID | None,
    settings: dict[str, Any],
    renewed: Renewed,
) -> Authorization:
    """Seal credentials; those the account (or the brand's app) had before are replaced.

    `settings` are what is no secret among them.
    """
    if account_id is not None:
        account = await directory.get_account(
            session, principal.brand_id, account_id, principal.extent
        )
        if account.platform is not platform:
            raise Invalid(f"the account is on {account.platform}", field="/account_id")
    row = await authorizations.find_authorization(
        session, principal.brand_id, platform, account_id, for_update=True
    )
    if row is None:
        row = Authorization(
            id=uuid7(),
            brand_id=principal.brand_id,
            platform=platform,
            account_id=account_id,
            token_version=0,
            created_at=now(),
        )
    row.status = AuthorizationStatus.ACTIVE
    row.lease_id = row.lease_until = None
    row.settings = settings
    await tokens.store(session, row, renewed)
    session.add(row)
    row.expires_at = renewed.expires_at
    if row.refresh_expires_at is not None:
        await timers.schedule(
            session, row.brand_id, RENEW, row.id, renewed.expires_at - _RENEW_BEFORE
        )
    audit.record(
        session,
        actor=principal.actor,
        action="authorization.grant",
        subject=typed("brand", principal.brand_id)
        if account_id is None
        else typed("acct", account_id),
        platform=platform.value,
    )
    return row


@dataclass(frozen=True, slots=True)
class Renewer:
    """The worker's timer handler that renews tokens before they end, used or not."""

    sessions: Sessions
    tokens: TokenBook
    douyin: Douyin

    async def renew(self, due: Due) -> datetime | None:
        async with brand_session(self.sessions, due.brand_id) as session:
            row = await authorizations.find_authorization_by_id(
                session, due.brand_id, due.subject_id
            )
        if row is None or row.status is not AuthorizationStatus.ACTIVE or row.expires_at is None:
            return None
        if row.expires_at - _RENEW_BEFORE > now():
            return row.expires_at - _RENEW_BEFORE
        try:
            grant = await self.tokens.grant(
                due.brand_id,
                row.platform,
                row.account_id,
                self.douyin.refresh,
                refused_version=row.token_version,
            )
        except Rejected:
            return None  # the row now says that it needs a new authorisation
        except TryLater:
            return now() + _RETRY
        return await self._next(due, grant.authorization_id)

    async def _next(self, due: Due, authorization_id: UUID) -> datetime | None:
        async with brand_session(self.sessions, due.brand_id) as session:
            row = await authorizations.find_authorization_by_id(
                session, due.brand_id, authorization_id
            )
        if row is None or row.expires_at is None:
            return None
        return max(row.expires_at - _RENEW_BEFORE, now() + _RETRY)
