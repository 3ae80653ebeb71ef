"""Faults on demand: which call or hook is hit, and what a hit call gets for an answer.

The n-th call that a rule matches is hit by a draw from (seed, n) alone, so the same seed hits the
same calls however long they take.
"""

import asyncio
import json
import os
import random
import socket
import sqlite3
import struct
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Literal
from urllib.parse import parse_qs

from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deploy.sandbox.world import World, digest

APPLIED = Counter("sandbox_faults_applied", "Calls and hooks hit by a fault", ["kind"])


class Kind(StrEnum):
    DELAY = "delay"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    GONE = "gone"
    PLATFORM_ERROR = "platform_error"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a kind of fault, not a token
    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"
    CONNECTION_RESET = "connection_reset"
    GARBAGE_BODY = "garbage_body"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    BAD_SIGNATURE = "bad_signature"
    LOST = "lost"


HOOK_KINDS = {
    Kind.DELAY,
    Kind.GARBAGE_BODY,
    Kind.DUPLICATE,
    Kind.REORDER,
    Kind.BAD_SIGNATURE,
    Kind.LOST,
}
CALL_KINDS = set(Kind) - (HOOK_KINDS - {Kind.DELAY, Kind.GARBAGE_BODY})
# A call or hook that one of these hits is over: no later rule sees it.
ENDING_KINDS = set(Kind) - {
    Kind.DELAY,
    Kind.TOKEN_EXPIRED,
    Kind.DUPLICATE,
    Kind.REORDER,
    Kind.BAD_SIGNATURE,
}
PLATFORMS_WITH_CODES = {"douyin", "wecom", "oceanengine", "feiyu"}

PLATFORM_OF_PATH = {
    "/oauth/": "douyin",
    "/api/douyin/": "douyin",
    "/item/": "douyin",
    "/data/external/": "douyin",
    "/douyin/": "douyin",
    "/cgi-bin/": "wecom",
    "/wecom/": "wecom",
    "/open_api/": "oceanengine",
    "/crm/": "feiyu",
    "/xhs/": "xiaohongshu",
    "/channels/": "channels",
}


class Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    direction: Literal["calls", "hooks"] = "calls"
    kind: Kind
    platform: str | None = None
    route: str | None = None
    probability: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)
    skip: int = Field(default=0, ge=0)
    seed: int = 0
    delay_seconds: float = Field(default=1, ge=0, le=600)
    retry_after_seconds: int = Field(default=1, ge=0)
    hold_seconds: float = Field(default=30, ge=0, le=600)
    code: int | None = None

    @model_validator(mode="after")
    def _kind_fits(self) -> "Rule":
        allowed = CALL_KINDS if self.direction == "calls" else HOOK_KINDS
        if self.kind not in allowed:
            raise ValueError(f"{self.kind} is no fault of {self.direction}")
        if self.kind is Kind.PLATFORM_ERROR and (
            self.code is None or self.platform not in PLATFORMS_WITH_CODES
        ):
            raise ValueError(f"platform_error needs code and one of {PLATFORMS_WITH_CODES}")
        return self


class RuleOut(Rule):
    id: int
    seen: int
    fired: int


def add_rule(db: sqlite3.Connection, rule: Rule) -> RuleOut:
    with db:
        row = db.execute(
            "INSERT INTO fault (rule) VALUES (?) RETURNING id", (rule.model_dump_json(),)
        ).fetchone()
    return RuleOut(id=row["id"], seen=0, fired=0, **rule.model_dump())


def list_rules(db: sqlite3.Connection) -> list[RuleOut]:
    return [
        RuleOut(id=row["id"], seen=row["seen"], fired=row["fired"], **json.loads(row["rule"]))
        for row in db.execute("SELECT * FROM fault ORDER BY id")
    ]


