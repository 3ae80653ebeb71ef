"""What the list and by-ids endpoints select, and how a row becomes the resource."""

from typing import Any

import asyncpg
import orjson

from content_svc.repository.reading import optional
from shared.ids import typed
from shared.reading import Shape

SELECT_ASSET = "select a.* from asset a"
SELECT_TEMPLATE = "select t.* from template t"
SELECT_CAMPAIGN = """select c.*, places.planned, drafts.held, sent.*
from campaign c
cross join lateral (
    select count(*) as planned from campaign_place p
    where p.brand_id = c.brand_id and p.campaign_id = c.id
) places
cross join lateral (
    select count(*) filter (where d.status = 'held') as held from draft d
    where d.brand_id = c.brand_id and d.campaign_id = c.id
) drafts
cross join lateral (
    select count(*) filter (where o.status in ('scheduled', 'dispatching')) as scheduled,
           count(*) filter (where o.status = 'handed_off') as handed_off,
           count(*) filter (where o.status = 'published') as published,
           count(*) filter (where o.status = 'failed') as failed,
           count(*) filter (where o.status = 'withdrawn') as withdrawn
    from post o where o.brand_id = c.brand_id and o.campaign_id = c.id
) sent"""
SELECT_DRAFT = """select d.* from draft d
join account_directory a on a.brand_id = d.brand_id and a.account_id = d.account_id"""
SELECT_POST = """select p.*, d.title, d.text, d.asset_ids
from post p join draft d on d.brand_id = p.brand_id and d.id = p.draft_id"""

COUNTS = ("planned", "held", "scheduled", "handed_off", "published", "failed", "withdrawn")
FIGURES = ("views", "likes", "saves", "comments", "shares", "follows")


def asset(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": typed("asset", row["id"]),
        "kind": row["kind"],
        "name": row["name"],
        "media_type": row["media_type"],
        "bytes": row["bytes"],
        "sha256": row["sha256"],
        "tags": row["tags"],
        "licensed_until": row["licensed_until"],
        "created_at": row["created_at"],
    }


def template(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": typed("tmpl", row["id"]),
        "name": row["name"],
        "platform": row["platform"],
        "stage": row["stage"],
        "tags": row["tags"],
        "title": row["title"],
        "body": row["body"],
        "slots": orjson.loads(row["slots"]),
        "version": row["version"],
    }


def campaign(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": typed("camp", row["id"]),
        "code": row["code"],
        "name": row["name"],
        "mode": row["mode"],
        "template_id": typed("tmpl", row["template_id"]),
        "asset_ids": [typed("asset", asset_id) for asset_id in row["asset_ids"]],
        "target": {
            "unit_ids": [typed("unit", unit_id) for unit_id in row["unit_ids"]],
            "platforms": row["platforms"],
            "persona_kinds": row["persona_kinds"],
            "rights": row["rights"],
        },
        "slot_values": orjson.loads(row["slot_values"]),
        "starts_at": row["starts_at"],
        "ends_at": row["ends_at"],
        "posts_per_account_gap_minutes": row["posts_per_account_gap_minutes"],
        "status": row["status"],
        "counts": {name: row[name] for name in COUNTS},
        "created_at": row["created_at"],
        "version": row["version"],
    }


def draft(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": typed("draft", row["id"]),
        "campaign_id": optional("camp", row["campaign_id"]),
        "account_id": typed("acct", row["account_id"]),
        "status": row["status"],
        "title": row["title"],
        "text": row["text"],
        "asset_ids": [typed("asset", asset_id) for asset_id in row["asset_ids"]],
        "verdict": row["verdict"],
        "findings": orjson.loads(row["findings"]),
        "pack_version": row["pack_version"],
        "created_at": row["created_at"],
        "version": row["version"],
    }


def post_shape(handoff_link: str) -> Shape:
    """`handoff_link` has the place `{post_id}`."""

    def post(row: asyncpg.Record) -> dict[str, Any]:
        post_id = typed("post", row["id"])
        delivery = row["delivery"]
        return {
            "id": post_id,
            "campaign_id": optional("camp", row["campaign_id"]),
            "draft_id": typed("draft", row["draft_id"]),
            "account_id": typed("acct", row["account_id"]),
            "staff_id": optional("staff", row["staff_id"]),
            "unit_id": typed("unit", row["unit_id"]),
            "platform": row["platform"],
            "status": row["status"],
            "due_at": row["due_at"],
            "published_at": row["published_at"],
            "url": row["url"],
            "platform_post_id": row["platform_post_id"],
            "failure_reason": row["failure_reason"],
            "handoff": _handoff(row, handoff_link.format(post_id=post_id)),
            "metrics": _metrics(row),
            "delivery": None if delivery is None else orjson.loads(delivery),
            "version": row["version"],
        }

    return post


def _handoff(row: asyncpg.Record, deep_link: str) -> dict[str, Any] | None:
    if row["handoff_deadline_at"] is None:
        return None
    return {
        "title": row["title"],
        "text": row["text"],
        "asset_ids": [typed("asset", asset_id) for asset_id in row["asset_ids"]],
        "deep_link": deep_link,
        "deadline_at": row["handoff_deadline_at"],
    }


def _metrics(row: asyncpg.Record) -> dict[str, Any] | None:
    if row["measured_at"] is None:
        return None
    return {**{name: row[name] for name in FIGURES}, "measured_at": row["measured_at"]}
