"""Who calls: an OIDC token or an API key becomes a principal, and a service token to act for it."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
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
CREDENTIAL_SECONDS = 5.0
"""A verified credential is believed so long: a revoked key works a little longer."""
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


class Credentials:
    """Verifies `Authorization` headers, and believes good ones for a while."""

    def __init__(
        self, authenticator: Authenticator, secret: bytes, *, seconds: float = CREDENTIAL_SECONDS
    ) -> None:
        self._seconds = seconds
        self._authenticator = authenticator
        self._secret = secret
        self._verified: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._callers: OrderedDict[Principal, Caller] = OrderedDict()

    async def verify(self, header: str | None, verify_key: VerifyKey) -> Caller:
        """The caller behind an `Authorization` header; raises Unauthenticated."""
        mark = sha256((header or "").encode()).digest()
        known = self._verified.get(mark)
        if known is not None and time.monotonic() - known[0] < self._seconds:
            return known[1]
        caller = self._caller(await self._principal(header, verify_key))
        _remember(self._verified, mark, (time.monotonic(), caller))
        return caller

    async def _principal(self, header: str | None, verify_key: VerifyKey) -> Principal:
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() == "bearer" and token.startswith(API_KEY_PREFIX):
            answer = await verify_key(token, self._caller(SYSTEM))
            try:
                return principal_of(msgspec.json.decode(answer))
            except (ValueError, TypeError, KeyError) as error:
                raise Unauthenticated("the key is not valid") from error
        return await self._authenticator.authenticate(header)

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
