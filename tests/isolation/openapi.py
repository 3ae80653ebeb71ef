"""What the services' OpenAPI documents say can be asked, and requests made from that.

A slot is a place in a request where an id or a word goes. `Request.fill` gives the request with
the caller's own values everywhere but in one slot.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any
from urllib.parse import quote

from account_svc.models import period_of
from deploy.local.databases import SERVICES, Service
from shared.clock import now
from shared.service import document_of
from tests.isolation.brand import Brand

Json = dict[str, Any]
Place = tuple[str, ...]
"""`("path", name)`, `("query", name)` or `("body", *keys)`."""

_TYPED = re.compile(r"^\^([a-z]+)_\[")
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Slot:
    place: Place
    prefix: str | None
    """Of the typed id that belongs here, `event` for a bare UUID, `*` for any id; None: a text."""

    @property
    def name(self) -> str:
        return ".".join(self.place)


@dataclass(frozen=True)
class Operation:
    service: Service
    method: str
    path: str
    slots: tuple[Slot, ...]
    is_required: dict[Place, bool] = field(compare=False, hash=False)
    body: Json | None = field(compare=False, hash=False)
    """The schema, with its references resolved."""

    @property
    def name(self) -> str:
        return f"{self.service} {self.method} {self.path}"

    @property
    def is_read(self) -> bool:
        last = self.path.rpartition("/")[2]
        return self.method == "GET" or last.startswith("by-") or last in READS_BY_POST

    @property
    def is_on_one(self) -> bool:
        return "{" in self.path


READS_BY_POST = {"find", "verify", "check"}


@cache
def list_operations() -> tuple[Operation, ...]:
    """Every operation of the three services, in the order of their documents."""
    found: list[Operation] = []
    for service in SERVICES:
        document = json.loads(document_of(service).read_bytes())
        for path, methods in sorted(document["paths"].items()):
            found += [
                _operation(document, service, method, path)
                for method in _METHODS
                if method in methods
            ]
    return tuple(found)


def _operation(document: Json, service: Service, method: str, path: str) -> Operation:
    described = document["paths"][path][method]
    slots: list[Slot] = []
    required: dict[Place, bool] = {}
    for parameter in described.get("parameters", []):
        if parameter["in"] in ("path", "query"):
            place = (parameter["in"], parameter["name"])
            required[place] = parameter.get("required", False)
            # a list in a query is given by one value
            found = _slots(_resolve(document, parameter["schema"]), place)
            slots += [Slot(place, slot.prefix) for slot in found]
    content = described.get("requestBody", {}).get("content", {})
    body = None
    if "application/json" in content:
        body = _resolve(document, content["application/json"]["schema"])
        slots += _slots(body, ("body",))
    return Operation(service, method.upper(), path, tuple(slots), required, body)


def _resolve(document: Json, schema: Any) -> Any:
    if isinstance(schema, list):
        return [_resolve(document, each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _resolve(document, document["components"]["schemas"][name])
    return {key: _resolve(document, value) for key, value in schema.items()}


def _slots(schema: Json, place: Place) -> Iterator[Slot]:
    """Where texts go: not where only listed words, times or numbers fit."""
    for choice in _choices(schema):
        kind = choice.get("type")
        if kind == "object":
            for name, part in choice.get("properties", {}).items():
                yield from _slots(part, (*place, name))
        elif kind == "array" and place[-1] == "ids":
            yield Slot((*place, "*"), "*")
        elif kind == "array":
            yield from _slots(choice["items"], (*place, "*"))
        elif kind == "string" and choice.get("format") == "uuid":
            yield Slot(place, "event")
        elif kind == "string" and not {"enum", "const", "format"} & choice.keys():
            typed = _TYPED.match(choice.get("pattern", ""))
            if typed or "pattern" not in choice:
                yield Slot(place, typed[1] if typed else None)


def _choices(schema: Json) -> list[Json]:
    found: list[Json] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return [each for each in found if each.get("type") != "null"]


@dataclass(frozen=True)
class Request:
    """One way of calling an operation; `values` are by place."""

    operation: Operation
    values: dict[Place, Any] = field(hash=False)
    body: Any = field(default=None, hash=False)
    content: bytes | None = None
    media_type: str | None = None

    @property
    def path(self) -> str:
        path = self.operation.path
        for place, value in self.values.items():
            if place[0] == "path":
                path = path.replace(f"{{{place[1]}}}", quote(str(value), safe=""))
        return path

    @property
    def options(self) -> Json:
        """Arguments for httpx."""
        query = {place[1]: value for place, value in self.values.items() if place[0] == "query"}
        found: Json = {"params": query}
        if self.content is not None:
            found |= {"content": self.content, "headers": {"content-type": self.media_type}}
        elif self.body is not None:
            found["json"] = self.body
        return found

    def fill(self, slot: Slot, value: str) -> "Request":
        if slot.place[0] != "body":
            return replace(self, values={**self.values, slot.place: value})
        body = json.loads(json.dumps(self.body or {}))
        _put(body, slot.place[1:], value)
        return replace(self, body=body)


def _put(body: Any, keys: Place, value: str) -> None:
    key, *rest = keys
    if key == "*":
        if not body:
            body.append({} if rest else value)
        if rest:
            _put(body[0], tuple(rest), value)
        else:
            body[0] = value
    elif rest:
        _put(body.setdefault(key, [] if rest[0] == "*" else {}), tuple(rest), value)
    else:
        body[key] = value


def request_of(operation: Operation, brand: Brand) -> Request:
    """A request of the brand about its own things: everything that is required, well-formed."""
    special = SPECIAL.get(operation.name, {})
    values: dict[Place, Any] = {}
    for slot in operation.slots:
        if slot.place[0] != "body" and operation.is_required[slot.place]:
            values[slot.place] = _own(slot.prefix, brand)
    values |= {
        ("path" if f"{{{name}}}" in operation.path else "query", name): value
        for name, value in special.get("parameters", lambda _: {})(brand).items()
    }
    body = None
    if operation.body is not None:
        body = _example(operation.body, brand)
    if "body" in special:
        body = {**(body or {}), **special["body"](brand)}
    request = Request(operation, values, body)
    if "content" in special:
        media_type, content = special["content"](brand)
        request = replace(request, content=content, media_type=media_type)
    return request


def _own(prefix: str | None, brand: Brand) -> str:
    if prefix == "brand":
        return brand.typed_id
    if prefix in ("*", "event"):
        return ""  # given by SPECIAL, or tried with every kind
    return brand.canary if prefix is None else brand.ids[prefix][0]


def _example(schema: Json, brand: Brand) -> Any:
    choices = _choices(schema)
    choice = choices[0] if choices else {}
    fixed = choice.get("enum", [choice["const"]] if "const" in choice else [])
    if fixed:
        return fixed[0]
    match choice.get("type"):
        case "object":
            properties = choice.get("properties", {})
            found: Any = {
                name: _example(properties[name], brand) for name in choice.get("required", ())
            }
        case "array":
            found = [_example(choice["items"], brand)]
        case "integer" | "number":
            found = max(1, choice.get("minimum", 1))
        case "boolean":
            found = True
        case "string" if choice.get("format") == "date-time":
            found = _soon(1)
        case "string":
            typed = _TYPED.match(choice.get("pattern", ""))
            found = _own(typed[1] if typed else None, brand)
        case _:
            found = {}
    return found


def _soon(hours: float) -> str:
    return (now() + timedelta(hours=hours)).isoformat()


SECRETS = {"keys": ["whsec_" + "A" * 43 + "="]}

QUESTIONS = [{"text": "x", "options": ["x", "y"], "right_options": [1]}]


def _goals_of(owner: str, brand: Brand) -> Json:
    aimed = {f"{owner}_id": getattr(brand.east, owner), "target": 5}
    return {"period": period_of(now()), "goals": [aimed]}


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
            "starts_at": _soon(1),
            "ends_at": _soon(2),
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
    "lead POST /contacts/find": {"body": lambda brand: {"phone": brand.east.lead_phone}},
    "lead PUT /routing-policy": {
        "body": lambda _: {"offer_minutes_by_grade": dict.fromkeys("ABCD", 30)}
    },
    "lead POST /webhook-endpoints": {
        "body": lambda _: {"url": "https://scrm.example.com/", "event_types": ["kos.lead.*"]}
    },
    "lead POST /webhook-endpoints/{endpoint_id}/replay": {"body": lambda _: {"since": _soon(-1)}},
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
