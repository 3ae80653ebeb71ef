"""Tokens and authorisation codes that the platforms gave out."""

import sqlite3
from typing import Any, Literal

from deploy.sandbox.world import World, digest

CODE_SECONDS = 600
DOUYIN_SCOPE = "user_info,video.create.bind,video.data.bind,item.comment,im.direct_message"
Kind = Literal["access", "refresh", "client"]

PREFIX: dict[Kind, str] = {"access": "act.", "refresh": "rft.", "client": "clt."}


def issue(
    world: World,
    kind: Kind,
    *,
    platform: str,
    app_id: str,
    platform_id: str = "",
    scope: str = "",
    expires_at: float,
    renewals: int = 0,
) -> str:
    """Within the caller's transaction."""
    token = PREFIX[kind] + world.fresh("token") + digest(platform, app_id, platform_id)[:8]
    world.db.execute(
        "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (token, platform, kind, app_id, platform_id, scope, expires_at, renewals),
    )
    return token


def find(world: World, token: str, kind: Kind, *, platform: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = world.db.execute(
        "SELECT * FROM token WHERE token = ? AND kind = ? AND platform = ?",
        (token, kind, platform),
    ).fetchone()
    return row


def find_valid(world: World, kind: Kind, *, platform: str, app_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = world.db.execute(
        "SELECT * FROM token WHERE platform = ? AND kind = ? AND app_id = ? AND expires_at > ?",
        (platform, kind, app_id, world.now()),
    ).fetchone()
    return row


def cut_short(world: World, token: str, expires_at: float) -> None:
    world.db.execute(
        "UPDATE token SET expires_at = min(expires_at, ?) WHERE token = ?", (expires_at, token)
    )


def issue_code(world: World, *, platform: str, app_id: str, platform_id: str, scope: str) -> str:
    code = world.fresh("code")
    world.db.execute(
        "INSERT INTO grant_code VALUES (?, ?, ?, ?, ?, ?, 0)",
        (code, platform, app_id, platform_id, scope, world.now() + CODE_SECONDS),
    )
    return code


def redeem_code(world: World, code: str, *, platform: str, app_id: str) -> sqlite3.Row | None:
    """The grant, once, within ten minutes; None afterwards and for another app's code."""
    row: sqlite3.Row | None = world.db.execute(
        "UPDATE grant_code SET used = 1 WHERE code = ? AND platform = ? AND app_id = ?"
        " AND used = 0 AND expires_at > ? RETURNING *",
        (code, platform, app_id, world.now()),
    ).fetchone()
    return row


def grant_douyin(world: World, app: dict[str, Any], open_id: str, scope: str) -> dict[str, Any]:
    """What the seller's consent gives the app; within the caller's transaction."""
    now = world.now()
    access_token = issue(
        world,
        "access",
        platform="douyin",
        app_id=app["app_id"],
        platform_id=open_id,
        scope=scope,
        expires_at=now + app["access_seconds"],
    )
    refresh_token = issue(
        world,
        "refresh",
        platform="douyin",
        app_id=app["app_id"],
        platform_id=open_id,
        scope=scope,
        expires_at=now + app["refresh_seconds"],
    )
    return {
        "access_token": access_token,
        "expires_in": int(app["access_seconds"]),
        "refresh_token": refresh_token,
        "refresh_expires_in": int(app["refresh_seconds"]),
        "open_id": open_id,
        "scope": scope,
    }
