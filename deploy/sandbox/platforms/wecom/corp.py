"""Who calls: the corp behind an access token, its members, and the form of every answer."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response

from deploy.sandbox import posts, tokens
from deploy.sandbox.apps import find_app
from deploy.sandbox.personas import GIVEN_NAMES, SURNAMES
from deploy.sandbox.world import InWorld, World

PARAMETER = 40058
BAD_SECRET = 40001
BAD_CORP = 40013
BAD_TOKEN = 40014
TOKEN_EXPIRED = 42001
UNKNOWN_USER = 60111
UNKNOWN_CUSTOMER = 40096
NO_RELATION = 84061

ADDED_BY_QR = 1


class Refusal(Exception):
    def __init__(self, errcode: int, errmsg: str) -> None:
        self.errcode = errcode
        self.errmsg = errmsg


async def refuse(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return JSONResponse({"errcode": refusal.errcode, "errmsg": refusal.errmsg})


def ok(data: Mapping[str, Any] | None = None) -> Response:
    return JSONResponse({"errcode": 0, "errmsg": "ok", **(data or {})})


async def calling_corp(world: InWorld, request: Request) -> dict[str, Any]:
    token = tokens.find(
        world, request.query_params.get("access_token", ""), "access", platform="wecom"
    )
    if token is None:
        raise Refusal(BAD_TOKEN, "invalid access_token")
    if token["expires_at"] <= world.now():
        raise Refusal(TOKEN_EXPIRED, "access_token expired")
    corp = find_app(world, "wecom", token["app_id"])
    if corp is None:
        raise Refusal(BAD_CORP, "invalid corpid")
    return corp


async def posted(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(PARAMETER, "Warning: wrong json format.")
    return body


Corp = Annotated[dict[str, Any], Depends(calling_corp)]
Posted = Annotated[dict[str, Any], Depends(posted)]


def get_member(world: World, corp: Mapping[str, Any], userid: str) -> str:
    """Within the caller's transaction. In an open corp, first mention makes the member."""
    known = world.db.execute(
        "SELECT 1 FROM account WHERE platform = 'wecom' AND handle = ? AND app_id = ?",
        (userid, corp["app_id"]),
    ).fetchone()
    if known is None:
        if corp["closed_membership"] or not userid:
            raise Refusal(UNKNOWN_USER, f"userid not found: {userid}")
        admit_member(world, corp, userid)
    return userid


def admit_member(world: World, corp: Mapping[str, Any], userid: str) -> None:
    """Registers the member with the customers and groups it brought along; repeatable."""
    posts.ensure_account(world, "wecom", userid, corp["app_id"])
    for n in range(corp["customers_per_member"]):
        dice = world.dice("customer", corp["app_id"], userid, n)
        external_userid = f"wm{dice.getrandbits(120):030x}"
        name = dice.choice(SURNAMES) + dice.choice(GIVEN_NAMES)
        add_customer(world, corp["app_id"], userid, external_userid, name=name, state="")
    for n in range(corp["groups_per_member"]):
        dice = world.dice("group", corp["app_id"], userid, n)
        world.db.execute(
            "INSERT INTO group_chat (corp_id, chat_id, owner, name, created_at)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                corp["app_id"],
                f"wr{dice.getrandbits(120):030x}",
                userid,
                f"福利群{n + 1}",
                world.now(),
            ),
        )


def add_customer(
    world: World,
    corp_id: str,
    userid: str,
    external_userid: str,
    *,
    name: str,
    state: str,
    mobile: str = "",
) -> None:
    """Within the caller's transaction; adding a member again changes nothing."""
    world.db.execute(
        "INSERT INTO customer VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (corp_id, external_userid, name),
    )
    world.db.execute(
        "INSERT INTO follow (corp_id, userid, external_userid, state, add_way, mobile, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (corp_id, userid, external_userid, state, ADDED_BY_QR, mobile, world.now()),
    )


def whole_number(body: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or not 1 <= value <= most:
        raise Refusal(PARAMETER, f"invalid {name}")
    return value


def cursor_of(body: Mapping[str, Any]) -> int:
    cursor = body.get("cursor") or "0"
    if not isinstance(cursor, str) or not cursor.isdecimal():
        raise Refusal(PARAMETER, "invalid cursor")
    return int(cursor)


def strings(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal(PARAMETER, f"invalid {name}")
    return value
