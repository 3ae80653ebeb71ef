"""Published posts of all platforms, the growth of their figures, the pages behind links."""

import html
import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from deploy.sandbox.world import InWorld, World, digest, instant

PAGE_PATH = {
    "douyin": "/douyin/share/video/",
    "wecom": "/wecom/moments/",
    "xiaohongshu": "/xhs/explore/",
    "channels": "/channels/feed/",
}

router = APIRouter(tags=["pages"])


@dataclass(frozen=True)
class Post:
    post_id: str
    platform: str
    account_handle: str
    owner_id: str
    title: str
    text: str
    media_type: str
    page_id: str
    created_at: float
    video_id: str = ""


def add_post(world: World, post: Post) -> None:
    """Within the caller's transaction. A time ahead of now publishes by itself when it comes."""
    world.db.execute(
        "INSERT INTO post (post_id, platform, account_handle, owner_id, title, text, media_type,"
        " video_id, page_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            post.post_id,
            post.platform,
            post.account_handle,
            post.owner_id,
            post.title,
            post.text,
            post.media_type,
            post.video_id,
            post.page_id,
            post.created_at,
        ),
    )


def link(world: World, row: sqlite3.Row) -> str:
    return f"{world.settings.base_url}{PAGE_PATH[row['platform']]}{row['page_id']}"


def statistics(world: World, row: sqlite3.Row) -> dict[str, int]:
    """Figures now: an audience drawn from the seed that saturates, plus what consumers did.

    They never fall, and comments are exactly those that can be listed.
    """
    dice = world.dice("audience", row["post_id"])
    potential = min(50_000, dice.lognormvariate(6.2, 0.9))
    age = max(0.0, world.now() - row["created_at"])
    views = math.floor(potential * -math.expm1(-age / world.settings.growth_seconds))
    return {
        "views": views + row["views"],
        "likes": math.floor(views * dice.uniform(0.02, 0.08)) + row["likes"],
        "saves": math.floor(views * dice.uniform(0.005, 0.03)) + row["saves"],
        "comments": row["comments"],
        "shares": math.floor(views * dice.uniform(0.002, 0.01)) + row["shares"],
        "follows": math.floor(views * dice.uniform(0.001, 0.004)),
    }


def status(world: World, row: sqlite3.Row) -> str:
    """in_review, unfit, public or withdrawn; only Douyin reviews."""
    if row["withdrawn"]:
        return "withdrawn"
    if row["platform"] == "douyin":
        if world.now() < row["created_at"] + world.settings.review_seconds:
            return "in_review"
        if "审核不通过" in row["title"]:
            return "unfit"
    return "public"


def list_published(
    world: World,
    *,
    platform: str | None = None,
    account_handle: str | None = None,
    after: int = 0,
    limit: int = 1000,
) -> Sequence[sqlite3.Row]:
    return world.db.execute(
        "SELECT * FROM post WHERE created_at <= ? AND seq > ? AND (? IS NULL OR platform = ?)"
        " AND (? IS NULL OR account_handle = ?) ORDER BY seq LIMIT ?",
        (world.now(), after, platform, platform, account_handle, account_handle, limit),
    ).fetchall()


