"""Access tokens of platform authorisations: read from the vault, renewed by one holder at a time.

The holder is who set the lease on the row; others wait for its result. The new token is stored
before anyone uses it, so that a holder that dies after the call loses at most one token.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Rejected, TryLater
from content_svc.models import Authorization, AuthorizationStatus
from content_svc.repository import authorizations
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import Platform
from shared.ids import uuid7
from shared.sealing import Vault, seal, unseal

MISSING = "authorization_missing"
EXPIRED = "authorization_expired"
_FIELD = "credentials"
_MARGIN = timedelta(minutes=5)
"""A token that ends within this is renewed before use."""
_LEASE = timedelta(seconds=30)
_WAIT_SECONDS = 0.2
_WAITS = 50


@dataclass(frozen=True, slots=True)
class Grant:
    """What a call is signed with. `version` names the token to `renew` when it is refused."""

    authorization_id: UUID
    version: int
    settings: dict[str, Any]
    credentials: dict[str, Any]

    @property
    def token(self) -> str:
        token: str = self.credentials["access_token"]
        return token


@dataclass(frozen=True, slots=True)
class Renewed:
    """What the platform gave: changed credentials and their ends."""

    credentials: dict[str, Any]
    expires_at: datetime
    refresh_expires_at: datetime | None = None


Refresh = Callable[[Grant], Awaitable[Renewed]]
"""Asks the platform for a new token; raises Rejected when it wants a new authorisation."""


@dataclass(frozen=True, slots=True)
class TokenBook:
    """The authorisations of all brands, through the worker's database role."""

    sessions: Sessions
    vault: Vault

    async def grant(
        self,
        brand_id: UUID,
        platform: Platform,
        account_id: UUID | None,
        refresh: Refresh,
        *,
        refused_version: int | None = None,
    ) -> Grant:
        """A grant with a living token; one whose token the platform refused is renewed first.

        Raises Rejected(authorization_missing | authorization_expired) and TryLater.
        """
        async with brand_session(self.sessions, brand_id) as session:
            # Nearly always alive: callers who only read it do not wait for each other.
            row = await _find_active(session, brand_id, platform, account_id)
            if _is_living(row) and row.token_version != refused_version:
                return await self._open(session, row)
        for _ in range(_WAITS):
            lease_id = uuid7()
            async with brand_session(self.sessions, brand_id) as session:
                row = await _find_active(session, brand_id, platform, account_id, for_update=True)
                grant = await self._open(session, row)
                if _is_living(row) and row.token_version != refused_version:
                    return grant
                at = now()
                is_mine = row.lease_until is None or row.lease_until <= at
                if is_mine:
                    row.lease_id, row.lease_until = lease_id, at + _LEASE
            if is_mine:
                return await self._renew(brand_id, grant, lease_id, refresh)
            await asyncio.sleep(_WAIT_SECONDS)
        raise TryLater("token_busy")

    async def _renew(self, brand_id: UUID, grant: Grant, lease_id: UUID, refresh: Refresh) -> Grant:
        try:
            renewed = await refresh(grant)
        except Rejected:
            await self._finish(brand_id, grant, lease_id, None)
            raise
        except BaseException:
            await self._give_up(brand_id, grant, lease_id)
            raise
        return await self._finish(brand_id, grant, lease_id, renewed)

    async def _finish(
        self, brand_id: UUID, grant: Grant, lease_id: UUID, renewed: Renewed | None
    ) -> Grant:
        """Store the result of a renewal, unless the lease ran out and another holder did."""
        async with brand_session(self.sessions, brand_id) as session:
            row = await authorizations.get_for_update(session, brand_id, grant.authorization_id)
            if row.lease_id == lease_id:
                row.lease_id = row.lease_until = None
                if renewed is None:
                    row.status = AuthorizationStatus.NEEDS_REAUTHORIZATION
                else:
                    await self.store(session, row, renewed)
            return await self._open(session, row)

    async def _give_up(self, brand_id: UUID, grant: Grant, lease_id: UUID) -> None:
        async with brand_session(self.sessions, brand_id) as session:
            row = await authorizations.get_for_update(session, brand_id, grant.authorization_id)
            if row.lease_id == lease_id:
                row.lease_id = row.lease_until = None

    async def store(self, session: AsyncSession, row: Authorization, renewed: Renewed) -> None:
        """Seal new credentials into the row, over those it has."""
        data_key = await self.vault.create_key(session, row.brand_id, row.id)
        row.credentials = seal(
            data_key, orjson.dumps(renewed.credentials), row.brand_id, row.id, _FIELD
        )
        row.expires_at = renewed.expires_at
        row.refresh_expires_at = renewed.refresh_expires_at or row.refresh_expires_at
        row.token_version += 1

    async def _open(self, session: AsyncSession, row: Authorization) -> Grant:
        keys = await self.vault.keys(session, row.brand_id, [row.id])
        if row.id not in keys:
            raise Rejected(MISSING)
        plain = unseal(keys[row.id], row.credentials, row.brand_id, row.id, _FIELD)
        return Grant(row.id, row.token_version, row.settings, orjson.loads(plain))


async def _find_active(
    session: AsyncSession,
    brand_id: UUID,
    platform: Platform,
    account_id: UUID | None,
    *,
    for_update: bool = False,
) -> Authorization:
    row = await authorizations.find_authorization(
        session, brand_id, platform, account_id, for_update=for_update
    )
    if row is None:
        raise Rejected(MISSING)
    if row.status is not AuthorizationStatus.ACTIVE:
        raise Rejected(EXPIRED)
    return row


def _is_living(row: Authorization) -> bool:
    return row.expires_at is not None and row.expires_at > now() + _MARGIN
