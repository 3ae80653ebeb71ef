"""Who calls: an OIDC token or an API key becomes a principal, and a service token to act for it."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

import msgspec

from shared.access import Principal, Role
from shared.authentication import Authenticator, issue_service_token, principal_of
from shared.errors import Unauthenticated

Key = TypeVar("Key")
Value = TypeVar("Value")

API_KEY_PREFIX = "kos_live_"
TOKEN_SECONDS = 5.0
"""A verified token is believed so long, and never beyond its expiry."""
_SERVICE_TOKEN_SECONDS = 60.0
_MOST_CALLERS = 10_000

SYSTEM = Principal(brand_id=UUID(int=0), actor="gateway", roles=frozenset({Role.PLATFORM_ADMIN}))
"""The gateway itself; it acts under its own name only to verify API keys."""

VerifyKey = Callable[[str, "Caller"], Awaitable[bytes]]
"""Ask account_svc about an API key, as the gateway itself: claims as JSON, or Unauthenticated."""


class Caller:
    """A verified principal with the token by which the gateway acts for it."""

    def __init__(self, principal: Principal, secret: bytes) -> None:
        self.principal = principal
        self._secret = secret
        self._token = ""
        self._issued_at = float("-inf")

    def service_token(self) -> str:
        now = time.monotonic()
        if now - self._issued_at > _SERVICE_TOKEN_SECONDS:
            self._token = issue_service_token(self.principal, self._secret)
            self._issued_at = now
        return self._token


@dataclass(frozen=True, slots=True)
class _Good:
    """A token that was verified."""

    caller: Caller
    believed_until: float
    """By the monotonic clock."""
    expires_at: float
    """In seconds since 1970."""

    @property
    def is_good(self) -> bool:
        return time.monotonic() < self.believed_until and time.time() < self.expires_at


class Credentials:
    """Verifies `Authorization` headers.

    A token is believed for a while: nobody can take it back. A key can be revoked, so it is looked
    up each time.
    """

    def __init__(self, authenticator: Authenticator, secret: bytes) -> None:
        self._authenticator = authenticator
        self._secret = secret
        self._verified: OrderedDict[bytes, _Good] = OrderedDict()
        """By the hash of the header."""
        self._callers: OrderedDict[Principal, Caller] = OrderedDict()

    async def verify(self, header: str | None, verify_key: VerifyKey) -> Caller:
        """The caller behind an `Authorization` header; raises Unauthenticated."""
        mark = sha256((header or "").encode()).digest()
        known = self._verified.get(mark)
        if known is not None and known.is_good:
            return known.caller
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() == "bearer" and token.startswith(API_KEY_PREFIX):
            return self._caller(await self._principal_of_key(token, verify_key))
        verified = await self._authenticator.verify(header)
        caller = self._caller(verified.principal)
        good = _Good(caller, time.monotonic() + TOKEN_SECONDS, verified.expires_at)
        _remember(self._verified, mark, good)
        return caller

    async def _principal_of_key(self, key: str, verify_key: VerifyKey) -> Principal:
        answer = await verify_key(key, self._caller(SYSTEM))
        try:
            return principal_of(msgspec.json.decode(answer))
        except (ValueError, TypeError, KeyError) as error:
            raise Unauthenticated("the key is not valid") from error

    def _caller(self, principal: Principal) -> Caller:
        caller = self._callers.get(principal)
        if caller is None:
            caller = Caller(principal, self._secret)
            _remember(self._callers, principal, caller)
        return caller


def _remember(memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MOST_CALLERS:
        memory.popitem(last=False)
