"""Ocean Engine's OAuth and clue list, and Feiyu's signed clue pull: two views on the same clues."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from deploy.sandbox import tokens
from deploy.sandbox.apps import find_app
from deploy.sandbox.signing import feiyu_signature
from deploy.sandbox.world import InWorld, World

# Only that 0 is success is sure; these codes are from memory of the platform's documentation.
PARAMETER = 40001
TOKEN_EXPIRED = 40102
TOKEN_INVALID = 40105

BEIJING = timezone(timedelta(hours=8))
FEIYU_PATH = "/crm/v2/openapi/pull-clues/"
FEIYU_CALLBACK_PATH = "/crm/v2/openapi/clue/callback/"
MAX_PAGE_SIZE = 100
FEIYU_DEFAULT_PAGE_SIZE = 10
FEIYU_MAX_RANGE_SECONDS = 7 * 86_400
# Feiyu has its own spelling and its own names for some of the fields.
FEIYU_NAMES = {
    "telephone": "telphone",
    "advertiser_id": "adv_id",
    "advertiser_name": "adv_name",
    "promotion_id": "ad_plan_id",
}

router = APIRouter(tags=["oceanengine"])


def add_clue(world: World, body: Mapping[str, Any]) -> None:
    """Within the caller's transaction; the same clue_id again changes nothing."""
    world.db.execute(
        "INSERT INTO clue (clue_id, advertiser_id, body, created_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (
            body["clue_id"],
            body["advertiser_id"],
            json.dumps(body, ensure_ascii=False),
            world.now(),
        ),
    )


def _answer(world: World, data: Any, *, code: int = 0, message: str = "OK") -> Response:
    return JSONResponse(
        {
            "code": code,
            "message": message,
            "data": data,
            "request_id": f"{int(world.now() * 1000):X}",
        }
    )


def _token_pair(world: World, app: Mapping[str, Any]) -> dict[str, Any]:
    """Within the caller's transaction."""

    def token(kind: Literal["access", "refresh"]) -> str:
        ends_at = world.now() + app[f"{kind}_seconds"]
        return tokens.issue(
            world, kind, platform="oceanengine", app_id=app["app_id"], expires_at=ends_at
        )

    return {
        "access_token": token("access"),
        "expires_in": int(app["access_seconds"]),
        "refresh_token": token("refresh"),
        "refresh_token_expires_in": int(app["refresh_seconds"]),
        "advertiser_ids": app["advertiser_ids"],
    }


