"""A running gateway in front of a small server that speaks the services' REST."""

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestServer
from asgi_lifespan import LifespanManager
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from gateway.app import create_app
from gateway.settings import Settings
from shared.access import Role
from shared.ids import typed, uuid7
from tests.gateway.services import Services

ISSUER = "https://issuer.test"
AUDIENCE = "kos"

MakeToken = Callable[..., str]


@pytest.fixture(scope="session")
def signing_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "test"})


@pytest.fixture(scope="session")
def key_files(tmp_path_factory: pytest.TempPathFactory, signing_key: RSAKey) -> Path:
    """`jwks.json` and `service_secret`."""
    folder = tmp_path_factory.mktemp("keys")
    jwks = KeySet([signing_key]).as_dict(private=False)
    (folder / "jwks.json").write_text(json.dumps(jwks))
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "service_secret").write_text(secret)
    return folder


@pytest.fixture(scope="session")
def make_token(signing_key: RSAKey) -> MakeToken:
    """Call it for an access token: `make_token(brand="brand_…", role=Role.KOS)`."""

    def make(
        *,
        brand: str,
        role: Role = Role.BRAND_ADMIN,
        units: tuple[str, ...] = (),
        staff: str | None = None,
        seconds: int = 300,
    ) -> str:
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"person-{uuid7()}",
            "exp": int(time.time()) + seconds,
            "brand": brand,
            "roles": [role],
            "units": list(units),
        }
        if staff is not None:
            claims["staff"] = staff
        header = {"alg": "RS256", "typ": "at+jwt", "kid": "test"}
        return jwt.encode(header, claims, signing_key)

    return make


@pytest.fixture
def brand() -> str:
    return typed("brand", uuid7())


@pytest.fixture
async def services(key_files: Path) -> AsyncIterator[Services]:
    served = Services((key_files / "service_secret").read_text())
    server = TestServer(served.app())
    await server.start_server()
    served.url = str(server.make_url("/")).rstrip("/")
    try:
        yield served
    finally:
        await server.close()


@pytest.fixture
def settings(services: Services, key_files: Path) -> Settings:
    """Of a gateway without a broker; tests of subscriptions give it one."""
    return make_settings(services, key_files)


def make_settings(services: Services, key_files: Path, **overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "environment": "development",
        "kafka_bootstrap": "127.0.0.1:1",
        "service_secret_file": key_files / "service_secret",
        "oidc_issuer": ISSUER,
        "oidc_audience": AUDIENCE,
        "oidc_jwks_file": key_files / "jwks.json",
        "account_url": f"{services.url}/account",
        "content_url": f"{services.url}/content",
        "lead_url": f"{services.url}/lead",
    }
    return Settings(**{**values, **overrides})


class Client:
    """Sends operations as one caller."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.token = token

    async def post(self, body: object, **headers: str) -> httpx.Response:
        return await self.http.post(
            "/graphql",
            json=body,
            headers={"authorization": f"Bearer {self.token}", **headers},
        )

    async def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation that must go through without errors."""
        response = await self.post({"query": query, "variables": variables})
        answer = response.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(settings) as client:
        yield client


@pytest.fixture
def client(http: httpx.AsyncClient, make_token: MakeToken, brand: str) -> Client:
    return Client(http, make_token(brand=brand))


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        LifespanManager(create_app(settings)) as manager,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(manager.app), base_url="http://gateway"
        ) as client,
    ):
        yield client
