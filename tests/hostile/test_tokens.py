"""Hostile bearer tokens: none is accepted, by a service or by the gateway.

The tokens are put together by hand, for no library would make most of them.
"""

import base64
import hmac
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from shared.access import Principal, Role
from shared.authentication import Authenticator, claims_of, issue_service_token
from shared.errors import Unauthenticated
from shared.ids import typed, uuid7

Json = dict[str, Any]
Make = Callable[[], str]

ISSUER, AUDIENCE, SECRET = "https://login.brand.example", "kos", bytes(range(32))
RSA = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "e1"}, private=True)
STRANGER = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
PRINCIPAL = Principal(uuid7(), "person", frozenset({Role.BRAND_ADMIN}))
PEM = RSA.as_pem(private=False)
JWK = json.dumps(RSA.as_dict(private=False)).encode()


class Keys:
    async def keys(self, kid: str | None, /) -> KeySet:
        return KeySet([RSA, EC])


def authenticator(secret: bytes | None) -> Authenticator:
    return Authenticator(issuer=ISSUER, audience=AUDIENCE, key_source=Keys(), service_secret=secret)


SERVICE, GATEWAY = authenticator(SECRET), authenticator(None)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> Json:
    at = int(time.time())
    base = {"iss": ISSUER, "aud": AUDIENCE, "iat": at, "exp": at + 300, **claims_of(PRINCIPAL)}
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def sign(
    header: Json | bytes | None = None, body: Json | bytes | None = None, *, key: RSAKey = RSA
) -> str:
    """An RS256 token of these parts, whatever they say; `header` is added to the usual one."""
    if not isinstance(header, bytes):
        usual = {"alg": "RS256", "typ": "at+jwt", "kid": "r1"}
        merged = {**usual, **(header or {})}
        header = json.dumps({k: v for k, v in merged.items() if v is not ...}).encode()
    if not isinstance(body, bytes):
        body = json.dumps(claims() if body is None else body).encode()
    signed = f"{b64(header)}.{b64(body)}"
    private: Any = key.private_key
    return f"{signed}.{b64(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def mac(secret: bytes, header: Json, body: Json | None = None, name: str = "sha256") -> str:
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(body or claims()).encode())}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), name))}"


def unsigned(alg: str) -> str:
    head = json.dumps({"alg": alg, "typ": "at+jwt", "kid": "r1"}).encode()
    return f"{b64(head)}.{b64(json.dumps(claims()).encode())}."


def service(**changes: Any) -> str:
    """A token between our processes, with one thing wrong."""
    at = int(time.time())
    body = {
        "iss": "kos-gateway",
        "aud": "kos-internal",
        "iat": at,
        "exp": at + 60,
        **claims_of(PRINCIPAL),
        **changes,
    }
    header = {"alg": "HS256", "typ": "kos-service+jwt"}
    return mac(SECRET, header, {name: value for name, value in body.items() if value is not ...})


def duplicated(name: str, value: Any) -> bytes:
    """The claim twice: readers differ in which they take."""
    text = json.dumps(claims())
    return f"{text[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}".encode()


def encrypted() -> str:
    header = {"alg": "RSA-OAEP", "enc": "A128CBC-HS256", "typ": "at+jwt", "cty": "JWT"}
    return jwe.encrypt_compact(header, sign().encode(), RSA)


def of(**changes: Any) -> Make:
    return lambda: sign(body=claims(**changes))


def head(**changes: Any) -> Make:
    return lambda: sign(changes)


def good_parts() -> list[str]:
    return sign().split(".")


