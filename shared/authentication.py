"""Bearer credentials: OIDC access tokens of people, service tokens between our own processes.

API keys are verified by account_svc, which owns them; the gateway turns what it verified into a
service token, so the services see one kind of principal. Rules: docs/security.md, authentication.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import httpx
import orjson
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey
from joserfc.jws import extract_compact

from shared.access import Principal, Role
from shared.errors import Unauthenticated
from shared.ids import parse_id, typed
from shared.settings import ProcessSettings, read_key

SERVICE_ISSUER = "kos-gateway"
SERVICE_AUDIENCE = "kos-internal"
SERVICE_TOKEN_SECONDS = 120
BELIEVED_SECONDS = 5.0
_MOST_BELIEVED = 10_000
_SERVICE_TYPE = "kos-service+jwt"
_ACCESS_TYPE = "at+jwt"
_REFETCH_SECONDS = 60
_SKEW_SECONDS = 60
"""How far the issuer's clock may be ahead of ours; an expired token is expired all the same."""

log = structlog.get_logger(__name__)


class KeySource(Protocol):
    async def keys(self, kid: str | None, /) -> KeySet:
        """The issuer's keys; a source may fetch them again when `kid` is not among them."""


class FileKeys:
    """A JWKS file, read once: the development issuer, or a gateway measured on its own."""

    def __init__(self, path: Path) -> None:
        self._keys = KeySet.import_key_set(orjson.loads(path.read_bytes()))

    async def keys(self, _kid: str | None) -> KeySet:
        return self._keys


class RemoteKeys:
    """The issuer's JWKS. Fetched on an unknown key id at most once a minute, kept in outages."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client
        self._known: KeySet | None = None
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def keys(self, kid: str | None) -> KeySet:
        if self._known is None or not self._has(kid):
            async with self._lock:
                if time.monotonic() - self._asked_at >= _REFETCH_SECONDS or self._known is None:
                    await self._fetch()
        if self._known is None:
            raise Unauthenticated("the issuer's keys are not available")
        return self._known

    def _has(self, kid: str | None) -> bool:
        return self._known is not None and any(key.kid == kid for key in self._known.keys)

    async def _fetch(self) -> None:
        if time.monotonic() - self._asked_at < 1:
            return
        self._asked_at = time.monotonic()
        try:
            answer = await self._client.get(self._url, timeout=5)
            answer.raise_for_status()
            self._known = KeySet.import_key_set(answer.json())
        except (httpx.HTTPError, ValueError, JoseError):
            log.warning("jwks_unavailable", url=self._url)


@dataclass(frozen=True, slots=True)
class Verified:
    principal: Principal
    expires_at: float
    """In seconds since 1970."""


class Authenticator:
    """Turns an `Authorization` header into a Principal or raises Unauthenticated.

    Without `service_secret` it takes no service tokens: they are for calls between our processes.

    A token that was good is believed for BELIEVED_SECONDS, never past its end: the gateway sends
    the same one for a minute, and its signature costs more than reading a page of rows.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        key_source: KeySource,
        service_secret: bytes | None,
        algorithms: tuple[str, ...] = ("RS256", "ES256"),
    ) -> None:
        self._key_source = key_source
        self._algorithms = list(algorithms)
        self._service_key = None if service_secret is None else OctKey.import_key(service_secret)
        self._believed: OrderedDict[bytes, tuple[float, Verified]] = OrderedDict()
        self._access_claims = _claims(issuer, audience)
        self._service_claims = _claims(SERVICE_ISSUER, SERVICE_AUDIENCE)

    async def authenticate(self, header: str | None) -> Principal:
        """The caller behind `Bearer <token>`."""
        return (await self.verify(header)).principal

    async def verify(self, header: str | None) -> Verified:
        """The caller behind `Bearer <token>`, and how long the token is good."""
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("send a bearer token in the Authorization header")
        mark = sha256(token.encode()).digest()
        known = self._believed.get(mark)
        if known is not None and time.time() < known[0]:
            return known[1]
        verified = await self._verify(token)
        until = min(time.time() + BELIEVED_SECONDS, verified.expires_at)
        self._believed[mark] = until, verified
        while len(self._believed) > _MOST_BELIEVED:
            self._believed.popitem(last=False)
        return verified

    async def _verify(self, token: str) -> Verified:
        try:
            kind, kid = _unverified_header(token)
            if kind == _SERVICE_TYPE and self._service_key is not None:
                decoded = jwt.decode(token, self._service_key, algorithms=["HS256"])
                self._service_claims.validate(decoded.claims)
            elif kind == _ACCESS_TYPE:
                keys = await self._key_source.keys(kid)
                decoded = jwt.decode(token, keys, algorithms=self._algorithms)
                self._access_claims.validate(decoded.claims)
            else:
                raise Unauthenticated("not an access token")
            return Verified(principal_of(decoded.claims), float(decoded.claims["exp"]))
        except (JoseError, ValueError, TypeError, KeyError) as error:
            # The reason stays in the log of the exception chain; a caller learns only that.
            raise Unauthenticated("the token is not valid") from error