async def _posted(request: Request) -> dict[str, Any]:
    """The body, empty when it is no JSON object: then every field is missing."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


@router.post("/open_api/oauth2/{step}/")
async def oauth2(world: InWorld, request: Request, step: str) -> Response:
    body = await _posted(request)
    app = find_app(world, "oceanengine", str(body.get("app_id", "")))
    if app is None or body.get("secret") != app["secret"]:
        return _answer(world, {}, code=PARAMETER, message="app_id或secret错误")
    with world.db:
        if step == "access_token" and body.get("grant_type") == "auth_code":
            grant = tokens.redeem_code(
                world,
                str(body.get("auth_code", "")),
                platform="oceanengine",
                app_id=app["app_id"],
            )
            if grant is not None:
                return _answer(world, _token_pair(world, app))
        elif step == "refresh_token" and body.get("grant_type") == "refresh_token":
            old = tokens.find(
                world, str(body.get("refresh_token", "")), "refresh", platform="oceanengine"
            )
            if old and old["app_id"] == app["app_id"] and old["expires_at"] > world.now():
                # Refreshing rotates: the old pair dies with the answer, read or not.
                world.db.execute(
                    "UPDATE token SET expires_at = min(expires_at, ?)"
                    " WHERE platform = 'oceanengine' AND app_id = ?",
                    (world.now(), app["app_id"]),
                )
                return _answer(world, _token_pair(world, app))
    return _answer(world, {}, code=PARAMETER, message="授权码或refresh_token无效")


def _refused(world: World, request: Request, advertiser_ids: list[Any]) -> Response | None:
    token = tokens.find(
        world, request.headers.get("access-token", ""), "access", platform="oceanengine"
    )
    if token is None:
        return _answer(world, {}, code=TOKEN_INVALID, message="access_token无效")
    if token["expires_at"] <= world.now():
        return _answer(world, {}, code=TOKEN_EXPIRED, message="access_token已过期")
    app = find_app(world, "oceanengine", token["app_id"])
    if app is None or not set(advertiser_ids) <= set(app["advertiser_ids"]):
        return _answer(world, {}, code=PARAMETER, message="无广告主权限")
    return None


def _whole(text: str) -> int:
    """The number, or 0, which no parameter allows."""
    return int(text) if text.isdecimal() else 0


def _seconds(text: str, *, end: bool = False) -> float | None:
    """Unix seconds, `2026-03-01 10:00:00` or a date (its end when it closes a range)."""
    if text.isdecimal():
        return float(text)
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=BEIJING)
    except ValueError:
        return None
    whole_day = len(text) == len("2026-03-01")
    return (at + timedelta(days=1 if end and whole_day else 0)).timestamp()


def _clues(world: World, advertiser_ids: list[int], start: float, end: float) -> list[sqlite3.Row]:
    marks = ", ".join("?" * len(advertiser_ids))
    return world.db.execute(
        f"SELECT * FROM clue WHERE advertiser_id IN ({marks})"
        " AND created_at >= ? AND created_at < ? ORDER BY seq",
        (*advertiser_ids, start, end),
    ).fetchall()


@router.get("/open_api/2/tools/clue/get/")
async def clue_get(world: InWorld, request: Request) -> Response:
    query = request.query_params
    try:
        advertiser_ids = [int(item) for item in json.loads(query.get("advertiser_ids", ""))]
    except (ValueError, TypeError):
        return _answer(world, {}, code=PARAMETER, message="参数错误")
    page, size = _whole(query.get("page", "1")), _whole(query.get("page_size", "10"))
    start, end = (
        _seconds(query.get("start_time", "")),
        _seconds(query.get("end_time", ""), end=True),
    )
    if start is None or end is None or page < 1 or not 1 <= size <= MAX_PAGE_SIZE:
        return _answer(world, {}, code=PARAMETER, message="参数错误")
    if refused := _refused(world, request, advertiser_ids):
        return refused
    rows = _clues(world, advertiser_ids, start, end)
    return _answer(
        world,
        {
            "list": [json.loads(row["body"]) for row in rows[(page - 1) * size : page * size]],
            "page_info": {
                "page": page,
                "page_size": size,
                "total_number": len(rows),
                "total_page": -(-len(rows) // size),
            },
        },
    )


@router.post("/open_api/2/tools/clue/callback/")
async def clue_callback(world: InWorld, request: Request) -> Response:
    body = await _posted(request)
    advertiser_ids = body.get("advertiser_ids")
    if not isinstance(advertiser_ids, list):
        return _answer(world, {}, code=PARAMETER, message="参数错误")
    if refused := _refused(world, request, advertiser_ids):
        return refused
    if not _return_state(world, body):
        return _answer(world, {}, code=PARAMETER, message="clue_id不存在")
    return _answer(world, {})


def _return_state(world: World, data: Mapping[str, Any]) -> bool:
    """Keeps what the product tells of a clue; False when there is no such clue."""
    with world.db:
        changed = world.db.execute(
            "UPDATE clue SET convert_state = ? WHERE clue_id = ?",
            (str(data.get("clue_convert_state")), str(data.get("clue_id"))),
        ).rowcount
    return changed > 0


def _feiyu_account(world: World, request: Request, signed_path: str) -> dict[str, Any] | None:
    account = find_app(world, "feiyu", request.headers.get("access-token", ""))
    if account is None:
        return None
    expected = feiyu_signature(account["secret"], signed_path, request.headers.get("timestamp", ""))
    return account if request.headers.get("signature") == expected else None


def _feiyu_refusal(message: str) -> Response:
    return JSONResponse({"status": "fail", "msg": message, "count": 0, "data": []})


@router.get(FEIYU_PATH)
async def pull_clues(world: InWorld, request: Request) -> Response:
    query = request.query_params
    start_text, end_text = query.get("start_time", ""), query.get("end_time", "")
    account = _feiyu_account(
        world, request, f"{FEIYU_PATH}?start_time={start_text}&end_time={end_text}"
    )
    if account is None:
        return _feiyu_refusal("signature error")
    start, end = _seconds(start_text), _seconds(end_text, end=True)
    page = _whole(query.get("page", "1"))
    size = _whole(query.get("page_size", str(FEIYU_DEFAULT_PAGE_SIZE)))
    if (
        start is None
        or end is None
        or end - start > FEIYU_MAX_RANGE_SECONDS
        or page < 1
        or not 1 <= size <= MAX_PAGE_SIZE
    ):
        return _feiyu_refusal("parameter error")
    rows = _clues(world, account["advertiser_ids"], start, end)
    return JSONResponse(
        {
            "status": "success",
            "count": len(rows),
            "data": [_feiyu_clue(row) for row in rows[(page - 1) * size : page * size]],
        }
    )


def _feiyu_clue(row: sqlite3.Row) -> dict[str, Any]:
    clue = {FEIYU_NAMES.get(k, k): v for k, v in json.loads(row["body"]).items()}
    created = datetime.fromtimestamp(row["created_at"], BEIJING)
    return {
        **clue,
        "create_time": int(row["created_at"]),
        "date": created.strftime("%Y-%m-%d"),
        "store_id": clue["store"]["store_code"],
        "store_name": clue["store"]["store_name"],
    }


@router.post(FEIYU_CALLBACK_PATH)
async def feiyu_callback(world: InWorld, request: Request) -> Response:
    if _feiyu_account(world, request, FEIYU_CALLBACK_PATH) is None:
        return _feiyu_refusal("signature error")
    data = (await _posted(request)).get("data")
    if not isinstance(data, dict) or not _return_state(world, data):
        return _feiyu_refusal("clue_id not found")
    return JSONResponse({"status": "success"})