def find_post(world: World, post_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = world.db.execute(
        "SELECT * FROM post WHERE post_id = ?", (post_id,)
    ).fetchone()
    return row


def add_comment(
    world: World, post_id: str, content: str, *, user_id: str, parent_id: str = ""
) -> str:
    """Within the caller's transaction."""
    comment_id = "@" + world.fresh("comment")
    world.db.execute(
        "INSERT INTO comment (comment_id, post_id, parent_id, user_id, content, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (comment_id, post_id, parent_id, user_id, content, world.now()),
    )
    world.db.execute("UPDATE post SET comments = comments + 1 WHERE post_id = ?", (post_id,))
    return comment_id


def publish_handoff(
    world: World, *, platform: str, account_handle: str, title: str, text: str, media_type: str
) -> sqlite3.Row:
    """A seller publishes by hand; the account comes into being if it was never registered."""
    with world.db:
        user_id = ensure_account(world, platform, account_handle)
        note_id = world.fresh("note")[:24]
        add_post(
            world,
            Post(
                post_id=note_id,
                platform=platform,
                account_handle=account_handle,
                owner_id=user_id,
                title=title,
                text=text,
                media_type=media_type,
                page_id=note_id,
                created_at=world.now(),
            ),
        )
    row = find_post(world, note_id)
    assert row is not None
    return row


def ensure_account(world: World, platform: str, handle: str, app_id: str = "") -> str:
    """The platform's id of the account, within the caller's transaction; open_ids are per app."""
    platform_id = {
        "douyin": "_000" + digest("open_id", app_id, handle),
        "wecom": handle,
        "xiaohongshu": digest("xhs", handle)[:24],
        "channels": "v2_" + digest("finder", handle),
    }[platform]
    world.db.execute(
        "INSERT INTO account VALUES (?, ?, ?, ?, ?, '', '', '') ON CONFLICT DO NOTHING",
        (platform, handle, platform_id, app_id, handle),
    )
    row = world.db.execute(
        "SELECT platform_id FROM account WHERE platform = ? AND handle = ?", (platform, handle)
    ).fetchone()
    return str(row["platform_id"])


def _page(world: World, platform: str, page_id: str) -> HTMLResponse:
    row = world.db.execute(
        "SELECT post.*, account.nickname, account.platform_id FROM post"
        " JOIN account ON account.platform = post.platform"
        " AND account.handle = post.account_handle"
        " WHERE post.platform = ? AND page_id = ? AND created_at <= ?",
        (platform, page_id, world.now()),
    ).fetchone()
    if row is None or status(world, row) != "public":
        return HTMLResponse("<!doctype html><title>内容不存在</title>", 404)
    note = {
        "note_id": row["page_id"],
        "platform": platform,
        "author": {
            "user_id": row["platform_id"],
            "handle": row["account_handle"],
            "nickname": row["nickname"],
        },
        "title": row["title"],
        "text": row["text"],
        "media_type": row["media_type"],
        "published_at": instant(row["created_at"]),
        "metrics": statistics(world, row),
    }
    meta = {
        "og:type": "article",
        "og:title": row["title"],
        "og:description": row["text"],
        "og:url": link(world, row),
        "og:article:author": row["account_handle"],
    }
    tags = "\n".join(
        f'<meta property="{name}" content="{html.escape(value)}">' for name, value in meta.items()
    )
    # A "<" in the text could end the script element; JSON may write it as an escape.
    data = json.dumps(note, ensure_ascii=False).replace("<", "\\u003c")
    return HTMLResponse(
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">\n'
        f"<title>{html.escape(row['title'])}</title>\n{tags}\n"
        f'<script type="application/json" id="note">{data}</script></head>\n'
        f"<body><article><h1>{html.escape(row['title'])}</h1>"
        f"<address>@{html.escape(row['account_handle'])}</address>"
        f"<p>{html.escape(row['text'])}</p></article></body></html>"
    )


@router.get("/xhs/explore/{page_id}")
async def xiaohongshu_note(world: InWorld, page_id: str) -> HTMLResponse:
    return _page(world, "xiaohongshu", page_id)


@router.get("/channels/feed/{page_id}")
async def channels_feed(world: InWorld, page_id: str) -> HTMLResponse:
    return _page(world, "channels", page_id)


@router.get("/douyin/share/video/{page_id}")
async def douyin_video(world: InWorld, page_id: str) -> HTMLResponse:
    return _page(world, "douyin", page_id)


@router.get("/wecom/moments/{page_id}")
async def wecom_moment(world: InWorld, page_id: str) -> HTMLResponse:
    return _page(world, "wecom", page_id)
