"""Processes of the gateway's rows: the gateway guarded and bare, the merge without GraphQL."""

import asyncio
import base64
import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from shared.ids import typed, uuid7
from tests.bench.gateway_answers import merged, merged_aliases, merged_page
from tests.bench.usual import serve
from tests.gateway.services import Row


class Merge:
    """What people would write by hand for one page each: fetches with aiohttp, a merge, orjson."""

    def __init__(self, url: str, ids: Sequence[str]) -> None:
        self._url = url
        self._ids = list(ids)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        if self._session is None:
            self._session = aiohttp.ClientSession()
        data = await {"/list": self._list, "/one": self._one, "/alias": self._alias}[
            scope["path"]
        ]()
        body = orjson.dumps({"data": data})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _list(self) -> Row:
        assert self._session is not None
        async with self._session.get(f"{self._url}/lead/leads?first=50") as response:
            page = orjson.loads(await response.read())
        return merged_page(page, *await self._related(page["items"]))

    async def _one(self) -> Row:
        leads = await self._by_ids("/lead/leads/by-ids", self._ids[:1])
        lead = leads[self._ids[0]]
        return {"lead": merged(lead, *await self._related([lead]))}

    async def _alias(self) -> Row:
        return merged_aliases(await self._by_ids("/lead/leads/by-ids", self._ids), self._ids)

    async def _related(self, leads: Sequence[Row]) -> tuple[dict[str, Row], dict[str, Row]]:
        return await asyncio.gather(
            self._by_ids("/account/staff/by-ids", sorted({lead["staff_id"] for lead in leads})),
            self._by_ids("/account/units/by-ids", sorted({lead["unit_id"] for lead in leads})),
        )

    async def _by_ids(self, path: str, ids: list[str]) -> dict[str, Row]:
        assert self._session is not None
        body = orjson.dumps({"ids": ids})
        async with self._session.post(self._url + path, data=body) as response:
            rows = orjson.loads(await response.read())["items"]
        return {row["id"]: row for row in rows}


def serve_merge(port: int, upstream: str, ids: Sequence[str]) -> None:
    serve(Merge(upstream, ids), port)


def serve_gateway(environment: dict[str, str]) -> None:
    """As `python -m gateway`, with its log sent nowhere."""
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from gateway.__main__ import run  # noqa: PLC0415 - in this process alone
    from gateway.settings import Settings  # noqa: PLC0415

    run(Settings())


def serve_bare_gateway(environment: dict[str, str]) -> None:
    """The gateway without what guards it: every token is good, nothing is limited, counted, logged
    or traced. The product has no switch for it; the parts are taken out from here."""
    from unittest.mock import patch  # noqa: PLC0415

    import prometheus_client  # noqa: PLC0415

    from gateway import upstream  # noqa: PLC0415
    from gateway.credentials import Caller, Credentials  # noqa: PLC0415
    from gateway.edge.budget import Budget  # noqa: PLC0415
    from gateway.edge.documents import Documents  # noqa: PLC0415
    from shared.access import Principal, Role  # noqa: PLC0415
    from shared.web.app import RequestEdge  # noqa: PLC0415

    principal = Principal(brand_id=uuid7(), actor="bench", roles=frozenset({Role.BRAND_ADMIN}))
    caller = Caller(principal, secrets.token_bytes(32))

    async def believe(*_: object) -> Caller:
        return caller

    async def pass_on(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    with (
        patch.object(Credentials, "verify", believe),
        patch.object(RequestEdge, "__call__", pass_on),
        patch.object(Budget, "spend", lambda *_: {}),
        patch.object(Documents, "reading_cost", lambda *_: 0),
        patch.object(Documents, "_cost", lambda *_: 0),
        patch.object(prometheus_client.Counter, "inc", lambda *_: None),
        patch.object(upstream, "current_traceparent", lambda: None),
    ):
        serve_gateway(environment)


def gateway_environment(folder: Path, upstream: str) -> tuple[dict[str, str], str]:
    """Settings for a gateway's process without its port, and a token that it takes."""
    key = RSAKey.generate_key(2048, {"kid": "bench"})
    (folder / "jwks.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / "service_secret").write_text(secret)
    claims = {
        "iss": "https://issuer.test",
        "aud": "kos",
        "sub": "bench",
        "exp": int(time.time()) + 3600,
        "brand": typed("brand", uuid7()),
        "roles": ["brand_admin"],
    }
    environment = {
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "SERVICE_SECRET_FILE": str(folder / "service_secret"),
        "OIDC_ISSUER": "https://issuer.test",
        "OIDC_AUDIENCE": "kos",
        "OIDC_JWKS_FILE": str(folder / "jwks.json"),
        "ACCOUNT_URL": f"{upstream}/account",
        "CONTENT_URL": f"{upstream}/content",
        "LEAD_URL": f"{upstream}/lead",
        "COST_PER_MINUTE": str(10**12),
    }
    token = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "bench"}, claims, key)
    return {f"GATEWAY_{name}": value for name, value in environment.items()}, token
