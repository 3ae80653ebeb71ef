"""What a well-formed REST request needs beyond its schema, by operation."""

from datetime import timedelta
from functools import partial
from typing import Any

from account_svc.models import period_of
from deploy.local.databases import SERVICES
from shared.clock import now
from tests.isolation.brand import Brand

Json = dict[str, Any]


def soon(hours: float) -> str:
    return (now() + timedelta(hours=hours)).isoformat()


SECRETS = {"keys": ["whsec_" + "A" * 43 + "="]}

CONSENT = {"purpose": "x", "notice_version": "x", "at": "2026-11-01T00:00:00Z"}

QUESTIONS = [{"text": "x", "options": ["x", "y"], "right_options": [1]}]


def _goals_of(owner: str, brand: Brand) -> Json:
    aimed = {f"{owner}_id": getattr(brand.east, owner), "target": 5}
    return {"period": period_of(now()), "goals": [aimed]}


def _care(brand: Brand) -> Json:
    """Of a community: who looks after it, and where it lives."""
    return {
        "host_staff_id": brand.east.staff,
        "deputy_staff_id": brand.east.mate,
        "account_id": brand.east.accounts[0],
    }


SPECIAL: dict[str, Any] = {
    # moving the west store to the region of the east one
    "account POST /units/{unit_id}/move": {
        "parameters": lambda brand: {"unit_id": brand.west.unit},
        "body": lambda brand: {"parent_id": brand.east.region},
    },
    "account POST /units": {
        "body": lambda brand: {
            "kind": "store",
            "parent_id": brand.east.region,
            "code": f"{brand.canary}-new",
        }
    },
    "account POST /staff": {
        "body": lambda brand: {"unit_id": brand.east.unit, "code": f"{brand.canary}-new"}
    },
    "account POST /staff/find": {"body": lambda brand: {"phone": brand.east.phone}},
    "account POST /staff/{staff_id}/depart": {
        "parameters": lambda brand: {"staff_id": brand.east.staff}
    },
    "account POST /staff/{staff_id}/mark-absent": {
        "parameters": lambda brand: {"staff_id": brand.east.staff}
    },
    "account POST /staff/{staff_id}/return": {
        "parameters": lambda brand: {"staff_id": brand.east.staff}
    },
    "account POST /staff/{staff_id}/transfer": {
        "parameters": lambda brand: {"staff_id": brand.east.staff},
        "body": lambda brand: {"unit_id": brand.west.unit},
    },
    "account POST /accounts": {
        "body": lambda brand: {"unit_id": brand.east.unit, "handle": f"{brand.canary}-new"}
    },
    "account POST /accounts/{account_id}/hand-over": {
        "parameters": lambda brand: {"account_id": brand.east.accounts[0]},
        "body": lambda brand: {"staff_id": brand.west.staff},
    },
    "account POST /accounts/{account_id}/note-platform-status": {
        "parameters": lambda brand: {"account_id": brand.east.accounts[0]},
        "body": lambda _: {"platform_status": "xiaohongshu_staff_binding"},
    },
    "account POST /handovers": {
        "body": lambda brand: {"staff_id": brand.east.mate, "taker_ids": [brand.east.staff]}
    },
    "account POST /handovers/{handover_id}/change-takers": {
        "body": lambda brand: {"taker_ids": [brand.east.staff]}
    },
    "account POST /skill-assessments": {"body": lambda _: {"scores": {"tools": 50}}},
    "account POST /wanted-profiles": {"body": lambda _: {"persona_kind": "topic_expert"}},
    **{
        f"account POST /goals/of-{kind}": {"body": partial(_goals_of, key)}
        for kind, key in (("units", "unit"), ("staff", "staff"))
    },
    "account POST /advocates/{advocate_id}/record": {
        "body": lambda _: {"kind": "bought", "happened_on": "2026-03-02"}
    },
    "account POST /lift-tasks": {"body": lambda _: {"skill": "tools"}},
    "account POST /courses": {
        "body": lambda brand: {"code": f"{brand.canary}-new", "questions": QUESTIONS}
    },
    "account POST /courses/{course_id}/complete-lesson": {"body": lambda _: {"lesson": 0}},
    "account POST /courses/{course_id}/revise": {"body": lambda _: {"questions": QUESTIONS}},
    "account POST /api-keys": {"body": lambda _: {"scopes": ["lead.read"]}},
    "account POST /api-keys/verify": {"body": lambda brand: {"key": brand.words["api_key"]}},
    "account POST /imports/{kind}": {
        "parameters": lambda _: {"kind": "units"},
        "content": lambda brand: (
            "text/csv",
            f"code,parent_code,kind,name\n{brand.canary}-i,{brand.canary}-region-east,store,"
            f"{brand.canary}\n".encode(),
        ),
    },
    "account GET /race": {"parameters": lambda _: {"period": f"{now():%Y-%m}"}},
    "account POST /layouts": {
        "body": lambda brand: {
            "public": [
                {"seat": "kos", "per": "store", "platforms": ["douyin"], "label": brand.canary}
            ]
        }
    },
    "account GET /layouts/report": {"parameters": lambda _: {"form": "public"}},
    "account GET /layouts/seats": {"parameters": lambda _: {"form": "public"}},
    "account POST /off-roster-accounts": {
        "body": lambda brand: {"handle": f"{brand.canary}-new", "unit_id": brand.east.unit}
    },
    **{
        f"account POST /off-roster-accounts/{{off_roster_id}}/{verb}": {
            "parameters": lambda brand: {"off_roster_id": brand.at[brand.east.word]["offroster"][0]}
        }
        for verb in ("adopt", "reject")
    },
    "account POST /ledger/{entry_id}/appeal": {
        "parameters": lambda brand: {"entry_id": brand.taken[brand.east.word]}
    },
    "account POST /policies": {"body": lambda _: {"fact": "posts_per_day", "number": 5}},
    "account GET /policies/holding/{platform}/{fact}": {
        "parameters": lambda _: {"platform": "xiaohongshu", "fact": "posts_per_day"}
    },
    "account PUT /race-policy": {
        "body": lambda brand: {"leagues": [{"code": brand.canary, "name": brand.canary}]}
    },
    "account POST /incentive-rules": {
        "body": lambda brand: {
            "trigger": "lead_accepted",
            "currency": "points",
            "formula": f"0 if grade == '{brand.canary}' else 5",
        }
    },
    "content POST /assets": {
        "parameters": lambda brand: {"name": brand.canary, "kind": "image"},
        "content": lambda brand: ("image/png", b"\x89PNG\r\n\x1a\n" + brand.canary.encode()),
    },
    "content POST /campaigns": {
        "body": lambda brand: {
            "code": f"{brand.canary}-new",
            "starts_at": soon(1),
            "ends_at": soon(2),
            "slot_values": {"word": "x"},
        }
    },
    "content POST /posts/{post_id}/confirm-handoff": {
        "body": lambda brand: {"url": brand.words["post_url_west"]}
    },
    "content POST /posts/metrics": {
        "body": lambda brand: {
            "items": [
                {
                    "post_id": brand.ids["post"][-1],
                    "measured_at": now().isoformat(),
                    "views": 200,
                }
            ]
        }
    },
    "content POST /authorizations": {
        "body": lambda brand: {"account_id": brand.east.accounts[1], "platform": "douyin"}
    },
    "content GET /what-converts": {"parameters": lambda _: {"by": "account"}},
    "content POST /drafts": {"body": lambda brand: {"account_id": brand.east.accounts[0]}},
    "lead POST /connections": {
        "body": lambda _: {"platform": "generic", "secrets": SECRETS, "settings": {}}
    },
    "lead POST /connections/{connection_id}/rotate-secrets": {
        "body": lambda _: {"secrets": SECRETS}
    },
    "lead POST /connections/{connection_id}/change-settings": {"body": lambda _: {"settings": {}}},
    "lead POST /leads": {"body": lambda brand: {"lead_id": f"{brand.canary}-new"}},
    "lead POST /transfers": {
        "body": lambda brand: {
            "contact_id": brand.free["east"],
            "account_id": brand.east.accounts[0],
            "consent": CONSENT,
        }
    },
    "lead POST /transfers/{transfer_id}/open-second-stage": {
        "body": lambda _: {"consent": CONSENT}
    },
    "lead POST /communities": {
        "body": lambda brand: {
            **_care(brand),
            "unit_id": brand.east.unit,
            "platform": "xiaohongshu",
            "platform_group_id": f"{brand.canary}-new",
        }
    },
    "lead POST /communities/{community_id}/change": {"body": _care},
    "lead POST /community-activities": {
        "body": lambda brand: {
            "staff_id": brand.east.staff,
            "at": now().isoformat(),
            "external_id": f"{brand.canary}-new",
        }
    },
    "lead POST /contacts/find": {"body": lambda brand: {"phone": brand.east.lead_phone}},
    "lead PUT /routing-policy": {
        "body": lambda _: {"offer_minutes_by_grade": dict.fromkeys("ABCD", 30)}
    },
    "lead POST /webhook-endpoints": {
        "body": lambda _: {"url": "https://scrm.example.com/", "event_types": ["kos.lead.*"]}
    },
    "lead POST /webhook-endpoints/{endpoint_id}/replay": {"body": lambda _: {"since": soon(-1)}},
    "lead POST /contacts/{contact_id}/move-stage": {"body": lambda _: {"stage": "care"}},
    **{
        f"lead POST /leads/{{lead_id}}/{verb}": {
            "parameters": lambda brand: {"lead_id": brand.offered["east"]},
            "body": lambda brand: {"staff_id": brand.east.staff},
        }
        for verb in ("accept", "decline")
    },
    **{
        f"{service} POST /parked/{{event_id}}/{verb}": {
            "parameters": lambda brand, at=service: {"event_id": brand.parked[at][0]},
            "body": lambda brand, at=service: {"consumer": brand.parked[at][1]},
        }
        for service in SERVICES
        for verb in ("discard", "replay")
    },
}
"""What a well-formed request needs beyond its schema, by operation."""
