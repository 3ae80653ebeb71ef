"""The gateway in front of account_svc alone, both in this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import httpx
from asgi_lifespan import LifespanManager
from joserfc.jwk import RSAKey
from starlette.types import ASGIApp

import gateway.app
from account_svc.settings import Settings
from gateway.settings import Settings as GatewaySettings
from shared.access import Principal
from tests.caller import Json, json_of
from tests.isolation.site import AUDIENCE, ISSUER, Tokens, person_token
from tests.isolation.world import FeedByHand, serve_on_socket

_NOBODY = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Graph:
    """Asks as any principal of any brand."""

    http: httpx.AsyncClient
    tokens: Tokens

    async def send(self, principal: Principal, document: str, **variables: Any) -> Json:
        answer = await self.http.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"authorization": f"Bearer {self.tokens.of(principal)}"},
        )
        return json_of(answer)

    async def ask(self, principal: Principal, document: str, **variables: Any) -> Json:
        """The data of an answer that has no errors."""
        found = await self.send(principal, document, **variables)
        assert "errors" not in found, found
        data: Json = found["data"]
        return data


@asynccontextmanager
async def open_graph(app: ASGIApp, settings: Settings, key: RSAKey) -> AsyncIterator[Graph]:
    async with serve_on_socket(app) as address:
        own = GatewaySettings(
            environment=settings.environment,
            kafka_bootstrap=settings.kafka_bootstrap,
            service_secret_file=settings.service_secret_file,
            oidc_issuer=ISSUER,
            oidc_audience=AUDIENCE,
            oidc_jwks_file=settings.oidc_jwks_file,
            account_url=address,
            content_url=_NOBODY,
            lead_url=_NOBODY,
            # tests ask far more than a caller would in a minute
            cost_per_minute=1_000_000_000,
        )
        with mock.patch.object(gateway.app, "Feed", FeedByHand):
            manager = LifespanManager(gateway.app.create_app(own))
        async with (
            manager,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(manager.app), base_url="http://gateway", timeout=30
            ) as http,
        ):
            yield Graph(http, Tokens(partial(person_token, signing_key=key)))
