"""Comments on a video, and its figures by kind."""

import sqlite3
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from deploy.sandbox import posts
from deploy.sandbox.platforms.douyin.edge import PARAMETER, Refusal, content_answer, posted_fields
from deploy.sandbox.platforms.douyin.videos import Owner, cursor_and_count
from deploy.sandbox.world import InWorld, World, instant

router = APIRouter()


def _own_item(world: World, owner: sqlite3.Row, item_id: str) -> sqlite3.Row:
    row = posts.find_post(world, item_id)
    if row is None or row["owner_id"] != owner["platform_id"] or row["withdrawn"]:
        raise Refusal(PARAMETER, "item_id错误")
    return row


async def asked_item(world: InWorld, owner: Owner, item_id: str = "") -> sqlite3.Row:
    return _own_item(world, owner, item_id)


AskedItem = Annotated[sqlite3.Row, Depends(asked_item)]


@router.get("/item/comment/list/")
async def comment_list(world: InWorld, request: Request, item: AskedItem) -> Response:
    cursor, count = cursor_and_count(request)
    rows = world.db.execute(
        "SELECT c.*, (SELECT count(*) FROM comment r WHERE r.parent_id = c.comment_id) AS replies"
        " FROM comment c WHERE post_id = ? AND parent_id = '' AND seq > ? ORDER BY seq LIMIT ?",
        (item["post_id"], cursor, count + 1),
    ).fetchall()
    page = rows[:count]
    return content_answer(
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
async def comment_reply(world: InWorld, request: Request, owner: Owner) -> Response:
    fields = await posted_fields(request)
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
    return content_answer(world, {"comment_id": comment_id})


ITEM_FIGURES = {
    "base": ("total_play", "total_like", "total_comment", "total_share"),
    "play": ("play",),
    "like": ("like",),
    "comment": ("comment",),
    "share": ("share",),
}
DATE_TYPES = {"7", "15", "30"}
FIGURE = {"play": "views", "like": "likes", "comment": "comments", "share": "shares"}


@router.get("/data/external/item/{kind}/")
async def item_data(world: InWorld, item: AskedItem, kind: str, date_type: str = "") -> Response:
    """Figures up to now under today's date; the platform itself is a day behind."""
    if kind not in ITEM_FIGURES or date_type not in DATE_TYPES:
        raise Refusal(PARAMETER, "date_type错误")
    figures = posts.statistics(world, item)
    values = {name: figures[FIGURE[name.removeprefix("total_")]] for name in ITEM_FIGURES[kind]}
    if kind == "base":
        return content_answer(world, {"result": values})
    date = instant(world.now())[:10]
    return content_answer(world, {"result_list": [{"date": date, **values}]})
