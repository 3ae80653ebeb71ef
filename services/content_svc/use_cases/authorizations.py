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
from content_svc.schemas.posts import DouyinAuthorizationIn, WecomAuthorizationIn
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
    body: DouyinAuthorizationIn | WecomAuthorizationIn,
) -> Authorization:
    """Seal credentials; those the account (or the brand's app) had before are replaced."""
    platform = Platform(body.platform)
    if body.account_id is not None:
        account = await directory.get_account(
            session, principal.brand_id, body.account_id, principal.extent
        )
        if account.platform is not platform:
            raise Invalid(f"the account is on {account.platform}", field="/account_id")
    row = await authorizations.find_authorization(
        session, principal.brand_id, platform, body.account_id, for_update=True
    )
    if row is None:
        row = Authorization(
            id=uuid7(),
            brand_id=principal.brand_id,
            platform=platform,
            account_id=body.account_id,
            token_version=0,
            created_at=now(),
        )
    row.status = AuthorizationStatus.ACTIVE
    row.lease_id = row.lease_until = None
    row.settings, renewed = _split(body)
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
        if body.account_id is None
        else typed("acct", body.account_id),
        platform=platform.value,
    )
    return row


def _split(
    body: DouyinAuthorizationIn | WecomAuthorizationIn,
) -> tuple[dict[str, Any], Renewed]:
    """What is no secret, and what is sealed."""
    at = now()
    if isinstance(body, WecomAuthorizationIn):
        settings = {"corp_id": body.corp_id, "deliver_by": body.deliver_by}
        # No token yet: the first call fetches one.
        return settings, Renewed({"secret": body.secret.get_secret_value()}, at)
    refresh_ends = at + timedelta(seconds=body.refresh_expires_in)
    credentials = {
        "access_token": body.access_token.get_secret_value(),
        "refresh_token": body.refresh_token.get_secret_value(),
        "refresh_expires_at": refresh_ends.timestamp(),
    }
    settings = {"client_key": body.client_key, "open_id": body.open_id}
    ends = at + timedelta(seconds=body.expires_in)
    return settings, Renewed(credentials, ends, refresh_ends)


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
