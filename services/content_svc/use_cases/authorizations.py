"""Taking in and keeping alive what the product may sign in with on platforms."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Rejected, TryLater
from content_svc.connectors.douyin import Douyin
from content_svc.connectors.tokens import Refresh, Renewed, TokenBook
from content_svc.models import Authorization, AuthorizationStatus
from content_svc.repository import authorizations, directory
from shared import audit, outbox, timers
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.errors import Invalid
from shared.events.account import Platform
from shared.events.content import AuthorizationGranted
from shared.ids import typed, uuid7
from shared.timers import Due

RENEW = "authorization.renew"
_RENEW_BEFORE = timedelta(days=1)
"""Before the end of an access token."""
_EXTEND_BEFORE = timedelta(days=3)
"""Before the end of a refresh token."""
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
    row.is_extendable, row.ended_reason = True, None
    row.lease_id = row.lease_until = None
    row.settings = settings
    await tokens.store(session, row, renewed)
    session.add(row)
    outbox.add(session, row, AuthorizationGranted(**row.facts()))
    renew_at = next_renewal_at(row)
    if renew_at is not None:
        await timers.schedule(session, row.brand_id, RENEW, row.id, renew_at)
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
        row = await self._find(due)
        try:
            if row is not None and _is_due(_extension_at(row)):
                row = await self._step(due, row, self.douyin.extend)
            if row is not None and _is_due(_renewal_at(row)):
                row = await self._step(due, row, self.douyin.refresh)
        except Rejected:
            return None  # the row now says that it needs a new authorisation
        except TryLater:
            return now() + _RETRY
        if row is None:
            return None
        next_at = next_renewal_at(row)
        return None if next_at is None else max(next_at, now() + _RETRY)

    async def _find(self, due: Due) -> Authorization | None:
        """The authorisation, unless it has ended."""
        async with brand_session(self.sessions, due.brand_id) as session:
            row = await authorizations.find_authorization_by_id(
                session, due.brand_id, due.subject_id
            )
        return row if row is not None and row.status is AuthorizationStatus.ACTIVE else None

    async def _step(self, due: Due, row: Authorization, refresh: Refresh) -> Authorization | None:
        await self.tokens.grant(
            due.brand_id,
            row.platform,
            row.account_id,
            refresh,
            refused_version=row.token_version,
        )
        return await self._find(due)


def next_renewal_at(row: Authorization) -> datetime | None:
    """When a token of the row is to be renewed; None where one is fetched when it is needed."""
    at = [_renewal_at(row), _extension_at(row)]
    return min((each for each in at if each is not None), default=None)


def _renewal_at(row: Authorization) -> datetime | None:
    if row.refresh_expires_at is None or row.expires_at is None:
        return None
    return row.expires_at - _RENEW_BEFORE


def _extension_at(row: Authorization) -> datetime | None:
    if row.refresh_expires_at is None or not row.is_extendable:
        return None
    return row.refresh_expires_at - _EXTEND_BEFORE


def _is_due(at: datetime | None) -> bool:
    return at is not None and at <= now()
