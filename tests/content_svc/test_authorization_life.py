"""From consent to its end: renewed by one worker, announced, and never told to anybody."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from content_svc.connectors.tokens import Ended, Grant, Renewed, TokenBook
from content_svc.settings import Settings
from content_svc.use_cases.authorizations import RENEW
from shared.clock import now
from shared.database import create_engine, create_sessions
from shared.events.account import AccountRegistered, Platform
from shared.events.content import AuthorizationEnded, AuthorizationGranted, AuthorizationRenewed
from shared.sealing import open_vault
from tests.caller import Json
from tests.content_svc.making import Brand, account_id, make_account
from tests.content_svc.sandbox import (
    CLIENT_KEY,
    Sandbox,
    Worker,
    authorize_douyin,
    authorize_wecom,
    run_worker,
    sandboxed,
)

REFRESH = "/oauth/refresh_token/"
EXTEND = "/oauth/renew_refresh_token/"


@pytest.fixture
async def account(brand: Brand, sandbox: Sandbox) -> AccountRegistered:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    return account


@asynccontextmanager
async def another_worker(
    settings: Settings, sandbox: Sandbox, brand: Brand
) -> AsyncIterator[Worker]:
    """A worker with connections of its own, as a second process has."""
    engine = create_engine(settings.worker_database_url)
    own = Brand(brand.http, brand.secret, create_sessions(engine), brand.principal)
    async with run_worker(sandboxed(settings, sandbox), own) as worker:
        yield worker
    await engine.dispose()


async def row_of(brand: Brand) -> Any:
    (row,) = await brand.sql("select * from platform_authorization where brand_id = :b")
    return row


async def ends_soon(brand: Brand, column: str) -> None:
    await brand.sql(
        f"update platform_authorization set {column} = now() + interval '1 hour'"
        " where brand_id = :b returning 1"
    )


async def ring(brand: Brand, worker: Worker) -> datetime | None:
    return await worker.run(brand, RENEW, (await row_of(brand)).id)


async def asked(sandbox: Sandbox) -> dict[str, int]:
    """How often the sandbox was asked on each route that a fault watches."""
    return {
        each["route"]: each["seen"] for each in (await sandbox.get("/sandbox/faults"))["faults"]
    }


async def test_a2_two_workers_at_once_ask_the_platform_for_one_token(
    brand: Brand,
    sandbox: Sandbox,
    settings: Settings,
    worker: Worker,
    account: AccountRegistered,
) -> None:
    await ends_soon(brand, "expires_at")
    await sandbox.fault("delay", REFRESH, delay_seconds=0.3)

    async with another_worker(settings, sandbox, brand) as other:
        await asyncio.gather(*(ring(brand, each) for each in (worker, other, worker, other)))

    row = await row_of(brand)
    whose = {
        "authorization_id": row.id,
        "platform": Platform.DOUYIN,
        "account_id": account.account_id,
    }
    granted, renewed = await brand.events("kos.authorization")
    assert await asked(sandbox) == {REFRESH: 1}
    assert row.token_version == 2
    assert isinstance(granted, AuthorizationGranted)
    assert renewed == AuthorizationRenewed(
        **whose, expires_at=row.expires_at, refresh_expires_at=row.refresh_expires_at
    )


async def test_a2_a_new_refresh_token_is_stored_before_it_is_used(
    brand: Brand, sandbox: Sandbox, worker: Worker, account: AccountRegistered
) -> None:
    await ends_soon(brand, "expires_at")
    await ends_soon(brand, "refresh_expires_at")
    await sandbox.fault("server_error", REFRESH, count=1)

    failed = await ring(brand, worker)
    between = await row_of(brand)
    done = await ring(brand, worker)

    after = await row_of(brand)
    assert failed is not None
    assert failed < now() + timedelta(minutes=6)
    assert between.refresh_expires_at > now() + timedelta(days=29)
    assert (after.status, after.token_version) == ("active", 3)
    assert done == after.expires_at - timedelta(days=1)


async def test_a2_a_lost_answer_to_a_refresh_loses_nothing(
    brand: Brand, sandbox: Sandbox, worker: Worker, account: AccountRegistered
) -> None:
    await ends_soon(brand, "expires_at")
    await sandbox.fault("timeout_after_success", REFRESH, count=1, hold_seconds=1.2)

    await ring(brand, worker)
    await ring(brand, worker)

    assert (await row_of(brand)).expires_at > now() + timedelta(days=14)


async def test_a2_a_refresh_token_whose_answer_was_lost_is_asked_for_by_name(
    brand: Brand, sandbox: Sandbox, worker: Worker, account: AccountRegistered
) -> None:
    """The platform kills the old one as it gives the new one: who dies between its answer and the
    store has neither, works on until the access token ends, and then asks for consent."""
    await ends_soon(brand, "refresh_expires_at")
    await sandbox.fault("timeout_after_success", EXTEND, count=1, hold_seconds=1.2)

    await ring(brand, worker)
    await ring(brand, worker)
    still = await row_of(brand)
    await ends_soon(brand, "expires_at")
    await ring(brand, worker)

    row = await row_of(brand)
    assert (still.status, still.is_extendable) == ("active", False)
    assert (row.status, row.ended_reason) == ("needs_reauthorization", "refresh_token_expired")
    assert (await brand.events("kos.authorization"))[-1] == AuthorizationEnded(
        authorization_id=row.id,
        platform=Platform.DOUYIN,
        account_id=account.account_id,
        reason="refresh_token_expired",
    )
    listed = (await brand.get("/authorizations"))["items"][0]
    assert listed["ended_reason"] == "refresh_token_expired"


async def test_a2_a_refused_token_that_was_replaced_meanwhile_is_read_again(
    brand: Brand, sandbox: Sandbox, settings: Settings, account: AccountRegistered
) -> None:
    tokens = TokenBook(brand.sessions, open_vault(settings))
    await ends_soon(brand, "expires_at")

    async def refuse(grant: Grant) -> Renewed:
        await authorize_douyin(brand, sandbox, account)
        raise Ended("refresh_token_refused")

    grant = await tokens.grant(
        brand.id, Platform.DOUYIN, account.account_id, refuse, refused_version=1
    )

    row = await row_of(brand)
    assert (grant.version, row.status, row.ended_reason) == (2, "active", None)
    assert [type(event) for event in await brand.events("kos.authorization")] == [
        AuthorizationGranted,
        AuthorizationGranted,
    ]


async def test_a2_a_new_consent_ends_the_end(
    brand: Brand, sandbox: Sandbox, worker: Worker, account: AccountRegistered
) -> None:
    await sandbox.post("/sandbox/clock", {"advance_seconds": 31 * 86_400})
    await ends_soon(brand, "expires_at")
    await ring(brand, worker)
    ended = (await brand.get("/authorizations"))["items"][0]

    await authorize_douyin(brand, sandbox, account)

    again = (await brand.get("/authorizations"))["items"][0]
    assert (ended["status"], again["status"]) == ("needs_reauthorization", "active")
    assert again["ended_reason"] is None


async def test_a2_the_brand_s_app_is_announced_once_without_an_end(
    brand: Brand, sandbox: Sandbox
) -> None:
    await authorize_wecom(brand, sandbox, [])

    row = await row_of(brand)
    assert await brand.events("kos.authorization") == [
        AuthorizationGranted(
            authorization_id=row.id,
            platform=Platform.WECOM,
            account_id=None,
            expires_at=None,
            refresh_expires_at=None,
        )
    ]


async def test_a2_tokens_are_in_no_table_event_audit_answer_or_log(
    brand: Brand,
    sandbox: Sandbox,
    worker: Worker,
    account: AccountRegistered,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    given: Json = {
        "platform": "douyin",
        "account_id": account_id(account),
        "client_key": CLIENT_KEY,
        "open_id": "open-1",
        "access_token": "canary-access-7431",
        "refresh_token": "canary-refresh-7431",
        "expires_in": 60,
        "refresh_expires_in": 60,
    }
    answers = []
    with structlog.testing.capture_logs() as logged:
        for body in (given, given | {"expires_in": "soon"}, given | {"extra": 1}):
            answer = await brand.request("POST", "/authorizations", json=body, key="once")
            answers.append(answer.text)
        await ring(brand, worker)
        answers.append((await brand.request("GET", "/authorizations")).text)

    tables = await brand.sql("select tablename from pg_tables where schemaname = 'public'")
    stored = [
        (await brand.sql(f"select coalesce(string_agg(t::text, ' '), '') from {name} t"))[0][0]
        for (name,) in tables
        if name != "alembic_version"
    ]
    everything = " ".join([*answers, *stored, str(logged), caplog.text])
    assert "needs_reauthorization" in everything
    for canary in ("canary-access-7431", "canary-refresh-7431"):
        assert canary not in everything
        assert canary.encode().hex() not in everything
