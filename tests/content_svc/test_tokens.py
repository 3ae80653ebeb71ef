"""Platform credentials: sealed, never read back, renewed by one holder at a time."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from content_svc.connectors import Rejected, TryLater
from content_svc.connectors.tokens import Ended, Grant, Renewed, TokenBook
from content_svc.settings import Settings
from content_svc.use_cases import authorizations
from shared.access import Role
from shared.clock import now
from shared.events.account import AccountRegistered, Platform
from shared.sealing import open_vault
from tests.caller import uuid_of
from tests.content_svc.making import (
    Brand,
    account_id,
    get_campaign,
    make_account,
    make_campaign,
    make_video,
    plan,
)
from tests.content_svc.sandbox import Sandbox, Worker, authorize_douyin, authorize_wecom

WECOM = {"platform": "wecom", "corp_id": "ww-corp", "secret": "app-secret-xyz"}


@pytest.fixture
def tokens(brand: Brand, settings: Settings) -> TokenBook:
    return TokenBook(brand.sessions, open_vault(settings))


class Platformed:
    """A platform that counts how often it is asked for a token."""

    def __init__(self, *, failure: Exception | None = None) -> None:
        self.asked = 0
        self.failure = failure

    async def refresh(self, grant: Grant) -> Renewed:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0.1)
        if self.failure is not None:
            raise self.failure
        return Renewed(
            {**grant.credentials, "access_token": f"token-{number}"}, now() + timedelta(hours=2)
        )


async def test_c10_credentials_are_sealed_and_never_read_back(brand: Brand) -> None:
    granted = await brand.post("/authorizations", WECOM)

    listed = await brand.get("/authorizations")
    stored = await brand.sql(
        "select settings::text || encode(credentials, 'escape') as all"
        " from platform_authorization where brand_id = :b"
    )

    assert listed["items"] == [granted]
    assert set(granted) == {
        "platform",
        "account_id",
        "status",
        "expires_at",
        "refresh_expires_at",
        "ended_reason",
        "created_at",
    }
    assert "app-secret-xyz" not in stored[0][0]
    problem = await brand.acting(Role.REGION_MANAGER).refuse("/authorizations", WECOM)
    assert problem["status"] == 403


async def test_c10_a_new_authorisation_replaces_the_old_one(
    brand: Brand, tokens: TokenBook
) -> None:
    await brand.post("/authorizations", WECOM)
    await brand.post("/authorizations", WECOM | {"secret": "newer"})

    grant = await tokens.grant(brand.id, Platform.WECOM, None, Platformed().refresh)

    assert grant.credentials["secret"] == "newer"
    assert len((await brand.get("/authorizations"))["items"]) == 1


async def test_c10_many_callers_renew_a_token_once(brand: Brand, tokens: TokenBook) -> None:
    await brand.post("/authorizations", WECOM)
    platform = Platformed()

    grants = await asyncio.gather(
        *(tokens.grant(brand.id, Platform.WECOM, None, platform.refresh) for _ in range(8))
    )

    assert platform.asked == 1
    assert {grant.token for grant in grants} == {"token-1"}


async def test_c10_callers_who_share_a_read_get_the_grant_of_their_own_account(
    brand: Brand, sandbox: Sandbox, tokens: TokenBook
) -> None:
    accounts = [await make_account(brand, Platform.DOUYIN) for _ in range(3)]
    for account in accounts[:2]:
        await authorize_douyin(brand, sandbox, account)
    platform = Platformed()

    grants = await asyncio.gather(
        *(
            tokens.grant(brand.id, Platform.DOUYIN, account.account_id, platform.refresh)
            for account in accounts
        ),
        return_exceptions=True,
    )

    own = await brand.sql(
        "select account_id, id from platform_authorization where brand_id = :b order by created_at"
    )
    assert [row.account_id for row in own] == [account.account_id for account in accounts[:2]]
    assert [grant.authorization_id for grant in grants if isinstance(grant, Grant)] == [
        row.id for row in own
    ]
    assert [str(grant) for grant in grants if isinstance(grant, Rejected)] == [
        "authorization_missing"
    ]
    assert platform.asked == 0


async def test_c10_a_withdrawn_authorisation_is_not_used_again(
    brand: Brand, tokens: TokenBook
) -> None:
    await brand.post("/authorizations", WECOM)
    platform = Platformed()
    await tokens.grant(brand.id, Platform.WECOM, None, platform.refresh)

    await brand.sql(
        "update platform_authorization set status = 'needs_reauthorization'"
        " where brand_id = :b returning 1"
    )

    with pytest.raises(Rejected):
        await tokens.grant(brand.id, Platform.WECOM, None, platform.refresh)


async def test_c10_a_refused_token_is_renewed_once_for_all_who_held_it(
    brand: Brand, tokens: TokenBook
) -> None:
    await brand.post("/authorizations", WECOM)
    platform = Platformed()
    old = await tokens.grant(brand.id, Platform.WECOM, None, platform.refresh)

    grants = await asyncio.gather(
        *(
            tokens.grant(
                brand.id,
                Platform.WECOM,
                None,
                platform.refresh,
                refused_version=old.version,
            )
            for _ in range(5)
        )
    )

    assert platform.asked == 2
    assert {grant.token for grant in grants} == {"token-2"}


async def test_c10_a_holder_that_dies_leaves_the_lease_to_the_next(
    brand: Brand, tokens: TokenBook
) -> None:
    await brand.post("/authorizations", WECOM)
    await brand.sql(
        "update platform_authorization set lease_id = uuidv7(), lease_until = now()"
        " where brand_id = :b returning 1"
    )

    grant = await tokens.grant(brand.id, Platform.WECOM, None, Platformed().refresh)

    assert grant.token == "token-1"


async def test_c10_a_failed_renewal_gives_the_lease_back(brand: Brand, tokens: TokenBook) -> None:
    await brand.post("/authorizations", WECOM)
    with pytest.raises(TryLater):
        await tokens.grant(
            brand.id,
            Platform.WECOM,
            None,
            Platformed(failure=TryLater("http_500")).refresh,
        )

    grant = await tokens.grant(brand.id, Platform.WECOM, None, Platformed().refresh)

    assert grant.token == "token-1"


async def test_c10_a_rejected_renewal_asks_for_a_new_authorisation(
    brand: Brand, tokens: TokenBook
) -> None:
    await brand.post("/authorizations", WECOM)
    platform = Platformed(failure=Ended("secret_refused"))
    for _ in range(2):
        with pytest.raises(Rejected):
            await tokens.grant(brand.id, Platform.WECOM, None, platform.refresh)

    assert platform.asked == 1
    assert (await brand.get("/authorizations"))["items"][0]["status"] == ("needs_reauthorization")


async def test_c10_an_expired_wecom_token_is_renewed_in_the_middle_of_the_work(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.WECOM)
    await authorize_wecom(brand, sandbox, [account])
    campaign = await make_campaign(brand, launched=True)
    await plan(brand, campaign)
    await sandbox.fault("token_expired", "/cgi-bin/externalcontact/add_msg_template", count=1)

    await worker.dispatch_until_done(brand, uuid_of(campaign["id"]))

    assert (await get_campaign(brand, campaign))["counts"]["published"] == 1
    assert len(await sandbox.published("wecom")) == 1


async def authorized_film(brand: Brand, sandbox: Sandbox) -> tuple[AccountRegistered, UUID]:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    campaign = await make_campaign(brand, launched=True, asset_ids=[await make_video(brand)])
    await plan(brand, campaign)
    return account, uuid_of(campaign["id"])


async def test_c10_an_ended_douyin_token_is_refreshed_and_the_post_goes_out(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    _, campaign_id = await authorized_film(brand, sandbox)
    await sandbox.post("/sandbox/clock", {"advance_seconds": 16 * 86_400})

    await worker.dispatch_until_done(brand, campaign_id)

    assert len(await sandbox.published("douyin")) == 1


async def test_c10_a_seller_must_consent_again_when_the_refresh_token_has_ended(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account, campaign_id = await authorized_film(brand, sandbox)
    await sandbox.post("/sandbox/clock", {"advance_seconds": 31 * 86_400})

    await worker.dispatch_until_done(brand, campaign_id)

    post = (await brand.get("/posts"))["items"][0]
    assert (post["status"], post["failure_reason"]) == ("failed", "authorization_expired")
    row = (await brand.get("/authorizations"))["items"][0]
    assert (row["account_id"], row["status"]) == (
        account_id(account),
        "needs_reauthorization",
    )


async def test_c10_tokens_are_renewed_before_they_end_whether_used_or_not(
    brand: Brand, sandbox: Sandbox, worker: Worker
) -> None:
    account = await make_account(brand, Platform.DOUYIN)
    await authorize_douyin(brand, sandbox, account)
    ((kind, row_id),) = await brand.timers()
    await brand.sql(
        "update platform_authorization set expires_at = now() + interval '1 hour'"
        " where brand_id = :b returning 1"
    )

    next_at = await worker.run(brand, kind, row_id)

    row = (await brand.sql("select * from platform_authorization where brand_id = :b"))[0]
    assert kind == authorizations.RENEW
    assert row.token_version == 2
    assert next_at == row.expires_at - timedelta(days=1)
    assert row.expires_at > now() + timedelta(days=14)


async def test_c10_credentials_for_an_account_of_another_platform_are_refused(
    brand: Brand,
) -> None:
    account = await make_account(brand, Platform.WECOM)

    problem = await brand.refuse(
        "/authorizations",
        {
            "platform": "douyin",
            "account_id": account_id(account),
            "client_key": "k",
            "open_id": "o",
            "access_token": "a",
            "refresh_token": "r",
            "expires_in": 1,
            "refresh_expires_in": 1,
        },
    )

    assert problem["field"] == "/account_id"


@pytest.mark.parametrize("name", ["expires_in", "refresh_expires_in"])
async def test_c10_a_token_that_outlives_the_calendar_is_refused(brand: Brand, name: str) -> None:
    granted: dict[str, Any] = {
        "platform": "douyin",
        "account_id": account_id(await make_account(brand, Platform.DOUYIN)),
        "client_key": "k",
        "open_id": "o",
        "access_token": "a",
        "refresh_token": "r",
        "expires_in": 1,
        "refresh_expires_in": 1,
    }

    problem = await brand.refuse("/authorizations", granted | {name: 10**12})

    assert problem["status"] == 422
    assert name in str(problem["errors"])
