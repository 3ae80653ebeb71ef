"""Mass messages and moments: calls make tasks, members confirm them, only then customers see any.

Nothing runs in the background: a task fixes for each member the moment of the confirmation (or
that there will be none), and every answer compares it with the clock.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from deploy.sandbox import posts
from deploy.sandbox.platforms.wecom.corp import (
    PARAMETER,
    UNKNOWN_USER,
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

NOBODY_TO_SEND_TO = 41048
MAX_TEXT_BYTES = 4000
MAX_MOMENT_CHARACTERS = 2000
MAX_RECIPIENTS = 10_000
MAX_ATTACHMENTS = 9
JOB_SECONDS = 86_400
UNSENT, SENT = 0, 2
NOT_PUBLISHED, PUBLISHED = 0, 1
JOB_DONE = 3

router = APIRouter()


def _add_task(
    world: World,
    corp: Mapping[str, Any],
    kind: str,
    body: Mapping[str, Any],
    members: Iterable[str],
) -> sqlite3.Row:
    """Within the caller's transaction. What a member confirms appears as a post at that time."""
    task_id = ("msg" if kind == "message" else "job") + world.fresh("task")
    moment_id = "mom" + world.fresh("moment") if kind == "moment" else ""
    now = world.now()
    world.db.execute(
        "INSERT INTO task (task_id, corp_id, kind, moment_id, body, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (task_id, corp["app_id"], kind, moment_id, json.dumps(body, ensure_ascii=False), now),
    )
    text = body.get("text", {}).get("content", "")
    for userid in members:
        silent = userid in corp["silent_members"]
        delay = world.dice("confirm", task_id, userid).random() * corp["confirm_seconds"]
        confirmed_at = None if silent else now + delay
        world.db.execute(
            "INSERT INTO confirmation VALUES (?, ?, ?)", (task_id, userid, confirmed_at)
        )
        if confirmed_at is not None:
            page_id = f"{moment_id or task_id}.{userid}"
            posts.add_post(
                world,
                posts.Post(
                    post_id=page_id,
                    platform="wecom",
                    account_handle=userid,
                    owner_id=userid,
                    title=text[:30],
                    text=text,
                    media_type=kind,
                    page_id=page_id,
                    created_at=confirmed_at,
                ),
            )
    row: sqlite3.Row = world.db.execute(
        "SELECT * FROM task WHERE task_id = ?", (task_id,)
    ).fetchone()
    return row


def _get_task(world: World, corp: Mapping[str, Any], column: str, value: object) -> sqlite3.Row:
    row: sqlite3.Row | None = world.db.execute(
        f"SELECT * FROM task WHERE corp_id = ? AND {column} = ? AND {column} <> ''",
        (corp["app_id"], value),
    ).fetchone()
    if row is None:
        raise Refusal(PARAMETER, "invalid msgid, jobid or moment_id")
    return row


def _attachments(body: Mapping[str, Any]) -> int:
    attachments = body.get("attachments", [])
    if not isinstance(attachments, list) or len(attachments) > MAX_ATTACHMENTS:
        raise Refusal(PARAMETER, "invalid attachments")
    return len(attachments)


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text", {})
    content = text.get("content", "") if isinstance(text, dict) else None
    if not isinstance(content, str):
        raise Refusal(PARAMETER, "invalid text")
    return content


