"""Douyin open platform: OAuth, video publishing with later review, figures, comments.

HTTP is 200 whatever happens; success is `data.error_code` 0.
"""

import base64
import hashlib
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from deploy.sandbox import posts, tokens
from deploy.sandbox.apps import find_app
from deploy.sandbox.world import InWorld, World, get_world, instant

OK = 0
PARAMETER = 10005
NO_PERMISSION = 10004
REFRESH_EXPIRED = 10010
RENEW_LIMIT = 10020
ACCESS_EXPIRED = 2190008
ACCESS_INVALID = 28001003

MAX_RENEWALS = 5
CLIENT_TOKEN_GRACE_SECONDS = 300
MAX_PAGE = 20
VIDEO_STATUS = {"in_review": 4, "unfit": 2, "public": 5}
MEDIA_VIDEO = 4

router = APIRouter(tags=["douyin"])


class Refusal(Exception):
    def __init__(self, code: int, description: str) -> None:
        self.code = code
        self.description = description


async def refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    if request.url.path.startswith("/oauth/"):
        return _oauth_answer({}, code=refusal.code, description=refusal.description)
    return _content_answer(
        get_world(request), {}, code=refusal.code, description=refusal.description
    )


def _oauth_answer(data: Mapping[str, Any], *, code: int = OK, description: str = "") -> Response:
    return JSONResponse(
        {
            "data": {**data, "error_code": code, "description": description},
            "message": "success" if code == OK else "error",
        }
    )


def _content_answer(
    world: World, data: Mapping[str, Any], *, code: int = OK, description: str = ""
) -> Response:
    now = int(world.now() * 1000)
    return JSONResponse(
        {
            "data": {**data, "error_code": code, "description": description},
            "extra": {
                "error_code": code,
                "description": description,
                "sub_error_code": 0,
                "sub_description": "",
                "logid": f"{now}{id(data) % 10**6:06}",
                "now": now,
            },
        }
    )


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(PARAMETER, "请求体不是JSON对象")
    return body