def draw(
    db: sqlite3.Connection, direction: Literal["calls", "hooks"], platform: str, route: str
) -> list[Rule]:
    """The rules that hit this call or hook; counts it for every rule that matches."""
    hit: list[Rule] = []
    with db:
        for rule in list_rules(db):
            if (
                rule.direction != direction
                or rule.platform not in (None, platform)
                or not fnmatchcase(route, rule.route or "*")
            ):
                continue
            n = rule.seen + 1
            chance = random.Random(digest("fault", rule.seed, n)).random()
            fires = (
                n > rule.skip
                and chance < rule.probability
                and (rule.count is None or rule.fired < rule.count)
            )
            db.execute(
                "UPDATE fault SET seen = seen + 1, fired = fired + ? WHERE id = ?",
                (int(fires), rule.id),
            )
            if fires:
                APPLIED.labels(rule.kind).inc()
                hit.append(rule)
            if fires and rule.kind in ENDING_KINDS:
                break
    return hit


def platform_of(method: str, path: str) -> str | None:
    if path.startswith("/scrm/"):
        return "scrm" if method == "POST" else None
    return next((p for prefix, p in PLATFORM_OF_PATH.items() if path.startswith(prefix)), None)


def platform_error(platform: str, code: int) -> Response:
    """An error in the platform's own envelope; all of them answer HTTP 200."""
    text = "simulated fault"
    if platform == "wecom":
        return JSONResponse({"errcode": code, "errmsg": text})
    if platform == "douyin":
        return JSONResponse(
            {
                "data": {"error_code": code, "description": text},
                "extra": {"error_code": code, "description": text, "sub_error_code": 0},
                "message": "error",
            }
        )
    return JSONResponse({"code": code, "message": text, "data": {}, "request_id": "fault"})


class FaultMiddleware:
    """Applies the rules for calls. Outermost, so that a fault can take the connection itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        platform = platform_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if platform is None:
            await self.app(scope, receive, send)
            return
        try:
            await self._apply(platform, scope, receive, send)
        except asyncio.CancelledError:
            # Only a server that stops cancels: what a fault still holds ends without an answer.
            await _drop_connection(scope, receive)

    async def _apply(self, platform: str, scope: Scope, receive: Receive, send: Send) -> None:
        world: World = scope["state"]["world"]
        for rule in draw(world.db, "calls", platform, scope["path"]):
            if rule.kind is Kind.DELAY:
                await asyncio.sleep(rule.delay_seconds)
            elif rule.kind is Kind.TOKEN_EXPIRED:
                _expire_presented_token(world, scope)
            elif rule.kind is Kind.CONNECTION_RESET:
                # Read first: a caller still writing would take the reset for a plain end.
                while (await receive()).get("more_body"):
                    pass
                await _drop_connection(scope, receive)
                return
            elif rule.kind is Kind.TIMEOUT_AFTER_SUCCESS:
                await self.app(scope, receive, _discard)
                await asyncio.sleep(rule.hold_seconds)
                await _drop_connection(scope, receive)
                return
            else:
                await _refusal(rule, platform)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _refusal(rule: Rule, platform: str) -> Response:
    match rule.kind:
        case Kind.RATE_LIMITED:
            return Response(
                "too many requests", 429, headers={"Retry-After": str(rule.retry_after_seconds)}
            )
        case Kind.SERVER_ERROR:
            return Response("internal error", 500)
        case Kind.GONE:
            return Response("gone", 410)
        case Kind.PLATFORM_ERROR:
            return platform_error(platform, rule.code or 0)
        case Kind.GARBAGE_BODY:
            return Response(b'\xff{"data": <html>502', media_type="application/json")
        case _:
            raise AssertionError(rule.kind)


def _expire_presented_token(world: World, scope: Scope) -> None:
    query = parse_qs(scope["query_string"].decode())
    token = Headers(scope=scope).get("access-token") or query.get("access_token", [""])[0]
    with world.db:
        world.db.execute(
            "UPDATE token SET expires_at = ? WHERE token = ?", (world.now() - 1, token)
        )


async def _discard(message: Message) -> None:
    pass


async def _drop_connection(scope: Scope, receive: Receive) -> None:
    protocol: ResettableProtocol = scope["extensions"]["sandbox"]["protocol"]
    protocol.reset()
    while (await receive())["type"] != "http.disconnect":
        pass


class ResettableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, plus a way for the application to reset the TCP connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox": {"protocol": self}}

    def reset(self) -> None:
        # Linger 0 turns the close into an RST: "connection reset by peer", not a clean end.
        with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
