"""Runs a planned wave against the product and keeps the ledger that tests compare it with."""

import asyncio
import dataclasses
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from deploy.sandbox import leads, posts
from deploy.sandbox.hooks.connections import list_connections
from deploy.sandbox.hooks.delivery import Sender
from deploy.sandbox.hooks.wire import Message
from deploy.sandbox.population.plan import Plan, PlannedLead, SeenPost, WaveIn, make_plan
from deploy.sandbox.world import World

MAX_POSTS = 200_000


def open_wave(world: World, wave: WaveIn) -> tuple[int, Plan]:
    """Plans the wave and records it; nothing is sent yet."""
    connections = [
        connection
        for connection in list_connections(world)
        if wave.connections is None or connection.connection_id in wave.connections
    ]
    plan = make_plan(wave, _seen_posts(world, wave), connections)
    with world.db:
        number = world.db.execute(
            "INSERT INTO wave (seed, status, consumers, views, likes, comments)"
            " VALUES (?, 'running', ?, ?, ?, ?) RETURNING wave",
            (
                wave.seed,
                wave.consumers,
                plan.views.total(),
                plan.likes.total(),
                len(plan.comments),
            ),
        ).fetchone()["wave"]
        for figure, counts in (("views", plan.views), ("likes", plan.likes)):
            world.db.executemany(
                f"UPDATE post SET {figure} = {figure} + ? WHERE post_id = ?",
                [(count, post_id) for post_id, count in counts.items()],
            )
        for post_id, text, user in plan.comments:
            posts.add_comment(world, post_id, text, user_id=user)
    return number, plan


def _seen_posts(world: World, wave: WaveIn) -> list[SeenPost]:
    accounts = {
        (row["platform"], row["handle"]): row for row in world.db.execute("SELECT * FROM account")
    }
    codes = _channel_codes(world)
    seen: list[tuple[tuple[str, str, str], SeenPost]] = []
    for row in posts.list_published(world, limit=MAX_POSTS):
        if wave.post_platforms is not None and row["platform"] not in wave.post_platforms:
            continue
        if wave.account_handles is not None and row["account_handle"] not in wave.account_handles:
            continue
        if posts.status(world, row) != "public":
            continue
        account = accounts[row["platform"], row["account_handle"]]
        key = (row["platform"], row["account_handle"], row["text"])
        code = account["channel_code"] or (
            codes.get(row["account_handle"], "") if row["platform"] == "wecom" else ""
        )
        seen.append(
            (
                key,
                SeenPost(
                    post_id=row["post_id"],
                    platform=row["platform"],
                    account_handle=row["account_handle"],
                    url=posts.link(world, row),
                    heat=world.dice("heat", *key).lognormvariate(0, 1),
                    city=account["city"],
                    store_code=account["store_code"],
                    channel_code=code,
                ),
            )
        )
    # Sorted by what the post says and not by its id, which depends on the order of publishing.
    return [post for _, post in sorted(seen, key=lambda pair: pair[0])]


def _channel_codes(world: World) -> dict[str, str]:
    """Per WeCom member, the state of the first contact way that leads to it."""
    codes: dict[str, str] = {}
    for row in world.db.execute("SELECT state, body FROM contact_way ORDER BY seq"):
        for userid in json.loads(row["body"]).get("user", []):
            codes.setdefault(userid, row["state"])
    return codes


async def run_wave(world: World, sender: Sender, number: int, plan: Plan, workers: int) -> None:
    messages = _write(world, number, plan)
    remaining = iter(plan.order)

    async def work(remaining: Iterator[int]) -> None:
        for index in remaining:
            await sender.send(plan.leads[index].connection, messages[index])

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work(remaining))
    with world.db:
        world.db.execute("UPDATE wave SET status = 'done' WHERE wave = ?", (number,))


def _write(world: World, number: int, plan: Plan) -> list[Message]:
    messages = []
    with world.db:
        for planned in plan.leads:
            message = leads.write(world, planned.connection, planned.lead, planned.kind)
            messages.append(message)
            world.db.execute(
                "INSERT INTO wave_lead (wave, connection_id, message_id, lead, copies, late)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    number,
                    planned.connection.connection_id,
                    message.message_id,
                    json.dumps(_record(planned), ensure_ascii=False),
                    planned.copies,
                    planned.late,
                ),
            )
    return messages


def _record(planned: PlannedLead) -> dict[str, Any]:
    written = dataclasses.asdict(planned.lead)
    digits = "".join(c for c in planned.lead.phone if c.isdigit())
    return {
        **written,
        "phone": "+86" + digits[-11:],
        "platform": planned.connection.platform,
        "kind": planned.kind,
        "carries_phone": planned.carries_phone,
        "post_id": planned.post_id,
    }


def list_leads(world: World, number: int | None) -> list[dict[str, Any]]:
    """`outcome` is accepted as soon as one delivery of the message was, also a later repeat."""
    rows = world.db.execute(
        "SELECT wave_lead.*, coalesce((SELECT outcome FROM delivery d"
        " WHERE d.connection_id = wave_lead.connection_id AND d.message_id = wave_lead.message_id"
        " ORDER BY outcome = 'accepted' DESC, seq DESC LIMIT 1), 'planned') AS outcome"
        " FROM wave_lead WHERE ? IS NULL OR wave = ? ORDER BY seq",
        (number, number),
    )
    return [
        {
            "wave": row["wave"],
            "connection_id": row["connection_id"],
            "message_id": row["message_id"],
            **json.loads(row["lead"]),
            "copies": row["copies"],
            "late": bool(row["late"]),
            "outcome": row["outcome"],
        }
        for row in rows
    ]


def list_waves(world: World, number: int | None) -> list[dict[str, Any]]:
    rows = world.db.execute(
        "SELECT * FROM wave WHERE ? IS NULL OR wave = ? ORDER BY wave", (number, number)
    ).fetchall()
    return [_wave(row, list_leads(world, row["wave"])) for row in rows]


def _wave(row: sqlite3.Row, left: list[dict[str, Any]]) -> dict[str, Any]:
    deliveries = sum(lead["copies"] for lead in left)
    leads_alone = [lead for lead in left if lead["kind"] != "message"]
    wire_ids = {
        (lead["platform"], lead["connection_id"], lead["external_id"]) for lead in leads_alone
    }
    return {
        "wave": row["wave"],
        "seed": row["seed"],
        "status": row["status"],
        "consumers": row["consumers"],
        "views": row["views"],
        "likes": row["likes"],
        "comments": row["comments"],
        "expected": {
            "leads": len(wire_ids),
            "messages": len(left) - len(leads_alone),
            "people": len({lead["person"] for lead in leads_alone}),
            "phones": len({lead["phone"] for lead in left if lead["carries_phone"]}),
            "deliveries": deliveries,
            "duplicates": deliveries - len(left),
            "by_platform": dict(sorted(Counter(platform for platform, _, _ in wire_ids).items())),
        },
        "outcomes": dict(sorted(Counter(lead["outcome"] for lead in left).items())),
    }