@router.post("/externalcontact/add_msg_template")
async def add_msg_template(world: InWorld, corp: Corp, body: Posted) -> Response:
    """Single chats: to the named customers, or to all customers of `sender`."""
    wanted, sender = strings(body, "external_userid"), body.get("sender", "")
    text = _text(body)
    if body.get("chat_type", "single") != "single" or len(wanted) > MAX_RECIPIENTS:
        raise Refusal(PARAMETER, "invalid chat_type or external_userid")
    if (not _attachments(body) and not text) or len(text.encode()) > MAX_TEXT_BYTES:
        raise Refusal(PARAMETER, "invalid text")
    with world.db:
        if sender:
            get_member(world, corp, sender)
        # The member who was last to gain the customer is the one who is asked to send.
        rows = world.db.execute(
            "SELECT external_userid, userid FROM follow WHERE corp_id = ?"
            " AND (? = '' OR userid = ?) ORDER BY seq",
            (corp["app_id"], sender, sender),
        )
        member_of = {row["external_userid"]: row["userid"] for row in rows}
        reached = wanted or (list(member_of) if sender else [])
        failed = [external for external in reached if external not in member_of]
        sends = {e: member_of[e] for e in reached if e in member_of}
        if not sends:
            raise Refusal(NOBODY_TO_SEND_TO, "no customer to send")
        task = _add_task(world, corp, "message", body, sorted(set(sends.values())))
        world.db.executemany(
            "INSERT INTO mass_send VALUES (?, ?, ?)",
            [(task["task_id"], userid, external) for external, userid in sends.items()],
        )
    return ok({"fail_list": failed, "msgid": task["task_id"]})


@router.post("/externalcontact/get_groupmsg_list_v2")
async def get_groupmsg_list(world: InWorld, corp: Corp, body: Posted) -> Response:
    rows, next_cursor = _list_tasks(world, corp, "message", body, limit=50, most=100)
    return ok(
        {
            "group_msg_list": [
                {
                    "msgid": row["task_id"],
                    "creator": content.get("sender", ""),
                    "create_time": str(int(row["created_at"])),
                    "create_type": 0,
                    "text": content.get("text", {}),
                    "attachments": content.get("attachments", []),
                }
                for row in rows
                for content in [json.loads(row["body"])]
            ],
            "next_cursor": next_cursor,
        }
    )


def _list_tasks(
    world: World,
    corp: Mapping[str, Any],
    kind: str,
    body: Mapping[str, Any],
    *,
    limit: int,
    most: int,
) -> tuple[list[sqlite3.Row], str]:
    start, end = body.get("start_time"), body.get("end_time")
    if not isinstance(start, int) or not isinstance(end, int) or end < start:
        raise Refusal(PARAMETER, "invalid start_time or end_time")
    limit = whole_number(body, "limit", limit, most)
    rows = world.db.execute(
        "SELECT * FROM task WHERE corp_id = ? AND kind = ? AND seq > ?"
        " AND created_at >= ? AND created_at < ? + 1 ORDER BY seq LIMIT ?",
        (corp["app_id"], kind, cursor_of(body), start, end, limit),
    ).fetchall()
    return rows, str(rows[-1]["seq"]) if len(rows) == limit else ""


def _confirmations(
    world: World, task: sqlite3.Row, body: Mapping[str, Any]
) -> tuple[list[sqlite3.Row], str]:
    limit = whole_number(body, "limit", 500, 1000)
    start = cursor_of(body)
    rows = world.db.execute(
        "SELECT *, confirmed_at IS NOT NULL AND confirmed_at <= ? AS confirmed"
        " FROM confirmation WHERE task_id = ? ORDER BY userid LIMIT ? OFFSET ?",
        (world.now(), task["task_id"], limit, start),
    ).fetchall()
    return rows, str(start + limit) if len(rows) == limit else ""


@router.post("/externalcontact/get_groupmsg_task")
async def get_groupmsg_task(world: InWorld, corp: Corp, body: Posted) -> Response:
    rows, next_cursor = _confirmations(
        world, _get_task(world, corp, "task_id", body.get("msgid")), body
    )
    return ok(
        {
            "task_list": [
                {"userid": row["userid"], "status": SENT, "send_time": int(row["confirmed_at"])}
                if row["confirmed"]
                else {"userid": row["userid"], "status": UNSENT}
                for row in rows
            ],
            "next_cursor": next_cursor,
        }
    )


