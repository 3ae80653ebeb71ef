from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException
from fastapi import Body as InBody
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from deploy.sandbox import posts, tokens
from deploy.sandbox.apps import find_app, put_app
from deploy.sandbox.control.bodies import Body
from deploy.sandbox.platforms.wecom.corp import admit_member
from deploy.sandbox.world import InWorld, World

router = APIRouter()
AccountPlatform = Literal["douyin", "wecom", "xiaohongshu", "channels"]


@router.put("/apps/{platform}/{app_id}")
async def register_app(
    world: InWorld, platform: str, app_id: str, settings: Annotated[dict[str, Any], InBody()]
) -> dict[str, Any]:
    try:
        put_app(world, platform, app_id, settings)
    except KeyError:
        raise HTTPException(404, f"{platform} has no apps") from None
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    answer: dict[str, Any] = {"platform": platform, "app_id": app_id}
    if platform == "oceanengine":
        with world.db:
            answer["auth_code"] = tokens.issue_code(
                world, platform=platform, app_id=app_id, platform_id="", scope=""
            )
    return answer


class AccountIn(Body):
    platform: AccountPlatform
    handle: str = Field(min_length=1)
    platform_id: str = ""
    app_id: str = ""
    nickname: str = ""
    city: str = ""
    store_code: str = ""
    channel_code: str = ""


class AccountsIn(Body):
    accounts: list[AccountIn] = Field(max_length=5000)


@router.post("/accounts")
async def register_accounts(world: InWorld, body: AccountsIn) -> dict[str, Any]:
    with world.db:
        return {"accounts": [_register(world, account) for account in body.accounts]}


def _register(world: World, account: AccountIn) -> dict[str, Any]:
    app: dict[str, Any] | None = None
    if account.platform in ("douyin", "wecom"):
        app = find_app(world, account.platform, account.app_id)
        if app is None:
            raise HTTPException(422, f"{account.handle}: no {account.platform} app with this id")
    known_id = posts.ensure_account(world, account.platform, account.handle, account.app_id)
    platform_id = account.platform_id or known_id
    world.db.execute(
        "UPDATE account SET platform_id = ?, app_id = ?, nickname = ?, city = ?,"
        " store_code = ?, channel_code = ? WHERE platform = ? AND handle = ?",
        (
            platform_id,
            account.app_id,
            account.nickname or account.handle,
            account.city,
            account.store_code,
            account.channel_code,
            account.platform,
            account.handle,
        ),
    )
    granted = None
    if app is not None and account.platform == "douyin":
        granted = tokens.grant_douyin(world, app, platform_id, tokens.DOUYIN_SCOPE)
    elif app is not None:
        admit_member(world, app, account.handle)
    return {
        "platform": account.platform,
        "handle": account.handle,
        "platform_id": platform_id,
        "tokens": granted,
    }


@router.get("/accounts")
async def list_accounts(world: InWorld, platform: str | None = None) -> dict[str, Any]:
    rows = world.db.execute(
        "SELECT * FROM account WHERE ? IS NULL OR platform = ? ORDER BY platform, handle",
        (platform, platform),
    )
    return {"accounts": [dict(row) for row in rows]}


class AuthorizeIn(Body):
    client_key: str
    handle: str
    scope: str = tokens.DOUYIN_SCOPE


@router.post("/douyin/authorize")
async def authorize(world: InWorld, body: AuthorizeIn) -> dict[str, str]:
    if find_app(world, "douyin", body.client_key) is None:
        raise HTTPException(404, "no such client_key")
    with world.db:
        code = tokens.issue_code(
            world,
            platform="douyin",
            app_id=body.client_key,
            platform_id=posts.ensure_account(world, "douyin", body.handle, body.client_key),
            scope=body.scope,
        )
    return {"code": code}
