import time
from typing import Any, Literal

import httpx
from fastapi import APIRouter, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from deploy.sandbox import leads
from deploy.sandbox.control.bodies import Body, Limit
from deploy.sandbox.hooks import checks
from deploy.sandbox.hooks.connections import (
    Connection,
    find_connection,
    list_connections,
    put_connection,
)
from deploy.sandbox.hooks.delivery import WithSender, get_delivery
from deploy.sandbox.hooks.wire import Message
from deploy.sandbox.world import InWorld, World, digest

router = APIRouter()


class ConnectionIn(Body):
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


class HookIn(Body):
    event: str
    data: dict[str, Any] = Field(default_factory=dict)
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


class LeadIn(Body):
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


class RepeatIn(Body):
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