HOSTILE: dict[str, Make] = {
    # algorithms
    "alg none": lambda: unsigned("none"),
    "alg None": lambda: unsigned("None"),
    "alg nOnE": lambda: unsigned("nOnE"),
    "alg NONE": lambda: unsigned("NONE"),
    "alg empty": lambda: unsigned(""),
    "alg missing": head(alg=...),
    "alg null": head(alg=None),
    "alg a list": head(alg=["RS256"]),
    "alg a number": head(alg=256),
    "alg in small letters": head(alg="rs256"),
    "alg of another hash": head(alg="RS512"),
    "alg PS256 over an RS256 signature": head(alg="PS256"),
    "alg ES256 over an RS256 signature": head(alg="ES256", kid="e1"),
    "HS256 with the public key in PEM": lambda: mac(PEM, {"alg": "HS256", "typ": "at+jwt"}),
    "HS256 with the public key as JWK": lambda: mac(JWK, {"alg": "HS256", "typ": "at+jwt"}),
    "HS256 with no key": lambda: mac(b"", {"alg": "HS256", "typ": "at+jwt"}),
    "HS256 with the service secret": lambda: mac(SECRET, {"alg": "HS256", "typ": "at+jwt"}),
    "HS512 for a service": lambda: mac(
        SECRET, {"alg": "HS512", "typ": "kos-service+jwt"}, name="sha512"
    ),
    # keys named by the token
    "kid a path": lambda: sign({"kid": "../../../../dev/null"}, key=STRANGER),
    "kid a path to an empty key": lambda: mac(
        b"", {"alg": "HS256", "typ": "at+jwt", "kid": "/dev/null"}
    ),
    "kid SQL": lambda: sign({"kid": "x' union select 'secret' --"}, key=STRANGER),
    "kid an address": lambda: sign({"kid": "https://evil.example/key"}, key=STRANGER),
    "kid a command": lambda: sign({"kid": "|cat /etc/passwd"}, key=STRANGER),
    "kid with a zero": lambda: sign({"kid": "r1\x00"}, key=STRANGER),
    "kid a list": lambda: sign({"kid": ["r1"]}, key=STRANGER),
    "kid a number": lambda: sign({"kid": 1}, key=STRANGER),
    "kid giant": lambda: sign({"kid": "r" * 50_000}, key=STRANGER),
    "kid of ours, a stranger's signature": lambda: sign(key=STRANGER),
    "no kid, a stranger's signature": lambda: sign({"kid": ...}, key=STRANGER),
    "jwk in the header": lambda: sign({"jwk": STRANGER.as_dict(private=False)}, key=STRANGER),
    "jku in the header": lambda: sign({"jku": "https://evil.example/jwks"}, key=STRANGER),
    "x5u in the header": lambda: sign({"x5u": "https://evil.example/cert"}, key=STRANGER),
    "x5c in the header": lambda: sign({"x5c": ["MIIB"]}, key=STRANGER),
    "x5t in the header": lambda: sign({"x5t": "AAAA"}, key=STRANGER),
    # what the header asks for
    "crit of something unknown": head(crit=["exp2"], exp2=1),
    "crit empty": head(crit=[]),
    "crit b64": head(crit=["b64"], b64=False),
    "typ JWT": head(typ="JWT"),
    "typ missing": head(typ=...),
    "typ of a refresh token": head(typ="rt+jwt"),
    "typ of a logout token": head(typ="logout+jwt"),
    "typ of a service": head(typ="kos-service+jwt"),
    "typ a list": head(typ=["at+jwt"]),
    "zip": lambda: sign({"zip": "DEF"}, zlib.compress(json.dumps(claims()).encode(), wbits=-15)),
    # whom it is by and for
    "iss of another": of(iss="https://evil.example"),
    "iss with a slash": of(iss=f"{ISSUER}/"),
    "iss in capitals": of(iss=ISSUER.upper()),
    "iss a list": of(iss=[ISSUER]),
    "iss missing": of(iss=...),
    "iss of the gateway": of(iss="kos-gateway"),
    "aud of another": of(aud="other"),
    "aud a list of others": of(aud=["other", "kos2"]),
    "aud of services": of(aud="kos-internal"),
    "aud empty": of(aud=""),
    "aud an empty list": of(aud=[]),
    "aud missing": of(aud=...),
    "aud an object": of(aud={"kos": True}),
    # when
    "expired by a second": lambda: sign(body=claims(exp=int(time.time()) - 1)),
    "expired at the epoch": of(exp=0),
    "expired before it": of(exp=-1),
    "exp missing": of(exp=...),
    "exp null": of(exp=None),
    "exp a text": of(exp="9999999999"),
    "exp a list": of(exp=[9999999999]),
    "exp a truth": of(exp=True),
    "exp not a number": lambda: sign(
        body=json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": NaN').encode()
    ),
    "exp infinite": lambda: sign(
        body=json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": Infinity').encode()
    ),
    "nbf in ten minutes": lambda: sign(body=claims(nbf=int(time.time()) + 600)),
    "nbf a text": of(nbf="now"),
    "nbf a list": of(nbf=[0]),
    "iat in ten minutes": lambda: sign(body=claims(iat=int(time.time()) + 600)),
    "iat a text": of(iat="now"),
    # who
    "sub missing": of(sub=...),
    "sub empty": of(sub=""),
    "sub a number": of(sub=1),
    "sub a list": of(sub=["person"]),
    "brand missing": of(brand=...),
    "brand null": of(brand=None),
    "brand of every brand": of(brand="*"),
    "brand a list": of(brand=[typed("brand", uuid7())]),
    "brand a bare UUID": of(brand=str(uuid7())),
    "brand an id of a unit": of(brand=typed("unit", uuid7())),
    "brand in capitals": of(brand=typed("brand", uuid7()).upper()),
    "roles missing": of(roles=...),
    "roles a text": of(roles="brand_admin"),
    "roles unknown": of(roles=["root"]),
    "roles nested": of(roles=[["brand_admin"]]),
    "units a text": of(units="*"),
    "units of another kind": of(units=[typed("staff", uuid7())]),
    "staff of another kind": of(staff=typed("unit", uuid7())),
    "scope a list": of(scope=["lead.*"]),
    "scope a number": of(scope=1),
    # the form
    "claims a list": lambda: sign(body=b"[]"),
    "claims a text": lambda: sign(body=b'"x"'),
    "claims null": lambda: sign(body=b"null"),
    "claims no JSON": lambda: sign(body=b"{"),
    "claims not UTF-8": lambda: sign(body=b'{"sub": "\xff"}'),
    "claims deeply nested": lambda: sign(body=b"[" * 100_000 + b"]" * 100_000),
    "brand twice": lambda: sign(body=duplicated("brand", "*")),
    "exp twice": lambda: sign(body=duplicated("exp", 0)),
    "a token in a token": lambda: sign({"cty": "JWT"}, sign().encode()),
    "encrypted": encrypted,
    "JSON serialisation": lambda: json.dumps(
        dict(zip(("protected", "payload", "signature"), good_parts(), strict=True))
    ),
    "two parts": lambda: ".".join(good_parts()[:2]),
    "four parts": lambda: f"{sign()}.x",
    "without signature": lambda: ".".join([*good_parts()[:2], ""]),
    "signature cut": lambda: sign()[:-8],
    "signature of another token": lambda: ".".join(
        [*good_parts()[:2], sign(body=claims(sub="other")).split(".")[2]]
    ),
    "claims of another token": lambda: ".".join(
        [good_parts()[0], b64(json.dumps(claims(sub="x")).encode()), good_parts()[2]]
    ),
    "header of another token": lambda: ".".join(
        [b64(b'{"alg":"RS256","typ":"at+jwt"}'), *good_parts()[1:]]
    ),
    "giant": lambda: sign(body=claims(more="x" * 1_000_000))[:-4],
    "unicode": lambda: "é.ü.ß",
    "zeros": lambda: "\x00.\x00.\x00",
    "spaces inside": lambda: sign().replace(".", " . "),
    "a line break": lambda: f"{sign()}\r\nx-brand: other",
    # between our processes
    "service: another secret": lambda: issue_service_token(PRINCIPAL, bytes(32)),
    "service: expired": lambda: service(exp=int(time.time()) - 1),
    "service: no expiry": lambda: service(exp=...),
    "service: another audience": lambda: service(aud="kos"),
    "service: another issuer": lambda: service(iss=ISSUER),
    "service: no brand": lambda: service(brand=...),
    # keys where tokens go
    "API key": lambda: "kos_live_" + "A" * 57,
    "API key, empty": lambda: "kos_live_",
    "API key as a JWT": lambda: f"kos_live_.{sign()}",
    "API key of a test system": lambda: "kos_test_" + "A" * 57,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_g2_no_hostile_token_is_accepted(name: str) -> None:
    token = HOSTILE[name]()

    for verifier in (SERVICE, GATEWAY):
        with pytest.raises(Unauthenticated):
            await verifier.authenticate(f"Bearer {token}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic {}", "Token {}", "Bearer\t{}", "{}", "Bearer  {}", "Bearer,{}"]
)
async def test_g2_a_good_token_under_another_scheme_is_not_accepted(header: str) -> None:
    with pytest.raises(Unauthenticated):
        await SERVICE.authenticate(header.format(sign()))


async def test_g2_the_gateway_takes_no_service_token() -> None:
    token = issue_service_token(PRINCIPAL, SECRET)

    assert (await SERVICE.authenticate(f"Bearer {token}")).actor == "person"
    with pytest.raises(Unauthenticated):
        await GATEWAY.authenticate(f"Bearer {token}")


async def test_the_same_token_with_nothing_wrong_is_accepted() -> None:
    by_library = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "r1"}, claims(), RSA)

    for token in (sign(), by_library):
        for verifier in (SERVICE, GATEWAY):
            assert await verifier.authenticate(f"Bearer {token}") == PRINCIPAL
    assert (await SERVICE.authenticate(f"Bearer {service()}")) == PRINCIPAL
