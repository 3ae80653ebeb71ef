"""The two envelopes of Douyin's answers: HTTP is 200 whatever happens, 0 is success."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from deploy.sandbox.world import World, get_world

OK = 0
PARAMETER = 10005
NO_PERMISSION = 10004
REFRESH_EXPIRED = 10010
RENEW_LIMIT = 10020
ACCESS_EXPIRED = 2190008
ACCESS_INVALID = 28001003


class Refusal(Exception):
    def __init__(self, code: int, description: str) -> None:
        self.code = code
        self.description = description


async def refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    if request.url.path.startswith("/oauth/"):
        return oauth_answer({}, code=refusal.code, description=refusal.description)
    return content_answer(
        get_world(request), {}, code=refusal.code, description=refusal.description
    )


def oauth_answer(data: Mapping[str, Any], *, code: int = OK, description: str = "") -> Response:
    return JSONResponse(
        {
            "data": {**data, "error_code": code, "description": description},
            "message": "success" if code == OK else "error",
        }
    )


def content_answer(
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


async def json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(PARAMETER, "请求体不是JSON对象")
    return body


async def posted_fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").startswith("application/json"):
        return {k: str(v) for k, v in (await json_object(request)).items()}
    return {k: v for k, v in (await request.form()).items() if isinstance(v, str)}