async def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").startswith("application/json"):
        return {k: str(v) for k, v in (await _json_object(request)).items()}
    return {k: v for k, v in (await request.form()).items() if isinstance(v, str)}


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
    fields = await _fields(request)
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
    return _oauth_answer({**data, "union_id": ""})


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
    fields = await _fields(request)
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
    return _oauth_answer(
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
    fields = await _fields(request)
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
    return _oauth_answer({"refresh_token": token, "expires_in": str(int(app["refresh_seconds"]))})


@router.post("/oauth/client_token/")
async def client_token(world: InWorld, request: Request) -> Response:
    fields = await _fields(request)
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
    return _oauth_answer({"access_token": token, "expires_in": str(int(app["client_seconds"]))})


def _owner(world: World, request: Request) -> sqlite3.Row:
    """The account that the access token and the open_id of the call agree on."""
    token = tokens.find(world, request.headers.get("access-token", ""), "access", platform="douyin")
    open_id = request.query_params.get("open_id", "")
    if token is None:
        raise Refusal(ACCESS_INVALID, "access_token无效")
    if token["expires_at"] <= world.now():
        raise Refusal(ACCESS_EXPIRED, "access_token过期,请刷新或重新授权")
    if token["platform_id"] != open_id:
        raise Refusal(NO_PERMISSION, "open_id与access_token不匹配")
    account: sqlite3.Row = world.db.execute(
        "SELECT * FROM account WHERE platform = 'douyin' AND platform_id = ?", (open_id,)
    ).fetchone()
    return account


@router.post("/api/douyin/v1/video/upload_video/")
async def upload_video(world: InWorld, request: Request) -> Response:
    owner = _owner(world, request)
    async with request.form() as form:
        video = form.get("video")
        if not isinstance(video, UploadFile):
            raise Refusal(PARAMETER, "缺少video")
        size, sha256 = 0, hashlib.sha256()
        while chunk := await video.read(1 << 20):
            size += len(chunk)
            sha256.update(chunk)
    if size == 0:
        raise Refusal(PARAMETER, "视频为空")
    with world.db:
        video_id = "v0200f" + world.fresh("video")
        world.db.execute(
            "INSERT INTO upload VALUES (?, ?, ?, ?)",
            (video_id, owner["platform_id"], size, sha256.hexdigest()),
        )
    return _content_answer(
        world,
        {"video": {"video_id": video_id, "width": 1080, "height": 1920}, "video_id": video_id},
    )


@router.post("/api/douyin/v1/video/create_video/")
async def create_video(world: InWorld, request: Request) -> Response:
    owner = _owner(world, request)
    fields = await _fields(request)
    uploaded = world.db.execute(
        "SELECT 1 FROM upload WHERE video_id = ? AND open_id = ?",
        (fields.get("video_id", ""), owner["platform_id"]),
    ).fetchone()
    if uploaded is None:
        raise Refusal(PARAMETER, "video_id错误")
    with world.db:
        number = int(world.fresh("item"), 16)
        # Real item ids contain @, / and =, so callers that do not encode them fail here too.
        item_id = "@9Vx/" + base64.b64encode(number.to_bytes(16, "big")).decode()
        text = fields.get("text", "")
        posts.add_post(
            world,
            posts.Post(
                post_id=item_id,
                platform="douyin",
                account_handle=owner["handle"],
                owner_id=owner["platform_id"],
                title=text,
                text=text,
                media_type="video",
                video_id=fields["video_id"],
                page_id=str(7_000_000_000_000_000_000 + number % 10**18),
                created_at=world.now(),
            ),
        )
    return _content_answer(world, {"item_id": item_id})


def _video(world: World, row: sqlite3.Row) -> dict[str, Any]:
    state = posts.status(world, row)
    figures = posts.statistics(world, row)
    if state != "public":
        figures = dict.fromkeys(figures, 0)
    return {
        "item_id": row["post_id"],
        "title": row["title"],
        "cover": f"{world.settings.base_url}/douyin/cover/{row['page_id']}.jpg",
        "create_time": int(row["created_at"]),
        "is_reviewed": state != "in_review",
        "is_top": False,
        "video_status": VIDEO_STATUS[state],
        "media_type": MEDIA_VIDEO,
        "share_url": posts.link(world, row),
        "statistics": {
            "play_count": figures["views"],
            "digg_count": figures["likes"],
            "comment_count": figures["comments"],
            "share_count": figures["shares"],
            "forward_count": 0,
            "download_count": 0,
        },
    }


def _cursor_and_count(request: Request) -> tuple[int, int]:
    cursor, count = (request.query_params.get(name, "0") for name in ("cursor", "count"))
    if not cursor.isdecimal() or not count.isdecimal() or not 1 <= int(count) <= MAX_PAGE:
        raise Refusal(PARAMETER, f"cursor≥0, 1≤count≤{MAX_PAGE}")
    return int(cursor), int(count)


@router.get("/api/douyin/v1/video/video_list/")
async def video_list(world: InWorld, request: Request) -> Response:
    """Newest first; the cursor is the place to read on from."""
    owner = _owner(world, request)
    cursor, count = _cursor_and_count(request)
    rows = world.db.execute(
        "SELECT * FROM post WHERE platform = 'douyin' AND owner_id = ? AND NOT withdrawn"
        " AND (? = 0 OR seq < ?) ORDER BY seq DESC LIMIT ?",
        (owner["platform_id"], cursor, cursor, count + 1),
    ).fetchall()
    page = rows[:count]
    return _content_answer(
        world,
        {
            "list": [_video(world, row) for row in page],
            "cursor": page[-1]["seq"] if page else cursor,
            "has_more": len(rows) > count,
        },
    )


@router.post("/api/douyin/v1/video/video_data/")
async def video_data(world: InWorld, request: Request) -> Response:
    owner = _owner(world, request)
    body = await _json_object(request)
    wanted = body.get("item_ids") or body.get("video_ids")
    if not isinstance(wanted, list) or len(wanted) > MAX_PAGE:
        raise Refusal(PARAMETER, "item_ids或video_ids")
    column = "post_id" if body.get("item_ids") else "video_id"
    marks = ", ".join("?" * len(wanted))
    rows = world.db.execute(
        f"SELECT * FROM post WHERE platform = 'douyin' AND owner_id = ? AND NOT withdrawn"
        f" AND {column} IN ({marks}) ORDER BY seq",
        (owner["platform_id"], *wanted),
    )
    return _content_answer(
        world, {"list": [{**_video(world, row), "video_id": row["video_id"]} for row in rows]}
    )


def _own_item(world: World, owner: sqlite3.Row, item_id: str) -> sqlite3.Row:
    row = posts.find_post(world, item_id)
    if row is None or row["owner_id"] != owner["platform_id"] or row["withdrawn"]:
        raise Refusal(PARAMETER, "item_id错误")
    return row


@router.get("/item/comment/list/")
async def comment_list(world: InWorld, request: Request) -> Response:
    item = _own_item(world, _owner(world, request), request.query_params.get("item_id", ""))
    cursor, count = _cursor_and_count(request)
    rows = world.db.execute(
        "SELECT c.*, (SELECT count(*) FROM comment r WHERE r.parent_id = c.comment_id) AS replies"
        " FROM comment c WHERE post_id = ? AND parent_id = '' AND seq > ? ORDER BY seq LIMIT ?",
        (item["post_id"], cursor, count + 1),
    ).fetchall()
    page = rows[:count]
    return _content_answer(
        world,
        {
            "list": [
                {
                    "comment_id": row["comment_id"],
                    "comment_user_id": row["user_id"],
                    "content": row["content"],
                    "create_time": int(row["created_at"]),
                    "digg_count": 0,
                    "reply_comment_total": row["replies"],
                    "top": False,
                }
                for row in page
            ],
            "cursor": page[-1]["seq"] if page else cursor,
            "has_more": len(rows) > count,
        },
    )


@router.post("/item/comment/reply/")
async def comment_reply(world: InWorld, request: Request) -> Response:
    owner = _owner(world, request)
    fields = await _fields(request)
    item = _own_item(world, owner, fields.get("item_id", ""))
    if not fields.get("content"):
        raise Refusal(PARAMETER, "content为空")
    with world.db:
        comment_id = posts.add_comment(
            world,
            item["post_id"],
            fields["content"],
            user_id=owner["platform_id"],
            parent_id=fields.get("comment_id", ""),
        )
    return _content_answer(world, {"comment_id": comment_id})


ITEM_FIGURES = {
    "base": ("total_play", "total_like", "total_comment", "total_share"),
    "play": ("play",),
    "like": ("like",),
    "comment": ("comment",),
    "share": ("share",),
}
FIGURE = {"play": "views", "like": "likes", "comment": "comments", "share": "shares"}


@router.get("/data/external/item/{kind}/")
async def item_data(world: InWorld, request: Request, kind: str) -> Response:
    """Figures up to now under today's date; the platform itself is a day behind."""
    item = _own_item(world, _owner(world, request), request.query_params.get("item_id", ""))
    if kind not in ITEM_FIGURES or request.query_params.get("date_type") not in {
        "7",
        "15",
        "30",
    }:
        raise Refusal(PARAMETER, "date_type错误")
    figures = posts.statistics(world, item)
    values = {name: figures[FIGURE[name.removeprefix("total_")]] for name in ITEM_FIGURES[kind]}
    if kind == "base":
        return _content_answer(world, {"result": values})
    date = instant(world.now())[:10]
    return _content_answer(world, {"result_list": [{"date": date, **values}]})
