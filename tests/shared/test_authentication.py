"""Bearer tokens: one valid form each for people and services, everything else refused."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from shared.access import Principal, Role
from shared.authentication import (
    Authenticator,
    RemoteKeys,
    claims_of,
    issue_service_token,
    open_authenticator,
    principal_of,
)
from shared.errors import Unauthenticated
from shared.ids import uuid7
from shared.settings import ProcessSettings

ISSUER, AUDIENCE, SECRET = "https://login.brand.example", "kos", bytes(range(32))
SIGNING = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
STRANGER = ECKey.generate_key("P-256", {"kid": "k1"}, private=True)
RSA = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
PRINCIPAL = Principal(
    brand_id=uuid7(),
    actor="staff_1",
    roles=frozenset({Role.REGION_MANAGER}),
    unit_ids=(uuid7(), uuid7()),
    staff_id=uuid7(),
)


class Keys:
    async def keys(self, kid: str | None, /) -> KeySet:
        return KeySet([SIGNING, RSA])


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator(issuer=ISSUER, audience=AUDIENCE, key_source=Keys(), service_secret=SECRET)


def claims(**changes: Any) -> dict[str, Any]:
    at = int(time.time())
    base = {"iss": ISSUER, "aud": AUDIENCE, "iat": at, "exp": at + 300, **claims_of(PRINCIPAL)}
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def token(key: Any = SIGNING, *, alg: str = "ES256", typ: str = "at+jwt", **changes: Any) -> str:
    header = {"alg": alg, "typ": typ, "kid": key.kid}
    return jwt.encode(header, claims(**changes), key, algorithms=[alg])


def unsigned() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    return f"{header.decode()}.{body.decode()}."


def confused() -> str:
    """HS256 with the public key as the secret: the classic confusion of algorithms."""
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, claims())
    )
    mac = hmac.digest(SIGNING.as_pem(private=False), head + b"." + body, "sha256")
    return b".".join((head, body, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()


HOSTILE: dict[str, Callable[[], str | None]] = {
    "nothing": lambda: None,
    "empty": lambda: "",
    "another scheme": lambda: "Basic dXNlcjpwYXNz",
    "no token": lambda: "Bearer ",
    "no jwt": lambda: "Bearer abc",
    "three empty parts": lambda: "Bearer ..",
    "not base64": lambda: "Bearer !!!.###.$$$",
    "a header that is a list": lambda: "Bearer " + base64.b64encode(b"[]").decode() + ".e30.x",
    "unsigned": lambda: f"Bearer {unsigned()}",
    "confused algorithm": lambda: f"Bearer {confused()}",
    "a stranger's key": lambda: f"Bearer {token(STRANGER)}",
    "cut signature": lambda: f"Bearer {token()[:-4]}",
    "changed claims": lambda: (
        "Bearer "
        + ".".join([token().split(".")[0], token(sub="x").split(".")[1], token().split(".")[2]])
    ),
    "another issuer": lambda: f"Bearer {token(iss='https://evil.example')}",
    "issuer with a slash": lambda: f"Bearer {token(iss=ISSUER + '/')}",
    "no issuer": lambda: f"Bearer {token(iss=None)}",
    "another audience": lambda: f"Bearer {token(aud='other')}",
    "no audience": lambda: f"Bearer {token(aud=None)}",
    "expired": lambda: f"Bearer {token(exp=int(time.time()) - 1)}",
    "no expiry": lambda: f"Bearer {token(exp=None)}",
    "expiry as text": lambda: f"Bearer {token(exp='tomorrow')}",
    "not yet valid": lambda: f"Bearer {token(nbf=int(time.time()) + 600)}",
    "issued in the future": lambda: f"Bearer {token(iat=int(time.time()) + 600)}",
    "issued at no time": lambda: f"Bearer {token(iat='soon')}",
    "no subject": lambda: f"Bearer {token(sub=None)}",
    "empty subject": lambda: f"Bearer {token(sub='')}",
    "an id token": lambda: f"Bearer {token(typ='JWT')}",
    "no brand": lambda: f"Bearer {token(brand=None)}",
    "a brand that is no id": lambda: f"Bearer {token(brand='*')}",
    "another kind of id as brand": lambda: (
        f"Bearer {token(brand='lead_01jq7z8x3mf0c9w5t2v6b4n8ra')}"
    ),
    "no roles": lambda: f"Bearer {token(roles=None)}",
    "an unknown role": lambda: f"Bearer {token(roles=['root'])}",
    "roles as text": lambda: f"Bearer {token(roles='brand_admin')}",
    "units as text": lambda: f"Bearer {token(units='*')}",
    "staff that is no id": lambda: f"Bearer {token(staff='me')}",
    "scope as a number": lambda: f"Bearer {token(scope=7)}",
    "weak algorithm": lambda: f"Bearer {token(RSA, alg='RS384')}",
    "a person's key for a service": lambda: f"Bearer {token(typ='kos-service+jwt')}",
    "a service token of another secret": lambda: (
        f"Bearer {issue_service_token(PRINCIPAL, bytes(32))}"
    ),
    "huge": lambda: "Bearer " + "a" * 100_000,
    "unicode": lambda: "Bearer é.ü.ß",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_g2_a_hostile_token_is_refused(authenticator: Authenticator, name: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(HOSTILE[name]())


@pytest.mark.parametrize(
    "value",
    [
        token,
        lambda: token(RSA, alg="RS256"),
        lambda: token(typ="application/at+jwt"),
        lambda: issue_service_token(PRINCIPAL, SECRET),
    ],
)
async def test_g2_a_valid_token_names_its_caller(
    authenticator: Authenticator, value: Callable[[], str]
) -> None:
    assert await authenticator.authenticate(f"Bearer {value()}") == PRINCIPAL


async def test_g2_a_service_token_runs_out(authenticator: Authenticator) -> None:
    issued = issue_service_token(PRINCIPAL, SECRET)

    with time_machine.travel(time.time() + 121), pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {issued}")


async def test_g2_a_token_that_was_good_is_not_believed_past_its_end(
    authenticator: Authenticator,
) -> None:
    at = time.time()
    short = token(exp=int(at) + 3)

    assert await authenticator.authenticate(f"Bearer {short}") == PRINCIPAL
    with time_machine.travel(at + 4), pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {short}")


async def test_g2_a_good_token_is_verified_anew_after_seconds() -> None:
    class Withdrawn:
        asked = 0

        async def keys(self, kid: str | None, /) -> KeySet:
            self.asked += 1
            return KeySet([SIGNING if self.asked == 1 else RSA])

    keys = Withdrawn()
    authenticator = Authenticator(
        issuer=ISSUER, audience=AUDIENCE, key_source=keys, service_secret=SECRET
    )
    given = f"Bearer {token()}"

    for _ in range(2):
        assert await authenticator.authenticate(given) == PRINCIPAL
    assert keys.asked == 1
    with time_machine.travel(time.time() + 6), pytest.raises(Unauthenticated):
        await authenticator.authenticate(given)


@pytest.mark.parametrize("scopes", [None, frozenset({"lead.*", "personal.read"}), frozenset()])
def test_g2_claims_say_all_of_a_principal(scopes: frozenset[str] | None) -> None:
    principal = replace(PRINCIPAL, scopes=scopes)

    assert principal_of(claims_of(principal)) == principal


async def test_g2_unknown_keys_are_asked_for_once_a_minute_and_known_ones_outlive_outages() -> None:
    asked = 0
    away = False

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if away:
            return httpx.Response(503)
        return httpx.Response(200, json=KeySet([SIGNING]).as_dict(private=False))

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport) as client:
        source = RemoteKeys("https://login.brand.example/jwks", client)
        await source.keys("k1")
        away = True
        for _ in range(20):
            await source.keys("unknown")
        await source.keys("k1")

    assert asked == 1


def settings_of(**source: Any) -> ProcessSettings:
    return ProcessSettings(
        port=1,
        kafka_bootstrap="127.0.0.1:1",
        service_secret_file=Path("unread"),
        oidc_issuer=ISSUER,
        oidc_audience=AUDIENCE,
        **source,
    )


async def test_a_client_is_made_only_where_keys_are_fetched(tmp_path: Path) -> None:
    """It costs the start of a process 50 ms and the memory of every certificate there is."""
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([SIGNING]).as_dict(private=False)))
    made = []
    with mock.patch.object(httpx, "AsyncClient", side_effect=httpx.AsyncClient) as client:
        for settings in (
            settings_of(oidc_jwks_file=jwks),
            settings_of(oidc_jwks_url="https://login.brand.example/jwks"),
        ):
            async with open_authenticator(settings, is_inside=False) as authenticator:
                made.append((type(authenticator._key_source).__name__, client.call_count))

    assert made == [("FileKeys", 0), ("RemoteKeys", 1)]


@pytest.mark.parametrize("seconds", [-30, 30])
async def test_clock_of_the_issuer_may_be_off_a_little(
    authenticator: Authenticator, seconds: int
) -> None:
    with time_machine.travel(time.time() + seconds):
        of_service = issue_service_token(PRINCIPAL, SECRET)
        of_issuer = token(nbf=int(time.time()))
    for each in (of_service, of_issuer):
        assert await authenticator.authenticate(f"Bearer {each}") == PRINCIPAL
