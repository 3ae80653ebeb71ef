"""Upload, publishing with later review, look-up and figures of videos."""

import base64
import hashlib
import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from deploy.sandbox import posts, tokens
from deploy.sandbox.platforms.douyin.edge import (
    ACCESS_EXPIRED,
    ACCESS_INVALID,
    NO_PERMISSION,
    PARAMETER,
    Refusal,
    content_answer,
    json_object,
    posted_fields,
)
from deploy.sandbox.world import InWorld, World

MAX_PAGE = 20
VIDEO_STATUS = {"in_review": 4, "unfit": 2, "public": 5}
MEDIA_VIDEO = 4

router = APIRouter()


async def calling_owner(world: InWorld, request: Request) -> sqlite3.Row:
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


Owner = Annotated[sqlite3.Row, Depends(calling_owner)]


@router.post("/api/douyin/v1/video/upload_video/")
async def upload_video(world: InWorld, request: Request, owner: Owner) -> Response:
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
    return content_answer(
        world,
        {"video": {"video_id": video_id, "width": 1080, "height": 1920}, "video_id": video_id},
    )


@router.post("/api/douyin/v1/video/create_video/")
async def create_video(world: InWorld, request: Request, owner: Owner) -> Response:
    fields = await posted_fields(request)
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
    return content_answer(world, {"item_id": item_id})


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


def cursor_and_count(request: Request) -> tuple[int, int]:
    cursor, count = (request.query_params.get(name, "0") for name in ("cursor", "count"))
    if not cursor.isdecimal() or not count.isdecimal() or not 1 <= int(count) <= MAX_PAGE:
        raise Refusal(PARAMETER, f"cursor≥0, 1≤count≤{MAX_PAGE}")
    return int(cursor), int(count)


@router.get("/api/douyin/v1/video/video_list/")
async def video_list(world: InWorld, request: Request, owner: Owner) -> Response:
    """Newest first; the cursor is the place to read on from."""
    cursor, count = cursor_and_count(request)
    rows = world.db.execute(
        "SELECT * FROM post WHERE platform = 'douyin' AND owner_id = ? AND NOT withdrawn"
        " AND (? = 0 OR seq < ?) ORDER BY seq DESC LIMIT ?",
        (owner["platform_id"], cursor, cursor, count + 1),
    ).fetchall()
    page = rows[:count]
    return content_answer(
        world,
        {
            "list": [_video(world, row) for row in page],
            "cursor": page[-1]["seq"] if page else cursor,
            "has_more": len(rows) > count,
        },
    )


@router.post("/api/douyin/v1/video/video_data/")
async def video_data(world: InWorld, request: Request, owner: Owner) -> Response:
    body = await json_object(request)
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
    return content_answer(
        world, {"list": [{**_video(world, row), "video_id": row["video_id"]} for row in rows]}
    )
