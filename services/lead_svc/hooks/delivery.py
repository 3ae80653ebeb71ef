"""What goes into a platform hook and what comes out; no I/O anywhere in this package."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

import msgspec

from lead_svc.hooks.lead_form import LeadForm
from lead_svc.hooks.reading import Unreadable
from shared.errors import Invalid

T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024
"""The edge answers 413 to a longer body; no platform comes near it (Standard Webhooks: 20 KB)."""

MAX_DEDUPE_KEY = 200


class BadConnection(Invalid):
    """The secrets or settings of a connection do not fit its platform; `field` says which."""

    code = "bad_connection"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to a hook.

    `path` is what follows the connection id, without a leading slash. Header names are lower
    case, values decoded as Latin-1. Build `query` with `decode_query`.
    """

    method: str
    path: str = ""
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What goes back to the platform, byte for byte."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


class Check(msgspec.Struct, frozen=True):
    """The platform asked whether the address is ours; nothing is stored."""

    answer: Answer


class Refusal(msgspec.Struct, frozen=True):
    """Not verified. `reason` comes from a small fixed set (a metric label), never from the input:
    signature, timestamp, recipient, envelope, encryption, method, path."""

    answer: Answer
    reason: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a verified delivery says. `is_known` is False for a kind that the platform's
    published list does not have; `occurred_at` is None where the platform names no time."""

    kind: str
    occurred_at: datetime | None
    leads: tuple[LeadForm, ...] = ()
    is_known: bool = True


class Broken(msgspec.Struct, frozen=True):
    """Verified but unreadable. `reason` names the field and never quotes its value."""

    reason: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A verified delivery: to be stored, then answered with `answer`.

    `dedupe_key` is unique per connection and at most 200 characters. `payload` is the content in
    clear; `hooks.read` reads it again without any signature.
    """

    dedupe_key: str
    payload: bytes
    answer: Answer
    content: Content | Broken


Read = Callable[[Any, bytes, datetime], Content]
"""Reads verified content with the settings of a connection; raises Unreadable."""


class Hook(Protocol):
    """One platform's protocol with the secrets and settings of one connection."""

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        """Verify and read. Never raises, whatever the bytes."""
        ...


def decode_query(raw: bytes) -> dict[str, str]:
    """Decode a query string exactly once. A `+` stays a `+`: platforms put Base64 here.

    The first of several equal names wins.
    """
    query: dict[str, str] = {}
    for pair in raw.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        query.setdefault(unquote(name), unquote(value))
    return query


def dedupe_key(*parts: str | None, payload: bytes) -> str:
    """Join what the platform calls the delivery; without any of it, the hash of the payload."""
    named = [part or "" for part in parts]
    if not any(named):
        return f"sha256:{sha256(payload).hexdigest()}"
    key = "|".join(named).replace("\0", "")
    if len(key) > MAX_DEDUPE_KEY:
        return f"sha256:{sha256(key.encode('utf-8', 'replace')).hexdigest()}"
    return key


def is_same(given: str, expected: str) -> bool:
    """Compare in constant time; any characters are allowed in `given`."""
    return compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def json_answer(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(body), "application/json")


def connection_part(type_: type[T], given: Mapping[str, Any], part: str) -> T:
    """Read the secrets or settings of a connection; unknown names are refused, so typos show."""
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise BadConnection(f"{part}: {error}", field=f"/{part}") from None


def content_of(read: Read, settings: Any, payload: bytes, now: datetime) -> Content | Broken:
    try:
        return read(settings, payload, now)
    except Unreadable as error:
        return Broken(str(error))
