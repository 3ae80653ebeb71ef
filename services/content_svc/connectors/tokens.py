"""Access tokens of platform authorisations: read from the vault, renewed by one holder at a time.

Callers that ask at the same time share one read of the database.

The holder is who set the lease on the row; others wait for its result. The new token is stored
before anyone uses it, so that a holder that dies after the call loses at most one token.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Rejected, TryLater
from content_svc.models import Authorization, AuthorizationStatus
from content_svc.repository import authorizations
from shared import outbox
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import Platform
from shared.events.content import AuthorizationEnded, AuthorizationRenewed
from shared.gathering import Gathering
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
    """What the platform gave: changed credentials and their ends. An end that is None stays."""

    credentials: dict[str, Any]
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    is_extendable: bool | None = None


class Ended(Rejected):
    """The platform wants a new authorisation; `cause` is a stable word for why."""

    def __init__(self, cause: str) -> None:
        super().__init__(EXPIRED)
        self.cause = cause


Refresh = Callable[[Grant], Awaitable[Renewed]]
"""Asks the platform for one new token, in one call: what it answers is stored before anything else
is done, for the old token may be dead by then. Raises Ended when it wants a new authorisation."""


class TokenBook:
    """The authorisations of all brands, through the worker's database role.

    Nothing is kept in memory: an authorisation that is withdrawn is never used again.
    """

    def __init__(self, sessions: Sessions, vault: Vault) -> None:
        self.sessions = sessions
        self.vault = vault
        self._reads = Gathering(self._read)

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
        # Nearly always alive: callers who only read it do not wait for each other.
        living = await self._reads.add((brand_id, platform), account_id)
        if living is not None and living.version != refused_version:
            return living
        for _ in range(_WAITS):
            lease_id = uuid7()
            async with brand_session(self.sessions, brand_id) as session:
                row = _active(
                    await authorizations.find_authorization(
                        session, brand_id, platform, account_id, for_update=True
                    )
                )
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

    async def _read(
        self, key: tuple[UUID, Platform], account_ids: Sequence[UUID | None]
    ) -> list[Grant | Exception | None]:
        """A grant per account, None where its token has ended."""
        brand_id, platform = key
        async with brand_session(self.sessions, brand_id) as session:
            found = await authorizations.list_authorizations(
                session, brand_id, platform, account_ids
            )
            data_keys = await self.vault.keys(session, brand_id, [row.id for row in found.values()])
        grants: dict[UUID | None, Grant | Exception | None] = {}
        for account_id in account_ids:
            try:
                row = _active(found.get(account_id))
                grants[account_id] = _open(row, data_keys) if _is_living(row) else None
            except Rejected as refusal:
                grants[account_id] = refusal
        return [grants[account_id] for account_id in account_ids]

    async def _renew(self, brand_id: UUID, grant: Grant, lease_id: UUID, refresh: Refresh) -> Grant:
        try:
            renewed = await refresh(grant)
        except Ended as ended:
            return await self._end(brand_id, grant, lease_id, ended)
        except BaseException:
            await self._give_up(brand_id, grant, lease_id)
            raise
        async with brand_session(self.sessions, brand_id) as session:
            row = await authorizations.get_for_update(session, brand_id, grant.authorization_id)
            if row.lease_id == lease_id:
                row.lease_id = row.lease_until = None
            # Whoever asked with the same old token and came first has the one that lives: the
            # platform may have let the old one die with that.
            if row.token_version == grant.version:
                await self.store(session, row, renewed)
                if row.refresh_expires_at is not None:
                    outbox.add(session, row, AuthorizationRenewed(**row.facts()))
            return await self._open(session, row)

    async def _end(self, brand_id: UUID, grant: Grant, lease_id: UUID, ended: Ended) -> Grant:
        """Note that the platform refused; the grant that took its place meanwhile, if there is one.

        A refusal may only mean that somebody else replaced the token while we asked.
        """
        async with brand_session(self.sessions, brand_id) as session:
            row = await authorizations.get_for_update(session, brand_id, grant.authorization_id)
            if row.token_version != grant.version:
                return await self._open(session, _active(row))
            if row.lease_id == lease_id:
                row.lease_id = row.lease_until = None
                row.status = AuthorizationStatus.NEEDS_REAUTHORIZATION
                row.ended_reason = ended.cause
                outbox.add(session, row, AuthorizationEnded(**row.whose(), reason=ended.cause))
        raise ended

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
        row.expires_at = renewed.expires_at or row.expires_at
        if renewed.is_extendable is not None:
            row.is_extendable = renewed.is_extendable
        row.refresh_expires_at = renewed.refresh_expires_at or row.refresh_expires_at
        row.token_version += 1

    async def _open(self, session: AsyncSession, row: Authorization) -> Grant:
        return _open(row, await self.vault.keys(session, row.brand_id, [row.id]))


def _open(row: Authorization, data_keys: Mapping[UUID, bytes]) -> Grant:
    if row.id not in data_keys:
        raise Rejected(MISSING)
    plain = unseal(data_keys[row.id], row.credentials, row.brand_id, row.id, _FIELD)
    return Grant(row.id, row.token_version, row.settings, orjson.loads(plain))


def _active(row: Authorization | None) -> Authorization:
    if row is None:
        raise Rejected(MISSING)
    if row.status is not AuthorizationStatus.ACTIVE:
        raise Rejected(EXPIRED)
    return row


def _is_living(row: Authorization) -> bool:
    return row.expires_at is not None and row.expires_at > now() + _MARGIN
