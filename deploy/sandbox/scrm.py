"""A subscriber of the product's outgoing webhooks that checks everything and keeps a ledger."""

import base64
import json
import sqlite3
import time
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from deploy.sandbox.signing import standard_webhooks_valid
from deploy.sandbox.world import InWorld, World, instant

ACCEPTED, REPEAT, BAD_SIGNATURE, MALFORMED = "accepted", "repeat", "bad_signature", "malformed"
STATUS = {ACCEPTED: 204, REPEAT: 204, BAD_SIGNATURE: 401, MALFORMED: 400}
# What every outgoing webhook carries: CloudEvents attributes, and `timestamp` beside `time`.
TEXT_MEMBERS = ("id", "source", "type", "subject", "time", "timestamp", "brandid")

router = APIRouter(tags=["scrm"])

Secret = Annotated[str, StringConstraints(pattern=r"^(whsec|whpk)_[A-Za-z0-9+/]+=*$")]


class SinkIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secrets: list[Secret] = Field(min_length=1)


@router.put("/sandbox/scrm/{name}")
async def put_sink(world: InWorld, name: str, body: SinkIn) -> dict[str, str]:
    for secret in body.secrets:
        try:
            base64.b64decode(secret.partition("_")[2], validate=True)
        except ValueError:
            raise HTTPException(422, "a secret is not Base64") from None
    with world.db:
        world.db.execute(
            "INSERT INTO sink VALUES (?, ?) ON CONFLICT (name)"
            " DO UPDATE SET secrets = excluded.secrets",
            (name, json.dumps(body.secrets)),
        )
    return {"name": name, "url": f"{world.settings.base_url}/scrm/{name}"}


@router.post("/scrm/{name}")
async def receive(world: InWorld, request: Request, name: str) -> Response:
    body = await request.body()
    headers = request.headers
    webhook_id = headers.get("webhook-id", "")
    event = _event(body)
    valid = standard_webhooks_valid(
        _secrets(world, name),
        webhook_id,
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        body,
        now=time.time(),
    )
    with world.db:
        if not valid:
            verdict = BAD_SIGNATURE
        elif event is None or event["id"] != webhook_id:
            verdict = MALFORMED
        elif _is_known(world, name, webhook_id):
            verdict = REPEAT
        else:
            verdict = ACCEPTED
        _record(world, name, webhook_id, verdict=verdict, event=event or {}, body=body)
    return Response(status_code=STATUS[verdict])


def _secrets(world: World, name: str) -> list[str]:
    row = world.db.execute("SELECT secrets FROM sink WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise HTTPException(404, f"no sink {name}")
    secrets: list[str] = json.loads(row["secrets"])
    return secrets


def _event(body: bytes) -> dict[str, Any] | None:
    """The event, when it has the agreed form."""
    try:
        event = json.loads(body)
    except ValueError:
        return None
    if (
        not isinstance(event, dict)
        or event.get("specversion") != "1.0"
        or not all(isinstance(event.get(name), str) for name in TEXT_MEMBERS)
        or not isinstance(event.get("data"), dict)
    ):
        return None
    return event


def _is_known(world: World, name: str, webhook_id: str) -> bool:
    found = world.db.execute(
        "SELECT 1 FROM sink_entry WHERE name = ? AND webhook_id = ? AND verdict = ?",
        (name, webhook_id, ACCEPTED),
    ).fetchone()
    return found is not None


def _version(event: dict[str, Any]) -> int | None:
    """CloudEvents extensions may travel as text or as number."""
    value = str(event.get("aggregateversion", ""))
    return int(value) if value.isdecimal() else None


def _record(
    world: World, name: str, webhook_id: str, *, verdict: str, event: dict[str, Any], body: bytes
) -> None:
    version = _version(event)
    highest = world.db.execute(
        "SELECT max(aggregateversion) AS version FROM sink_entry"
        " WHERE name = ? AND subject = ? AND verdict = ?",
        (name, event.get("subject", ""), ACCEPTED),
    ).fetchone()["version"]
    in_order = highest is None or version is None or version > highest or verdict != ACCEPTED
    world.db.execute(
        "INSERT INTO sink_entry (name, webhook_id, received_at, type, subject, aggregateversion,"
        " verdict, in_order, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            name,
            webhook_id,
            time.time(),
            event.get("type", ""),
            event.get("subject", ""),
            version,
            verdict,
            in_order,
            body.decode(errors="replace"),
        ),
    )


@router.get("/scrm/{name}/ledger")
async def read_ledger(
    world: InWorld,
    name: str,
    after: int = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> dict[str, Any]:
    _secrets(world, name)
    rows = world.db.execute(
        "SELECT * FROM sink_entry WHERE name = ? AND seq > ? ORDER BY seq LIMIT ?",
        (name, after, limit),
    )
    return {"summary": _summary(world, name), "entries": [_entry(row) for row in rows]}


def _summary(world: World, name: str) -> dict[str, Any]:
    counts = {
        row["verdict"]: row["n"]
        for row in world.db.execute(
            "SELECT verdict, count(*) AS n FROM sink_entry WHERE name = ? GROUP BY verdict",
            (name,),
        )
    }
    by_type = world.db.execute(
        "SELECT type, count(*) AS n FROM sink_entry WHERE name = ? AND verdict = ?"
        " GROUP BY type ORDER BY type",
        (name, ACCEPTED),
    )
    out_of_order = world.db.execute(
        "SELECT count(*) AS n FROM sink_entry WHERE name = ? AND NOT in_order", (name,)
    ).fetchone()["n"]
    return {
        "received": sum(counts.values()),
        "unique": counts.get(ACCEPTED, 0),
        "repeats": counts.get(REPEAT, 0),
        "bad_signatures": counts.get(BAD_SIGNATURE, 0),
        "malformed": counts.get(MALFORMED, 0),
        "out_of_order": out_of_order,
        "by_type": {row["type"]: row["n"] for row in by_type},
    }


def _entry(row: sqlite3.Row) -> dict[str, Any]:
    try:
        body = json.loads(row["body"])
    except ValueError:
        body = row["body"]
    return {
        "seq": row["seq"],
        "webhook_id": row["webhook_id"],
        "received_at": instant(row["received_at"]),
        "type": row["type"],
        "subject": row["subject"],
        "aggregateversion": row["aggregateversion"],
        "verdict": row["verdict"],
        "in_order": bool(row["in_order"]),
        "body": body,
    }


@router.delete("/scrm/{name}/ledger", status_code=204)
async def clear_ledger(world: InWorld, name: str) -> None:
    with world.db:
        world.db.execute("DELETE FROM sink_entry WHERE name = ?", (name,))
