"""The three services as the gateway sees them: REST over HTTP, with rows kept per brand."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from aiohttp import web
from joserfc.jwk import KeySet

from shared.access import Principal
from shared.authentication import Authenticator, FileKeys
from shared.errors import Unauthenticated
from shared.ids import parse_typed, typed, uuid7
from shared.web import encode_cursor

Row = dict[str, Any]
Answer = Callable[[web.Request], Any]

PATHS = {
    "unit": ("account", "units"),
    "staff": ("account", "staff"),
    "acct": ("account", "accounts"),
    "persona": ("account", "personas"),
    "camp": ("content", "campaigns"),
    "post": ("content", "posts"),
    "draft": ("content", "drafts"),
    "tmpl": ("content", "templates"),
    "lead": ("lead", "leads"),
    "contact": ("lead", "contacts"),
    "offer": ("lead", "offers"),
    "deal": ("lead", "deals"),
    "transfer": ("lead", "transfers"),
    "comm": ("lead", "communities"),
    "activity": ("lead", "community-activities"),
}


class Services:
    def __init__(self, secret: str) -> None:
        self.url = ""
        self.calls: list[str] = []
        """`POST lead/leads/by-ids`, in order of arrival."""
        self.headers: list[dict[str, str]] = []
        self.bodies: list[Any] = []
        self.queries: list[dict[str, str]] = []
        self.principals: list[Principal] = []
        self.away: set[str] = set()
        """Services that answer 500 to everything."""
        self.slow: dict[str, float] = {}
        """Seconds before single calls are answered."""
        self.answers: dict[str, Answer] = {}
        """Answers for single calls, keyed like `calls`."""
        self._rows: dict[str, dict[str, Row]] = {}
        self._authenticator = Authenticator(
            issuer="https://nobody.test",
            audience="nobody",
            key_source=NoKeys(),
            service_secret=base64.b64decode(secret),
        )

    def add(self, prefix: str, brand: str, **fields: Any) -> str:
        """Keep a row of this brand; returns its id."""
        row_id = typed(prefix, uuid7())
        self._rows.setdefault(f"{brand}/{prefix}", {})[row_id] = {
            "id": row_id,
            **ROWS[prefix],
            **fields,
        }
        return row_id

    def rows(self, brand: str, prefix: str) -> dict[str, Row]:
        return self._rows[f"{brand}/{prefix}"]

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{service}/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        service, path = request.match_info["service"], request.match_info["path"]
        if path == "healthz":
            return web.json_response({"status": "alive"})
        call = f"{request.method} {service}/{path}"
        self.calls.append(call)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        body = await request.json() if request.can_read_body else {}
        self.bodies.append(body)
        self.queries.append(dict(request.query))
        if service in self.away:
            return web.json_response(
                {"code": "internal", "detail": "secret of the stack"}, status=500
            )
        try:
            principal = await self._authenticator.authenticate(request.headers.get("authorization"))
        except Unauthenticated:
            return problem(401, "unauthenticated", "no")
        self.principals.append(principal)
        await asyncio.sleep(self.slow.get(call, 0))
        if call in self.answers:
            given = self.answers[call](request)
            return given if isinstance(given, web.StreamResponse) else web.json_response(given)
        return self._from_rows(service, path, typed("brand", principal.brand_id), request, body)

    def _from_rows(
        self, service: str, path: str, brand: str, request: web.Request, body: Any
    ) -> web.Response:
        for prefix, (owner, plural) in PATHS.items():
            rows = self._rows.get(f"{brand}/{prefix}", {})
            if service == owner and path == plural and request.method == "GET":
                return _page(list(rows.values())[::-1], request)
            if service == owner and path == f"{plural}/by-ids":
                found = [rows[row_id] for row_id in body["ids"] if row_id in rows]
                missing = [row_id for row_id in body["ids"] if row_id not in rows]
                return web.json_response({"items": found, "missing": missing})
        return problem(404, "not_found", f"nothing at {path}")


class NoKeys(FileKeys):
    """No key of any issuer: service tokens alone are taken."""

    def __init__(self) -> None:
        self._keys = KeySet([])


def problem(status: int, code: str, detail: str, field: str | None = None) -> web.Response:
    body = {"type": "about:blank", "status": status, "title": code, "detail": detail, "code": code}
    if field is not None:
        body["field"] = field
    return web.json_response(body, status=status, content_type="application/problem+json")


def _page(rows: list[Row], request: web.Request) -> web.Response:
    """Keyset pages, newest first, as the services make them."""
    first = int(request.query.get("first", 50))
    after = request.query.get("after")
    places = {_cursor(row): place for place, row in enumerate(rows, 1)}
    if after is not None and after not in places:
        return problem(422, "invalid", "not a cursor of this list", "/after")
    start = 0 if after is None else places[after]
    items = rows[start : start + first]
    return web.json_response(
        {
            "items": items,
            "page": {
                "has_next": start + first < len(rows),
                "end_cursor": _cursor(items[-1]) if items else None,
            },
        }
    )


def _cursor(row: Row) -> str:
    return encode_cursor(str(parse_typed(row["id"])[1]))


AT = "2026-11-22T08:00:00Z"

ROWS: dict[str, Row] = {
    "unit": {
        "parent_id": None,
        "kind": "store",
        "code": "SH01",
        "name": "上海一店",
        "city_code": "310100",
        "city": "上海",
        "latitude": 31.23,
        "longitude": 121.47,
        "opens_at": None,
        "closes_at": None,
        "ancestor_ids": [],
        "version": 1,
    },
    "staff": {
        "unit_id": None,
        "code": "S001",
        "name": "陈晨",
        "phone": "+8613800008000",
        "is_seller": True,
        "open_lead_capacity": 5,
        "skills": ["suv"],
        "product_lines": [],
        "languages": [],
        "tier": "standard",
        "status": "active",
        "absent_from": None,
        "absent_until": None,
        "absence_reason": None,
        "joined_at": AT,
        "departed_at": None,
        "departure_reason": None,
        "version": 1,
    },
    "acct": {
        "platform": "douyin",
        "handle": "chen",
        "display_name": "陈晨说车",
        "domain": "public",
        "seat": "staff",
        "unit_id": None,
        "staff_id": None,
        "persona_id": None,
        "status": "active",
        "status_reason": None,
        "status_changed_at": AT,
        "version": 1,
    },
    "camp": {
        "code": "C1",
        "name": "新车上市",
        "mode": "distributed_creation",
        "template_id": None,
        "asset_ids": [],
        "target": {"unit_ids": [], "platforms": ["douyin"], "persona_kinds": []},
        "starts_at": AT,
        "ends_at": AT,
        "posts_per_account_gap_minutes": 30,
        "status": "running",
        "counts": {
            "planned": 3,
            "held": 1,
            "scheduled": 0,
            "handed_off": 0,
            "published": 2,
            "failed": 0,
            "withdrawn": 0,
        },
        "created_at": AT,
        "version": 1,
    },
    "post": {
        "campaign_id": None,
        "draft_id": None,
        "account_id": None,
        "staff_id": None,
        "unit_id": None,
        "platform": "douyin",
        "status": "published",
        "due_at": AT,
        "published_at": AT,
        "url": "https://douyin.test/p/1",
        "platform_post_id": "p1",
        "failure_reason": None,
        "handoff": None,
        "metrics": None,
    },
    "lead": {
        "status": "offered",
        "source": "douyin",
        "connection_id": None,
        "source_lead_id": "x1",
        "contact_id": None,
        "submitted_at": AT,
        "captured_at": AT,
        "city": "上海",
        "product": "SUV",
        "score": 72,
        "grade": "A",
        "score_reasons": [{"rule": "phone", "points": 30, "because": "留了电话"}],
        "post_id": None,
        "account_id": None,
        "campaign_id": None,
        "unit_id": None,
        "staff_id": None,
        "keyword": None,
        "channel_code": None,
        "offer_id": None,
        "version": 3,
    },
    "contact": {
        "name": "王*",
        "phone": "138****0001",
        "wechat": None,
        "email": None,
        "city": "上海",
        "stage": "intent",
        "owner_staff_id": None,
        "lead_count": 1,
        "created_at": AT,
        "version": 1,
    },
    "offer": {
        "lead_id": None,
        "staff_id": None,
        "unit_id": None,
        "status": "open",
        "attempt": 1,
        "offered_at": AT,
        "expires_at": AT,
        "answered_at": None,
        "decision_id": None,
    },
    "transfer": {
        "contact_id": None,
        "staff_id": None,
        "unit_id": None,
        "account_id": None,
        "private_account_id": None,
        "attempt": 1,
        "means": "contact_card",
        "status": "open",
        "step": "stage_1_open",
        "due_at": AT,
        "opened_at": AT,
        "closed_at": None,
        "dropped_reason": None,
        "note": None,
        "steps": [],
    },
    "comm": {
        "unit_id": None,
        "name": "宝妈群",
        "platform": "wecom",
        "platform_group_id": "wrOgQhDgAA",
        "account_id": None,
        "host_staff_id": None,
        "deputy_staff_id": None,
        "status": "open",
        "registered_at": AT,
        "closed_at": None,
    },
    "activity": {
        "community_id": None,
        "kind": "topic_posted",
        "staff_id": None,
        "unit_id": None,
        "done_as": "host",
        "external_id": None,
        "at": AT,
        "recorded_by_staff_id": None,
        "recorded_at": AT,
        "status": "recorded",
        "void_reason": None,
    },
    "deal": {
        "lead_id": None,
        "contact_id": None,
        "staff_id": None,
        "unit_id": None,
        "account_id": None,
        "post_id": None,
        "campaign_id": None,
        "amount_minor": 19_980_000_00,
        "currency": "CNY",
        "status": "won",
        "closed_at": AT,
        "void_reason": None,
        "version": 1,
    },
}