@asynccontextmanager
async def open_authenticator(
    settings: ProcessSettings, *, is_inside: bool = True
) -> AsyncIterator[Authenticator]:
    """What verifies the callers of a process, by its settings.

    A process that is not `is_inside` is never called by one of ours.
    """
    async with AsyncExitStack() as stack:
        source: KeySource
        if settings.oidc_jwks_file is not None:
            source = FileKeys(settings.oidc_jwks_file)
        else:
            assert settings.oidc_jwks_url is not None
            # only here: a client reads every certificate there is
            client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
            source = RemoteKeys(settings.oidc_jwks_url, client)
        yield Authenticator(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            key_source=source,
            service_secret=read_key(settings.service_secret_file) if is_inside else None,
        )


def issue_service_token(principal: Principal, secret: bytes) -> str:
    """A token by which the gateway acts for `principal`; valid for SERVICE_TOKEN_SECONDS."""
    at = int(time.time())
    claims = {
        "iss": SERVICE_ISSUER,
        "aud": SERVICE_AUDIENCE,
        "iat": at,
        "exp": at + SERVICE_TOKEN_SECONDS,
        **claims_of(principal),
    }
    header = {"alg": "HS256", "typ": _SERVICE_TYPE}
    return jwt.encode(header, claims, OctKey.import_key(secret), algorithms=["HS256"])


def claims_of(principal: Principal) -> dict[str, Any]:
    """The claims that `principal_of` reads back."""
    claims: dict[str, Any] = {
        "sub": principal.actor,
        "brand": typed("brand", principal.brand_id),
        "roles": sorted(principal.roles),
        "units": [typed("unit", unit_id) for unit_id in principal.unit_ids],
    }
    if principal.staff_id is not None:
        claims["staff"] = typed("staff", principal.staff_id)
    if principal.scopes is not None:
        claims["scope"] = " ".join(sorted(principal.scopes))
    return claims


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """Read `sub brand roles units staff scope`; ValueError, TypeError or KeyError if malformed."""
    staff = claims.get("staff")
    scope = claims.get("scope")
    return Principal(
        brand_id=parse_id("brand", _text(claims["brand"])),
        actor=_text(claims["sub"]),
        roles=frozenset(Role(role) for role in _texts(claims["roles"])),
        unit_ids=tuple(parse_id("unit", unit) for unit in _texts(claims.get("units", []))),
        staff_id=None if staff is None else parse_id("staff", _text(staff)),
        scopes=None if scope is None else frozenset(_text(scope, empty=True).split()),
    )


def _text(value: object, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise TypeError("a claim that must be a text is none")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("a claim that must be a list is none")
    return [_text(item) for item in value]


class _Claims(jwt.JWTClaimsRegistry):
    """Clocks of two machines differ: a token from the near future is one from now."""

    def validate_iat(self, value: object) -> None:
        super().validate_iat(self._unskewed(value))

    def validate_nbf(self, value: object) -> None:
        super().validate_nbf(self._unskewed(value))

    def _unskewed(self, value: object) -> object:
        is_near = isinstance(value, int | float) and self.now < value <= self.now + _SKEW_SECONDS
        return self.now if is_near else value


def _claims(issuer: str, audience: str) -> jwt.JWTClaimsRegistry:
    return _Claims(
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        sub={"essential": True},
    )


def _unverified_header(token: str) -> tuple[str, str | None]:
    """`typ` and `kid`, read only to choose the key; nothing of it is trusted."""
    header = extract_compact(token.encode()).headers()
    if "crit" in header:
        raise ValueError("no extension is understood")
    kind = str(header.get("typ", "")).lower().removeprefix("application/")
    return kind, header.get("kid")
