"""The platform sandbox on a free port, and the worker's timer handlers pointed at it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import httpx
import uvicorn

from content_svc.connectors.http import create_client
from content_svc.settings import Settings
from content_svc.use_cases import campaigns
from content_svc.worker import timer_handlers
from deploy.sandbox.app import create_app
from deploy.sandbox.settings import Settings as SandboxSettings
from shared.events.account import AccountRegistered
from shared.ids import typed
from shared.timers import TimerHandler
from tests.caller import Json, json_of
from tests.content_svc.making import Brand

REVIEW_SECONDS = 0.3
CLIENT_KEY = "client-key"
CORP_ID = "ww-corp"


@dataclass(frozen=True)
class Sandbox:
    """The running sandbox; `client` calls its control API."""

    url: str
    client: httpx.AsyncClient

    async def post(self, path: str, body: Json) -> Json:
        answer = await self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return json_of(answer) if answer.content else {}

    async def get(self, path: str, **parameters: Any) -> Json:
        answer = await self.client.get(path, params=parameters)
        assert answer.is_success, answer.text
        return json_of(answer)

    async def reset(self) -> None:
        """Forget everything; both platforms' apps are there again."""
        await self.client.post("/sandbox/reset")
        await self.client.put(f"/sandbox/apps/douyin/{CLIENT_KEY}", json={"secret": "douyin"})
        await self.client.put(
            f"/sandbox/apps/wecom/{CORP_ID}", json={"secret": "wecom", "confirm_seconds": 0}
        )

    async def fault(self, kind: str, route: str, **details: Any) -> None:
        await self.post(
            "/sandbox/faults", {"direction": "calls", "kind": kind, "route": route, **details}
        )

    async def published(self, platform: str) -> list[Json]:
        found = await self.get("/sandbox/posts", platform=platform)
        items: list[Json] = found["posts"]
        return items

    async def repeated(self) -> list[Json]:
        items: list[Json] = (await self.get("/sandbox/posts"))["repeated"]
        return items


@asynccontextmanager
async def run_sandbox(folder: Path, port: int) -> AsyncIterator[Sandbox]:
    settings = SandboxSettings(state_dir=folder, port=port, review_seconds=REVIEW_SECONDS)
    config = uvicorn.Config(
        create_app(settings), port=port, log_config=None, access_log=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=settings.base_url, trust_env=False) as client:
            yield Sandbox(settings.base_url, client)
    finally:
        server.should_exit = True
        await serving


def sandboxed(settings: Settings, sandbox: Sandbox) -> Settings:
    """Settings whose platforms are the sandbox, with short pauses."""
    host = sandbox.url.removeprefix("http://")
    return settings.model_copy(
        update={
            "douyin_url": sandbox.url,
            "wecom_url": sandbox.url,
            "handoff_hosts": {"xiaohongshu": [host], "channels": [host]},
            "platform_timeout_seconds": 1.0,
            "review_poll_seconds": 0.1,
            # longer than a call, as it has to be
            "dispatch_lease_seconds": 2.0,
            "dispatch_backoff_seconds": 0.1,
            "measure_first_seconds": 0.1,
        }
    )


@dataclass(frozen=True)
class Worker:
    """The worker's handlers; `run` calls one as the timer of that kind would."""

    handlers: dict[str, TimerHandler]
    http: aiohttp.ClientSession

    async def run(self, brand: Brand, kind: str, subject_id: UUID) -> datetime | None:
        return await self.handlers[kind](brand.due(kind, subject_id))

    async def dispatch_until_done(self, brand: Brand, campaign_id: UUID) -> None:
        """Dispatch as the timer would, until the campaign has nothing open."""
        for _ in range(100):
            if await self.run(brand, campaigns.DISPATCH, campaign_id) is None:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the campaign still has open posts")


@asynccontextmanager
async def run_worker(settings: Settings, brand: Brand) -> AsyncIterator[Worker]:
    async with create_client(settings.platform_timeout_seconds) as http:
        yield Worker(timer_handlers(settings, brand.sessions, http), http)


async def authorize_douyin(brand: Brand, sandbox: Sandbox, account: AccountRegistered) -> None:
    """The seller consents; the product takes the tokens in."""
    found = await sandbox.post(
        "/sandbox/accounts",
        {"accounts": [{"platform": "douyin", "handle": account.handle, "app_id": CLIENT_KEY}]},
    )
    tokens = found["accounts"][0]["tokens"]
    await brand.post(
        "/authorizations",
        {
            "platform": "douyin",
            "account_id": typed("acct", account.account_id),
            "client_key": CLIENT_KEY,
            "open_id": tokens["open_id"],
            "access_token": tokens["access_token"],
            "refresh_token": tokens["refresh_token"],
            "expires_in": int(tokens["expires_in"]),
            "refresh_expires_in": int(tokens["refresh_expires_in"]),
        },
    )


async def authorize_wecom(
    brand: Brand, sandbox: Sandbox, accounts: list[AccountRegistered], **overrides: Any
) -> None:
    await sandbox.post(
        "/sandbox/accounts",
        {
            "accounts": [
                {"platform": "wecom", "handle": account.handle, "app_id": CORP_ID}
                for account in accounts
            ]
        },
    )
    body = {"platform": "wecom", "corp_id": CORP_ID, "secret": "wecom"}
    await brand.post("/authorizations", body | overrides)
