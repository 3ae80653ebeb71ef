"""Customer groups: whose they are, and another owner for them while the old one is in service.

What the platform documents: at most 100 groups of a call, 300 of one owner a day, two moves of a
group in 90 days; it has no code of its own for the last two, so the general one for too many is
answered here.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from deploy.sandbox.platforms.wecom.corp import (
    PARAMETER,
    Corp,
    Posted,
    Refusal,
    cursor_of,
    get_member,
    ok,
    strings,
    whole_number,
)
from deploy.sandbox.world import InWorld, World

NOT_A_GROUP = 90501
CROWDED = 90503
SAME_OWNER = 90504
TOO_MANY = 45009

MAX_TRANSFER = 100
MAX_OWNERS = 100
MOVES_A_DAY = 300
MOVES_IN_WINDOW = 2
DAY_SECONDS = 86_400
WINDOW_SECONDS = 90 * DAY_SECONDS

router = APIRouter()


@router.post("/externalcontact/groupchat/list")
async def list_groups(world: InWorld, corp: Corp, body: Posted) -> Response:
    limit = whole_number(body, "limit", 1000, 1000)
    given = body.get("owner_filter") or {}
    owners = strings(given, "userid_list") if isinstance(given, dict) else []
    if not 1 <= len(owners) <= MAX_OWNERS:
        raise Refusal(PARAMETER, "invalid owner_filter")
    with world.db:
        for userid in owners:
            get_member(world, corp, userid)
    rows = world.db.execute(
        "SELECT seq, chat_id FROM group_chat WHERE corp_id = ? AND seq > ?"
        f" AND owner IN ({', '.join('?' * len(owners))}) ORDER BY seq LIMIT ?",
        (corp["app_id"], cursor_of(body), *owners, limit),
    ).fetchall()
    return ok(
        {
            "group_chat_list": [{"chat_id": row["chat_id"], "status": 0} for row in rows],
            "next_cursor": str(rows[-1]["seq"]) if len(rows) == limit else "",
        }
    )


@router.post("/externalcontact/groupchat/get")
async def get_group(world: InWorld, corp: Corp, body: Posted) -> Response:
    row = world.db.execute(
        "SELECT * FROM group_chat WHERE corp_id = ? AND chat_id = ?",
        (corp["app_id"], body.get("chat_id")),
    ).fetchone()
    if row is None:
        raise Refusal(NOT_A_GROUP, "chat is not external group chat")
    return ok(
        {
            "group_chat": {
                "chat_id": row["chat_id"],
                "name": row["name"],
                "owner": row["owner"],
                "create_time": int(row["created_at"]),
                "notice": "",
                "member_list": [
                    {"userid": row["owner"], "type": 1, "join_time": int(row["created_at"])}
                ],
                "admin_list": [],
            }
        }
    )


@router.post("/externalcontact/groupchat/onjob_transfer")
async def transfer_groups(world: InWorld, corp: Corp, body: Posted) -> Response:
    """A group has its new owner at once; those that failed are told, the others are not."""
    wanted, taker = strings(body, "chat_id_list"), body.get("new_owner", "")
    if not 1 <= len(wanted) <= MAX_TRANSFER:
        raise Refusal(PARAMETER, "invalid chat_id_list count")
    with world.db:
        get_member(world, corp, taker)
        answers = {chat_id: _move(world, corp, chat_id, taker) for chat_id in wanted}
    return ok(
        {
            "failed_chat_list": [
                {"chat_id": chat_id, "errcode": code, "errmsg": "failed"}
                for chat_id, code in answers.items()
                if code
            ]
        }
    )


def _move(world: World, corp: Mapping[str, Any], chat_id: str, taker: str) -> int:
    now, corp_id = world.now(), corp["app_id"]
    group = world.db.execute(
        "SELECT owner FROM group_chat WHERE corp_id = ? AND chat_id = ?", (corp_id, chat_id)
    ).fetchone()
    if group is None:
        return NOT_A_GROUP
    if group["owner"] == taker:
        return SAME_OWNER
    if chat_id in corp["crowded_groups"]:
        return CROWDED
    (moves,) = world.db.execute(
        "SELECT count(*) FROM group_move WHERE corp_id = ? AND chat_id = ? AND at > ?",
        (corp_id, chat_id, now - WINDOW_SECONDS),
    ).fetchone()
    (of_giver,) = world.db.execute(
        "SELECT count(*) FROM group_move WHERE corp_id = ? AND giver = ? AND at > ?",
        (corp_id, group["owner"], now - DAY_SECONDS),
    ).fetchone()
    if moves >= MOVES_IN_WINDOW or of_giver >= MOVES_A_DAY:
        return TOO_MANY
    world.db.execute(
        "INSERT INTO group_move (corp_id, chat_id, giver, taker, at) VALUES (?, ?, ?, ?, ?)",
        (corp_id, chat_id, group["owner"], taker, now),
    )
    world.db.execute(
        "UPDATE group_chat SET owner = ? WHERE corp_id = ? AND chat_id = ?",
        (taker, corp_id, chat_id),
    )
    return 0
