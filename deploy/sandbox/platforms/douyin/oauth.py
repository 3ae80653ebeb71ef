"""The seller's consent and the tokens it gives, with their real lifetimes unless the app says."""

import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from deploy.sandbox import posts, tokens
from deploy.sandbox.apps import find_app
from deploy.sandbox.platforms.douyin.edge import (
    PARAMETER,
    REFRESH_EXPIRED,
    RENEW_LIMIT,
    Refusal,
    oauth_answer,
    posted_fields,
)
from deploy.sandbox.world import InWorld, World

MAX_RENEWALS = 5
CLIENT_TOKEN_GRACE_SECONDS = 300

router = APIRouter()


def _app(world: World, fields: Mapping[str, str], *, with_secret: bool = True) -> dict[str, Any]:
    app = find_app(world, "douyin", fields.get("client_key", ""))
    if app is None:
        raise Refusal(PARAMETER, "client_key错误")
    if with_secret and fields.get("client_secret") != app["secret"]:
        raise Refusal(PARAMETER, "client_secret错误")
    return app


@router.get("/platform/oauth/connect/")
async def connect(world: InWorld, request: Request) -> Response:
    """The consent page; the seller named by `sandbox_handle` consents at once."""
    query = request.query_params
    app = find_app(world, "douyin", query.get("client_key", ""))
    handle, redirect_uri = query.get("sandbox_handle"), query.get("redirect_uri")
    if app is None or not handle or not redirect_uri or query.get("response_type") != "code":
        return Response("参数错误", 400)
    with world.db:
        code = tokens.issue_code(
            world,
            platform="douyin",
            app_id=app["app_id"],
            platform_id=posts.ensure_account(world, "douyin", handle, app["app_id"]),
            scope=query.get("scope", ""),
        )
    answer = urlencode({"code": code, "state": query.get("state", "")})
    return RedirectResponse(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{answer}", 302)


@router.post("/oauth/access_token/")
async def access_token(world: InWorld, request: Request) -> Response:
    fields = await posted_fields(request)
    app = _app(world, fields)
    if fields.get("grant_type") != "authorization_code":
        raise Refusal(PARAMETER, "grant_type错误")
    with world.db:
        grant = tokens.redeem_code(
            world, fields.get("code", ""), platform="douyin", app_id=app["app_id"]
        )
        if grant is None:
            raise Refusal(PARAMETER, "code无效或已过期")
        data = tokens.grant_douyin(world, app, grant["platform_id"], grant["scope"])
    return oauth_answer({**data, "union_id": ""})


def _living_refresh_token(
    world: World, app: Mapping[str, Any], fields: Mapping[str, str]
) -> sqlite3.Row:
    token = tokens.find(world, fields.get("refresh_token", ""), "refresh", platform="douyin")
    if token is None or token["app_id"] != app["app_id"]:
        raise Refusal(PARAMETER, "refresh_token错误")
    if token["expires_at"] <= world.now():
        raise Refusal(REFRESH_EXPIRED, "refresh_token过期")
    return token


@router.post("/oauth/refresh_token/")
async def refresh_token(world: InWorld, request: Request) -> Response:
    fields = await posted_fields(request)
    app = _app(world, fields, with_secret=False)
    if fields.get("grant_type") != "refresh_token":
        raise Refusal(PARAMETER, "grant_type错误")
    old = _living_refresh_token(world, app, fields)
    with world.db:
        token = tokens.issue(
            world,
            "access",
            platform="douyin",
            app_id=app["app_id"],
            platform_id=old["platform_id"],
            scope=old["scope"],
            expires_at=world.now() + app["access_seconds"],
        )
    return oauth_answer(
        {
            "access_token": token,
            "expires_in": int(app["access_seconds"]),
            "refresh_token": old["token"],
            "refresh_expires_in": int(old["expires_at"] - world.now()),
            "open_id": old["platform_id"],
            "scope": old["scope"],
        }
    )


@router.post("/oauth/renew_refresh_token/")
async def renew_refresh_token(world: InWorld, request: Request) -> Response:
    fields = await posted_fields(request)
    app = _app(world, fields, with_secret=False)
    old = _living_refresh_token(world, app, fields)
    if old["renewals"] >= MAX_RENEWALS:
        raise Refusal(RENEW_LIMIT, "refresh_token续期次数超限")
    with world.db:
        tokens.cut_short(world, old["token"], world.now())
        token = tokens.issue(
            world,
            "refresh",
            platform="douyin",
            app_id=app["app_id"],
            platform_id=old["platform_id"],
            scope=old["scope"],
            expires_at=world.now() + app["refresh_seconds"],
            renewals=old["renewals"] + 1,
        )
    # The platform writes such numbers now as int, now as text; here they are text.
    return oauth_answer({"refresh_token": token, "expires_in": str(int(app["refresh_seconds"]))})


@router.post("/oauth/client_token/")
async def client_token(world: InWorld, request: Request) -> Response:
    fields = await posted_fields(request)
    app = _app(world, fields)
    if fields.get("grant_type") != "client_credential":
        raise Refusal(PARAMETER, "grant_type错误")
    now = world.now()
    with world.db:
        world.db.execute(
            "UPDATE token SET expires_at = min(expires_at, ?)"
            " WHERE platform = 'douyin' AND kind = 'client' AND app_id = ?",
            (now + CLIENT_TOKEN_GRACE_SECONDS, app["app_id"]),
        )
        token = tokens.issue(
            world,
            "client",
            platform="douyin",
            app_id=app["app_id"],
            expires_at=now + app["client_seconds"],
        )
    return oauth_answer({"access_token": token, "expires_in": str(int(app["client_seconds"]))})