@router.post("/externalcontact/get_groupmsg_send_result")
async def get_groupmsg_send_result(world: InWorld, corp: Corp, body: Posted) -> Response:
    task = _get_task(world, corp, "task_id", body.get("msgid"))
    limit, start = whole_number(body, "limit", 500, 1000), cursor_of(body)
    rows = world.db.execute(
        "SELECT s.external_userid, c.confirmed_at,"
        " c.confirmed_at IS NOT NULL AND c.confirmed_at <= ? AS confirmed FROM mass_send s"
        " JOIN confirmation c ON c.task_id = s.task_id AND c.userid = s.userid"
        " WHERE s.task_id = ? AND s.userid = ? ORDER BY s.external_userid LIMIT ? OFFSET ?",
        (world.now(), task["task_id"], body.get("userid"), limit, start),
    ).fetchall()
    sent = 1
    return ok(
        {
            "send_list": [
                {
                    "external_userid": row["external_userid"],
                    "userid": body["userid"],
                    **(
                        {"status": sent, "send_time": int(row["confirmed_at"])}
                        if row["confirmed"]
                        else {"status": UNSENT}
                    ),
                }
                for row in rows
            ],
            "next_cursor": str(start + limit) if len(rows) == limit else "",
        }
    )


@router.post("/externalcontact/add_moment_task")
async def add_moment_task(world: InWorld, corp: Corp, body: Posted) -> Response:
    """For the members of the visible range, or for every member of the corp without one."""
    text = _text(body)
    if (not _attachments(body) and not text) or len(text) > MAX_MOMENT_CHARACTERS:
        raise Refusal(PARAMETER, "invalid text")
    visible = body.get("visible_range", {})
    senders = visible.get("sender_list", {}) if isinstance(visible, dict) else {}
    wanted = strings(senders, "user_list")
    with world.db:
        members, invalid = [], []
        for userid in wanted:
            try:
                members.append(get_member(world, corp, userid))
            except Refusal:
                invalid.append(userid)
        if not wanted:
            members = [
                row["handle"]
                for row in world.db.execute(
                    "SELECT handle FROM account WHERE platform = 'wecom' AND app_id = ?",
                    (corp["app_id"],),
                )
            ]
        task = _add_task(world, corp, "moment", {**body, "invalid": invalid}, members)
    return ok({"jobid": task["task_id"]})


@router.get("/externalcontact/get_moment_task_result")
async def get_moment_task_result(world: InWorld, corp: Corp, jobid: str = "") -> Response:
    task = _get_task(world, corp, "task_id", jobid)
    if world.now() > task["created_at"] + JOB_SECONDS:
        raise Refusal(PARAMETER, "jobid expired")
    body = json.loads(task["body"])
    members = world.db.execute(
        "SELECT count(*) AS n FROM confirmation WHERE task_id = ?", (jobid,)
    ).fetchone()["n"]
    result: dict[str, Any] = {
        "invalid_sender_list": {"user_list": body["invalid"], "department_list": []},
        "invalid_external_contact_list": {"tag_list": []},
    }
    if members:
        result |= {"errcode": 0, "errmsg": "ok", "moment_id": task["moment_id"]}
    else:
        result |= {"errcode": UNKNOWN_USER, "errmsg": "no valid sender"}
    return ok({"status": JOB_DONE, "type": "add_moment_task", "result": result})


@router.post("/externalcontact/get_moment_list")
async def get_moment_list(world: InWorld, corp: Corp, body: Posted) -> Response:
    rows, next_cursor = _list_tasks(world, corp, "moment", body, limit=20, most=20)
    return ok(
        {
            "moment_list": [
                {
                    "moment_id": row["moment_id"],
                    "creator": "",
                    "create_time": str(int(row["created_at"])),
                    "create_type": 0,
                    "visible_type": 0,
                    "text": json.loads(row["body"]).get("text", {}),
                }
                for row in rows
            ],
            "next_cursor": next_cursor,
        }
    )


@router.post("/externalcontact/get_moment_task")
async def get_moment_task(world: InWorld, corp: Corp, body: Posted) -> Response:
    rows, next_cursor = _confirmations(
        world, _get_task(world, corp, "moment_id", body.get("moment_id")), body
    )
    return ok(
        {
            "task_list": [
                {
                    "userid": row["userid"],
                    "publish_status": PUBLISHED if row["confirmed"] else NOT_PUBLISHED,
                }
                for row in rows
            ],
            "next_cursor": next_cursor,
        }
    )
