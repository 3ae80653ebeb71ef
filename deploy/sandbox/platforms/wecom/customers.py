import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from deploy.sandbox import tokens
from deploy.sandbox.apps import find_app
from deploy.sandbox.platforms.wecom.corp import (
    BAD_CORP,
    BAD_SECRET,
    NO_RELATION,
    PARAMETER,
    UNKNOWN_CUSTOMER,
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

BAD_TAG = 40068
BAD_CONTACT_WAY = 41044
NOT_A_FOLLOWER = 40131
SAME_PERSON = 40130
TRANSFER_IN_PROGRESS = 40129
TOO_OFTEN = 40128
TAKER_FULL = 40099
BAD_WELCOME_CODE = 41050

TYPES = {1: 1, 2: 100}
SCENE_QR = 2
MAX_STATE = 30
MAX_TAG_NAME = 30
MAX_TRANSFER = 100
TRANSFER_SECONDS = 86_400
TRANSFER_WINDOW_SECONDS = 90 * 86_400
TRANSFERS_IN_WINDOW = 2
WELCOME_SECONDS = 20

router = APIRouter()


@router.get("/gettoken")
async def gettoken(world: InWorld, corpid: str = "", corpsecret: str = "") -> Response:
    """The same token for as long as it is valid."""
    corp = find_app(world, "wecom", corpid)
    if corp is None:
        raise Refusal(BAD_CORP, "invalid corpid")
    if corp["secret"] != corpsecret:
        raise Refusal(BAD_SECRET, "invalid credential")
    now = world.now()
    valid = tokens.find_valid(world, "access", platform="wecom", app_id=corpid)
    if valid is not None:
        return ok({"access_token": valid["token"], "expires_in": int(valid["expires_at"] - now)})
    with world.db:
        token = tokens.issue(
            world,
            "access",
            platform="wecom",
            app_id=corpid,
            expires_at=now + corp["token_seconds"],
        )
    return ok({"access_token": token, "expires_in": int(corp["token_seconds"])})


@router.post("/externalcontact/add_contact_way")
async def add_contact_way(world: InWorld, corp: Corp, body: Posted) -> Response:
    users, state = strings(body, "user"), body.get("state", "")
    if body.get("type") not in TYPES or body.get("scene") not in (1, SCENE_QR):
        raise Refusal(PARAMETER, "invalid type or scene")
    if not isinstance(state, str) or len(state) > MAX_STATE:
        raise Refusal(PARAMETER, "state too long")
    if not 1 <= len(users) <= TYPES[body["type"]]:
        raise Refusal(PARAMETER, "invalid user count")
    with world.db:
        for userid in users:
            get_member(world, corp, userid)
        config_id = world.fresh("contact_way")
        qr_code = f"{world.settings.base_url}/wecom/qr/{config_id}"
        world.db.execute(
            "INSERT INTO contact_way (config_id, corp_id, state, body, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (config_id, corp["app_id"], state, json.dumps(body), world.now()),
        )
    answer = {"config_id": config_id}
    return ok({**answer, "qr_code": qr_code} if body["scene"] == SCENE_QR else answer)


@router.post("/externalcontact/get_contact_way")
async def get_contact_way(world: InWorld, corp: Corp, body: Posted) -> Response:
    row = world.db.execute(
        "SELECT * FROM contact_way WHERE corp_id = ? AND config_id = ?",
        (corp["app_id"], body.get("config_id")),
    ).fetchone()
    if row is None:
        raise Refusal(BAD_CONTACT_WAY, "invalid config_id")
    return ok({"contact_way": {"config_id": row["config_id"], **json.loads(row["body"])}})


@router.post("/externalcontact/list_contact_way")
async def list_contact_way(world: InWorld, corp: Corp, body: Posted) -> Response:
    limit = whole_number(body, "limit", 100, 1000)
    rows = world.db.execute(
        "SELECT * FROM contact_way WHERE corp_id = ? AND seq > ?"
        " AND created_at BETWEEN ? AND ? ORDER BY seq LIMIT ?",
        (
            corp["app_id"],
            cursor_of(body),
            body.get("start_time", 0),
            body.get("end_time", world.now()),
            limit,
        ),
    ).fetchall()
    return ok(
        {
            "contact_way": [{"config_id": row["config_id"]} for row in rows],
            "next_cursor": str(rows[-1]["seq"]) if len(rows) == limit else "",
        }
    )


@router.get("/externalcontact/get_follow_user_list")
async def get_follow_user_list(world: InWorld, corp: Corp) -> Response:
    rows = world.db.execute(
        "SELECT handle FROM account WHERE platform = 'wecom' AND app_id = ? ORDER BY handle",
        (corp["app_id"],),
    )
    return ok({"follow_user": [row["handle"] for row in rows]})


@router.get("/externalcontact/list")
async def list_customers(world: InWorld, corp: Corp, userid: str = "") -> Response:
    with world.db:
        get_member(world, corp, userid)
    rows = world.db.execute(
        "SELECT external_userid FROM follow WHERE corp_id = ? AND userid = ? ORDER BY seq",
        (corp["app_id"], userid),
    ).fetchall()
    if not rows:
        raise Refusal(NO_RELATION, "not external contact")
    return ok({"external_userid": [row["external_userid"] for row in rows]})


@router.get("/externalcontact/get")
async def get_customer(world: InWorld, corp: Corp, external_userid: str = "") -> Response:
    customer = world.db.execute(
        "SELECT * FROM customer WHERE corp_id = ? AND external_userid = ?",
        (corp["app_id"], external_userid),
    ).fetchone()
    if customer is None:
        raise Refusal(UNKNOWN_CUSTOMER, "invalid external_userid")
    follows = world.db.execute(
        "SELECT * FROM follow WHERE corp_id = ? AND external_userid = ? ORDER BY seq",
        (corp["app_id"], external_userid),
    )
    tags = {
        row["tag_id"]: row
        for row in world.db.execute("SELECT * FROM corp_tag WHERE corp_id = ?", (corp["app_id"],))
    }
    return ok(
        {
            "external_contact": {
                "external_userid": external_userid,
                "name": customer["name"],
                "avatar": "",
                "type": 1,
                "gender": 0,
                "unionid": "oU" + external_userid[-26:],
            },
            "follow_user": [_follow(row, tags) for row in follows],
        }
    )


def _follow(row: sqlite3.Row, tags: Mapping[str, sqlite3.Row]) -> dict[str, Any]:
    return {
        "userid": row["userid"],
        "remark": "",
        "description": "",
        "createtime": int(row["created_at"]),
        "tags": [
            {
                "group_name": tags[tag_id]["group_name"],
                "tag_name": tags[tag_id]["name"],
                "tag_id": tag_id,
                "type": 1,
            }
            for tag_id in json.loads(row["tags"])
        ],
        "remark_mobiles": [row["mobile"]] if row["mobile"] else [],
        "oper_userid": row["userid"],
        "add_way": row["add_way"],
        "state": row["state"],
    }


@router.post("/externalcontact/add_corp_tag")
async def add_corp_tag(world: InWorld, corp: Corp, body: Posted) -> Response:
    given = body.get("tag")
    names = [tag.get("name") if isinstance(tag, dict) else None for tag in given or ()]
    if not names or not all(isinstance(n, str) and 0 < len(n) <= MAX_TAG_NAME for n in names):
        raise Refusal(PARAMETER, "invalid tag name")
    with world.db:
        group = world.db.execute(
            "SELECT group_id, group_name FROM corp_tag"
            " WHERE corp_id = ? AND (group_id = ? OR group_name = ?)",
            (corp["app_id"], body.get("group_id"), body.get("group_name")),
        ).fetchone()
        group_id = group["group_id"] if group else "etg" + world.fresh("tag_group")[:24]
        group_name = group["group_name"] if group else body.get("group_name", "")
        for name in names:
            world.db.execute(
                "INSERT INTO corp_tag (corp_id, tag_id, group_id, group_name, name)"
                " VALUES (?, ?, ?, ?, ?)",
                (corp["app_id"], "et" + world.fresh("tag")[:24], group_id, group_name, name),
            )
    return ok({"tag_group": _tag_groups(world, corp["app_id"], {group_id})[0]})


@router.post("/externalcontact/get_corp_tag_list")
async def get_corp_tag_list(world: InWorld, corp: Corp, body: Posted) -> Response:
    return ok({"tag_group": _tag_groups(world, corp["app_id"], set(strings(body, "group_id")))})


def _tag_groups(world: World, corp_id: str, group_ids: set[str]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for row in world.db.execute(
        "SELECT * FROM corp_tag WHERE corp_id = ? ORDER BY seq", (corp_id,)
    ):
        if group_ids and row["group_id"] not in group_ids:
            continue
        group = groups.setdefault(
            row["group_id"],
            {
                "group_id": row["group_id"],
                "group_name": row["group_name"],
                "order": 0,
                "tag": [],
            },
        )
        group["tag"].append({"id": row["tag_id"], "name": row["name"], "order": 0})
    return list(groups.values())


@router.post("/externalcontact/mark_tag")
async def mark_tag(world: InWorld, corp: Corp, body: Posted) -> Response:
    key = (corp["app_id"], body.get("userid"), body.get("external_userid"))
    add, remove = strings(body, "add_tag"), strings(body, "remove_tag")
    known = {
        row["tag_id"]
        for row in world.db.execute(
            "SELECT tag_id FROM corp_tag WHERE corp_id = ?", (corp["app_id"],)
        )
    }
    if (not add and not remove) or not {*add, *remove} <= known:
        raise Refusal(BAD_TAG, "invalid tag id")
    with world.db:
        row = world.db.execute(
            "SELECT tags FROM follow WHERE corp_id = ? AND userid = ? AND external_userid = ?", key
        ).fetchone()
        if row is None:
            raise Refusal(NO_RELATION, "not external contact")
        tags = [tag for tag in json.loads(row["tags"]) if tag not in remove]
        tags += [tag for tag in dict.fromkeys(add) if tag not in tags]
        world.db.execute(
            "UPDATE follow SET tags = ? WHERE corp_id = ? AND userid = ? AND external_userid = ?",
            (json.dumps(tags), *key),
        )
    return ok()


@router.post("/externalcontact/transfer_customer")
async def transfer_customer(world: InWorld, corp: Corp, body: Posted) -> Response:
    """Accepted customers move after 24 hours of the sandbox clock."""
    handover, takeover = body.get("handover_userid", ""), body.get("takeover_userid", "")
    wanted = strings(body, "external_userid")
    if not 1 <= len(wanted) <= MAX_TRANSFER:
        raise Refusal(PARAMETER, "invalid external_userid count")
    if handover == takeover:
        raise Refusal(SAME_PERSON, "handover and takeover are the same")
    with world.db:
        for userid in (handover, takeover):
            get_member(world, corp, userid)
        _settle_transfers(world, corp)
        answers = [
            {
                "external_userid": external_userid,
                "errcode": _begin_transfer(world, corp, external_userid, handover, takeover),
            }
            for external_userid in wanted
        ]
    return ok({"customer": answers})


def _begin_transfer(
    world: World, corp: Mapping[str, Any], external_userid: str, handover: str, takeover: str
) -> int:
    now, corp_id = world.now(), corp["app_id"]
    follows = world.db.execute(
        "SELECT 1 FROM follow WHERE corp_id = ? AND userid = ? AND external_userid = ?",
        (corp_id, handover, external_userid),
    ).fetchone()
    if follows is None:
        return NOT_A_FOLLOWER
    moves = [
        row["at"]
        for row in world.db.execute(
            "SELECT at FROM transfer WHERE corp_id = ? AND external_userid = ? AND at > ?",
            (corp_id, external_userid, now - TRANSFER_WINDOW_SECONDS),
        )
    ]
    if any(now < at + TRANSFER_SECONDS for at in moves):
        return TRANSFER_IN_PROGRESS
    if len(moves) >= TRANSFERS_IN_WINDOW:
        return TOO_OFTEN
    if takeover in corp["full_members"]:
        return TAKER_FULL
    world.db.execute(
        "INSERT INTO transfer (corp_id, external_userid, handover, takeover, at)"
        " VALUES (?, ?, ?, ?, ?)",
        (corp_id, external_userid, handover, takeover, now),
    )
    return 0


def _settle_transfers(world: World, corp: Mapping[str, Any]) -> None:
    """Moves the customers whose 24 hours are over and who did not refuse; a taker who has the
    customer keeps one."""
    corp_id = corp["app_id"]
    for row in world.db.execute(
        "UPDATE transfer SET settled = 1 WHERE corp_id = ? AND at <= ? AND NOT settled RETURNING *",
        (corp_id, world.now() - TRANSFER_SECONDS),
    ).fetchall():
        if row["external_userid"] in corp["refusing_customers"]:
            continue
        world.db.execute(
            "UPDATE OR REPLACE follow SET userid = ?"
            " WHERE corp_id = ? AND userid = ? AND external_userid = ?",
            (row["takeover"], corp_id, row["handover"], row["external_userid"]),
        )


@router.post("/externalcontact/transfer_result")
async def transfer_result(world: InWorld, corp: Corp, body: Posted) -> Response:
    with world.db:
        _settle_transfers(world, corp)
    rows = world.db.execute(
        "SELECT * FROM transfer WHERE corp_id = ? AND handover = ? AND takeover = ? ORDER BY seq",
        (corp["app_id"], body.get("handover_userid"), body.get("takeover_userid")),
    )
    done, waiting, refused = 1, 2, 3

    def status(row: sqlite3.Row) -> int:
        if row["at"] + TRANSFER_SECONDS > world.now():
            return waiting
        return refused if row["external_userid"] in corp["refusing_customers"] else done

    return ok(
        {
            "customer": [
                {
                    "external_userid": row["external_userid"],
                    "status": status(row),
                    "takeover_time": int(row["at"] + TRANSFER_SECONDS),
                }
                for row in rows
            ],
            "next_cursor": "",
        }
    )


@router.post("/externalcontact/send_welcome_msg")
async def send_welcome_msg(world: InWorld, corp: Corp, body: Posted) -> Response:
    with world.db:
        used = world.db.execute(
            "UPDATE welcome SET used = 1"
            " WHERE code = ? AND corp_id = ? AND used = 0 AND expires_at > ?",
            (body.get("welcome_code"), corp["app_id"], world.now()),
        ).rowcount
    if not used:
        raise Refusal(BAD_WELCOME_CODE, "invalid welcome code")
    return ok()


def issue_welcome_code(world: World, corp_id: str) -> str:
    """Lives 20 seconds and greets once; within the caller's transaction."""
    code = "CALLBACK_CODE_" + world.fresh("welcome")
    world.db.execute(
        "INSERT INTO welcome (code, corp_id, expires_at) VALUES (?, ?, ?)",
        (code, corp_id, world.now() + WELCOME_SECONDS),
    )
    return code
