"""What the services' OpenAPI documents say can be asked, and requests made from that.

A slot is a place in a request where an id or a word goes. `Request.fill` gives the request with
the caller's own values everywhere but in one slot.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import quote

from deploy.local.databases import SERVICES, Service
from shared.service import document_of
from tests.isolation.brand import Brand
from tests.isolation.given_rest import SPECIAL, soon

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
            found = soon(1)
        case "string":
            typed = _TYPED.match(choice.get("pattern", ""))
            found = _own(typed[1] if typed else None, brand)
        case _:
            found = {}
    return found
