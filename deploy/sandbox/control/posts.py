from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import Field

from deploy.sandbox import posts
from deploy.sandbox.control.bodies import Body, Limit
from deploy.sandbox.world import InWorld, instant

router = APIRouter()


class HandoffIn(Body):
    platform: Literal["xiaohongshu", "channels"]
    account_handle: str = Field(min_length=1)
    title: str
    text: str
    media_type: Literal["image", "video"] = "image"


@router.post("/publish-handoff", status_code=201)
async def publish_handoff(world: InWorld, body: HandoffIn) -> dict[str, str]:
    row = posts.publish_handoff(world, **body.model_dump())
    return {
        "post_id": row["post_id"],
        "url": posts.link(world, row),
        "published_at": instant(row["created_at"]),
    }


@router.get("/posts")
async def list_posts(
    world: InWorld,
    platform: str | None = None,
    account_handle: str | None = None,
    after: int = 0,
    limit: Limit = 1000,
) -> dict[str, Any]:
    where = (
        "FROM post WHERE created_at <= ? AND (? IS NULL OR platform = ?)"
        " AND (? IS NULL OR account_handle = ?)"
    )
    values = (world.now(), platform, platform, account_handle, account_handle)
    total = world.db.execute(f"SELECT count(*) AS n {where}", values).fetchone()["n"]
    repeated = world.db.execute(
        f"SELECT platform, account_handle, text, count(*) AS count {where}"
        " GROUP BY platform, account_handle, text HAVING count(*) > 1 ORDER BY 1, 2",
        values,
    )
    rows = posts.list_published(
        world, platform=platform, account_handle=account_handle, after=after, limit=limit
    )
    return {
        "total": total,
        "posts": [
            {
                "seq": row["seq"],
                "post_id": row["post_id"],
                "platform": row["platform"],
                "account_handle": row["account_handle"],
                "title": row["title"],
                "text": row["text"],
                "url": posts.link(world, row),
                "created_at": instant(row["created_at"]),
                "status": posts.status(world, row),
                "statistics": posts.statistics(world, row),
            }
            for row in rows
        ],
        "repeated": [dict(row) for row in repeated],
    }


class WithdrawIn(Body):
    post_id: str


@router.post("/posts/withdraw", status_code=204)
async def withdraw_post(world: InWorld, body: WithdrawIn) -> None:
    with world.db:
        changed = world.db.execute(
            "UPDATE post SET withdrawn = 1 WHERE post_id = ?", (body.post_id,)
        ).rowcount
    if not changed:
        raise HTTPException(404, "no such post")
