"""The control API; its contract is README.md beside this file."""

import time
from typing import Annotated, Any, Literal

import httpx
from fastapi import APIRouter, Body, Depends, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.sandbox import faults, leads, posts, tokens
from deploy.sandbox.apps import find_app, put_app
from deploy.sandbox.hooks import checks
from deploy.sandbox.hooks.connections import (
    Connection,
    find_connection,
    list_connections,
    put_connection,
)
from deploy.sandbox.hooks.delivery import Sender, get_delivery
from deploy.sandbox.hooks.wire import Message
from deploy.sandbox.platforms.wecom.corp import admit_member
from deploy.sandbox.population.plan import WaveIn
from deploy.sandbox.population.wave import list_leads, list_waves, open_wave, run_wave
from deploy.sandbox.store import forget_everything
from deploy.sandbox.world import InWorld, World, digest, instant

router = APIRouter(prefix="/sandbox", tags=["control"])
Limit = Annotated[int, Query(ge=1, le=10_000)]
AccountPlatform = Literal["douyin", "wecom", "xiaohongshu", "channels"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


def get_sender(request: Request) -> Sender:
    sender: Sender = request.state.sender
    return sender


WithSender = Annotated[Sender, Depends(get_sender)]


@router.post("/reset", status_code=204)
async def reset(world: InWorld) -> None:
    await world.stop_tasks()
    forget_everything(world.db)


class ClockIn(_Body):
    advance_seconds: float = Field(gt=0)


@router.get("/clock")
async def read_clock(world: InWorld) -> dict[str, Any]:
    now = world.now()
    return {"now": instant(now), "offset_seconds": round(now - time.time(), 3)}


@router.post("/clock")
async def advance_clock(world: InWorld, body: ClockIn) -> dict[str, Any]:
    with world.db:
        world.db.execute(
            "INSERT INTO meta VALUES ('clock_offset', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (body.advance_seconds,),
        )
    return await read_clock(world)


@router.put("/apps/{platform}/{app_id}")
async def register_app(
    world: InWorld, platform: str, app_id: str, settings: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    try:
        put_app(world, platform, app_id, settings)
    except KeyError:
        raise HTTPException(404, f"{platform} has no apps") from None
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    answer: dict[str, Any] = {"platform": platform, "app_id": app_id}
    if platform == "oceanengine":
        with world.db:
            answer["auth_code"] = tokens.issue_code(
                world, platform=platform, app_id=app_id, platform_id="", scope=""
            )
    return answer


class AccountIn(_Body):
    platform: AccountPlatform
    handle: str = Field(min_length=1)
    platform_id: str = ""
    app_id: str = ""
    nickname: str = ""
    city: str = ""
    store_code: str = ""
    channel_code: str = ""


class AccountsIn(_Body):
    accounts: list[AccountIn] = Field(max_length=5000)


@router.post("/accounts")
async def register_accounts(world: InWorld, body: AccountsIn) -> dict[str, Any]:
    with world.db:
        return {"accounts": [_register(world, account) for account in body.accounts]}


def _register(world: World, account: AccountIn) -> dict[str, Any]:
    app: dict[str, Any] | None = None
    if account.platform in ("douyin", "wecom"):
        app = find_app(world, account.platform, account.app_id)
        if app is None:
            raise HTTPException(422, f"{account.handle}: no {account.platform} app with this id")
    known_id = posts.ensure_account(world, account.platform, account.handle, account.app_id)
    platform_id = account.platform_id or known_id
    world.db.execute(
        "UPDATE account SET platform_id = ?, app_id = ?, nickname = ?, city = ?,"
        " store_code = ?, channel_code = ? WHERE platform = ? AND handle = ?",
        (
            platform_id,
            account.app_id,
            account.nickname or account.handle,
            account.city,
            account.store_code,
            account.channel_code,
            account.platform,
            account.handle,
        ),
    )
    granted = None
    if app is not None and account.platform == "douyin":
        granted = tokens.grant_douyin(world, app, platform_id, tokens.DOUYIN_SCOPE)
    elif app is not None:
        admit_member(world, app, account.handle)
    return {
        "platform": account.platform,
        "handle": account.handle,
        "platform_id": platform_id,
        "tokens": granted,
    }


@router.get("/accounts")
async def list_accounts(world: InWorld, platform: str | None = None) -> dict[str, Any]:
    rows = world.db.execute(
        "SELECT * FROM account WHERE ? IS NULL OR platform = ? ORDER BY platform, handle",
        (platform, platform),
    )
    return {"accounts": [dict(row) for row in rows]}


class AuthorizeIn(_Body):
    client_key: str
    handle: str
    scope: str = tokens.DOUYIN_SCOPE


@router.post("/douyin/authorize")
async def authorize(world: InWorld, body: AuthorizeIn) -> dict[str, str]:
    if find_app(world, "douyin", body.client_key) is None:
        raise HTTPException(404, "no such client_key")
    with world.db:
        code = tokens.issue_code(
            world,
            platform="douyin",
            app_id=body.client_key,
            platform_id=posts.ensure_account(world, "douyin", body.handle, body.client_key),
            scope=body.scope,
        )
    return {"code": code}


class HandoffIn(_Body):
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


class WithdrawIn(_Body):
    post_id: str


@router.post("/posts/withdraw", status_code=204)
async def withdraw_post(world: InWorld, body: WithdrawIn) -> None:
    with world.db:
        changed = world.db.execute(
            "UPDATE post SET withdrawn = 1 WHERE post_id = ?", (body.post_id,)
        ).rowcount
    if not changed:
        raise HTTPException(404, "no such post")


class ConnectionIn(_Body):
    platform: str
    settings: dict[str, Any]
    lead_url: str | None = None


def _get_connection(world: World, connection_id: str) -> Connection:
    connection = find_connection(world, connection_id)
    if connection is None:
        raise HTTPException(404, f"no connection {connection_id}")
    return connection


@router.put("/connections/{connection_id}")
async def register_connection(
    world: InWorld, connection_id: str, body: ConnectionIn
) -> dict[str, str]:
    try:
        put_connection(world, connection_id, body.platform, body.settings, body.lead_url)
    except KeyError:
        raise HTTPException(422, f"{body.platform} sends no hooks") from None
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from None
    return {"hook_url": _get_connection(world, connection_id).hook_url(world)}


@router.get("/connections")
async def read_connections(world: InWorld) -> dict[str, Any]:
    return {
        "connections": [
            {**connection.model_dump(), "settings": connection.settings.model_dump()}
            for connection in list_connections(world)
        ]
    }


@router.delete("/connections/{connection_id}", status_code=204)
async def remove_connection(world: InWorld, connection_id: str) -> None:
    _get_connection(world, connection_id)
    with world.db:
        world.db.execute("DELETE FROM connection WHERE connection_id = ?", (connection_id,))


@router.post("/connections/{connection_id}/check")
async def check_connection(world: InWorld, connection_id: str) -> dict[str, Any]:
    connection = _get_connection(world, connection_id)
    if connection.platform not in checks.PLATFORMS:
        raise HTTPException(409, f"{connection.platform} checks no address")
    try:
        return await checks.check_address(world, connection)
    except httpx.HTTPError as error:
        return {"ok": False, "status": None, "answer": type(error).__name__}


class HookIn(_Body):
    event: str
    data: dict[str, Any] = {}
    message_id: str | None = None
    copies: int = Field(default=1, ge=1, le=100)
    raw: str | None = None
    bad_signature: bool = False


@router.post("/connections/{connection_id}/hooks")
async def send_hook(
    world: InWorld, sender: WithSender, connection_id: str, body: HookIn
) -> dict[str, Any]:
    connection = _get_connection(world, connection_id)
    with world.db:
        message_id = body.message_id or world.fresh("message")
    message = Message(
        message_id=message_id,
        event=body.event,
        data=body.data,
        created_at=time.time(),
        raw=body.raw,
        bad_signature=body.bad_signature,
    )
    for _ in range(body.copies):
        seq = await sender.send(connection, message)
    return get_delivery(world, seq)


class LeadIn(_Body):
    name: str = ""
    phone: str = ""
    city: str = ""
    product: str = ""
    note: str = ""
    account_handle: str = ""
    post_url: str = ""
    store_code: str = ""
    channel_code: str = ""
    campaign: str = ""
    external_id: str = ""
    kind: str = ""
    copies: int = Field(default=1, ge=1, le=100)


@router.post("/connections/{connection_id}/leads")
async def leave_lead(
    world: InWorld, sender: WithSender, connection_id: str, body: LeadIn
) -> dict[str, Any]:
    connection = _get_connection(world, connection_id)
    kinds = leads.KINDS.get(connection.platform)
    if kinds is None:
        raise HTTPException(409, f"{connection.platform} carries no leads")
    kind = body.kind or kinds[0]
    if kind not in kinds:
        raise HTTPException(422, f"kind is one of {kinds}")
    fields = body.model_dump(exclude={"kind", "copies", "external_id"})
    person = digest("person", body.phone or body.name)
    with world.db:
        made = (
            leads.wecom_customer(connection.settings.corp_id, person)
            if connection.platform == "wecom"
            else world.fresh("lead")
        )
        lead = leads.Lead(
            external_id=body.external_id or made,
            person=person,
            **fields,
        )
        message = leads.write(world, connection, lead, kind)
    for _ in range(body.copies):
        seq = await sender.send(connection, message)
    return {"external_id": lead.external_id, **get_delivery(world, seq)}


@router.get("/deliveries")
async def list_deliveries(
    world: InWorld, connection_id: str | None = None, after: int = 0, limit: Limit = 1000
) -> dict[str, Any]:
    rows = world.db.execute(
        "SELECT seq FROM delivery WHERE (? IS NULL OR connection_id = ?) AND seq > ?"
        " ORDER BY seq LIMIT ?",
        (connection_id, connection_id, after, limit),
    ).fetchall()
    return {"deliveries": [get_delivery(world, row["seq"]) for row in rows]}


class RepeatIn(_Body):
    connection_id: str | None = None
    outcome: Literal["accepted", "refused", "failed", "lost"] = "failed"


@router.post("/deliveries/repeat")
async def repeat_deliveries(world: InWorld, sender: WithSender, body: RepeatIn) -> dict[str, int]:
    rows = world.db.execute(
        "SELECT seq FROM delivery WHERE outcome = ? AND (? IS NULL OR connection_id = ?)"
        " ORDER BY seq",
        (body.outcome, body.connection_id, body.connection_id),
    ).fetchall()
    for row in rows:
        await sender.repeat(row["seq"])
    return {"repeated": len(rows)}


@router.post("/faults", status_code=201)
async def add_fault(world: InWorld, rule: faults.Rule) -> faults.RuleOut:
    return faults.add_rule(world.db, rule)


@router.get("/faults")
async def list_faults(world: InWorld) -> dict[str, list[faults.RuleOut]]:
    return {"faults": faults.list_rules(world.db)}


@router.delete("/faults/{fault_id}", status_code=204)
async def remove_fault(world: InWorld, fault_id: int) -> None:
    with world.db:
        changed = world.db.execute("DELETE FROM fault WHERE id = ?", (fault_id,)).rowcount
    if not changed:
        raise HTTPException(404, "no such fault")


@router.delete("/faults", status_code=204)
async def remove_faults(world: InWorld) -> None:
    with world.db:
        world.db.execute("DELETE FROM fault")


@router.post("/population/run")
async def run_population(world: InWorld, sender: WithSender, body: WaveIn) -> Response:
    known = {connection.connection_id for connection in list_connections(world)}
    if unknown := set(body.connections or ()) - known:
        raise HTTPException(422, f"no connection {', '.join(sorted(unknown))}")
    number, plan = open_wave(world, body)
    run = run_wave(world, sender, number, plan, body.concurrency)
    if body.wait:
        await run
    else:
        world.spawn(run)
    return JSONResponse(list_waves(world, number)[0], 200 if body.wait else 202)


@router.get("/population/ledger")
async def population_ledger(world: InWorld, wave: int | None = None) -> dict[str, Any]:
    return {"waves": list_waves(world, wave), "leads": list_leads(world, wave)}
