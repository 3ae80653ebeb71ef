"""Our own inbound hook: Standard Webhooks 1.0.0 signatures around the body that
`generic_lead.schema.json` describes."""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hmac import digest
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta

from lead_svc.hooks.delivery import (
    Answer,
    BadConnection,
    Check,
    Content,
    Delivery,
    Refusal,
    Request,
    connection_part,
    content_of,
    dedupe_key,
    is_same,
    json_answer,
)
from lead_svc.hooks.lead_form import LIMITS, Consent, LeadForm, lead_text
from lead_svc.hooks.reading import TEXT_LIMIT, Unreadable, json_object, plausible, required

T = TypeVar("T")

TOLERANCE = timedelta(minutes=5)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
MAX_SIGNATURES = 16
"""Rotation needs two; a header full of them would only buy hashing time."""

ACCEPTED = json_answer(200, {"status": "accepted"})

LEAD_TYPES = ("lead.created", "lead.updated")

EventType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", max_length=100)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone")]
Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
Number = Annotated[str, Meta(max_length=TEXT_LIMIT)] | int
"""Senders give ids and telephone numbers as text or as JSON numbers."""


class ConsentIn(msgspec.Struct, frozen=True, kw_only=True):
    purpose: Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT)]
    notice_version: Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT)] | int
    at: Instant


class LeadIn(msgspec.Struct, frozen=True, kw_only=True):
    """Any further field is kept."""

    lead_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LIMITS["external_lead_id"])] | int,
        Meta(description="The sender's id: with the connection it makes the lead unique"),
    ]
    name: Text | None = None
    phone: Number | None = None
    wechat: Number | None = None
    email: Text | None = None
    unionid: Text | None = None
    openid: Text | None = None
    external_userid: Text | None = None
    platform_user_id: Number | None = None
    city: Text | None = None
    product: Text | None = None
    note: Annotated[str, Meta(max_length=LIMITS["note"])] | None = None
    store_code: Number | None = None
    account_handle: Number | None = None
    post_url: Annotated[str, Meta(max_length=LIMITS["post_url"])] | None = None
    campaign: Number | None = None
    keyword: Text | None = None
    channel_code: Number | None = None
    consent: ConsentIn | None = None
    submitted_at: Instant | None = None


FIELDS = frozenset(LeadIn.__struct_fields__)
TEXT_FIELDS = tuple(
    name for name in LeadIn.__struct_fields__ if name not in ("lead_id", "consent", "submitted_at")
)


class EventIn(msgspec.Struct, frozen=True, kw_only=True):
    """Every event; what `data` holds is known for lead events only."""

    type: EventType
    timestamp: Instant
    data: dict[str, Any]


class LeadEventIn(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["lead.created", "lead.updated"]
    timestamp: Instant
    data: LeadIn


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`whsec_…` shared secrets and `whpk_…` public keys; two while one replaces the other."""

    keys: list[str]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Generic:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._settings = connection_part(Settings, settings, "settings")
        keys = connection_part(Secrets, secrets, "secrets").keys
        self._shared = [shared_key(key) for key in keys if not key.startswith("whpk_")]
        self._public = [public_key(key) for key in keys if key.startswith("whpk_")]
        if not keys:
            raise BadConnection("secrets: no key", field="/secrets/keys")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method != "POST":
            return refusal(405, "method", ("Allow", "POST"))
        webhook_id = request.headers.get("webhook-id", "")
        timestamp = request.headers.get("webhook-timestamp", "")
        if not webhook_id or not self._is_signed(request, webhook_id, timestamp):
            return refusal(401, "signature")
        if not is_recent(timestamp, now):
            return refusal(401, "timestamp")
        return Delivery(
            dedupe_key=dedupe_key(webhook_id, payload=request.body),
            payload=request.body,
            answer=ACCEPTED,
            content=content_of(read, self._settings, request.body, now),
        )

    def _is_signed(self, request: Request, webhook_id: str, timestamp: str) -> bool:
        head = f"{webhook_id}.{timestamp}.".encode("latin-1", "replace")
        signed = head + request.body
        given = request.headers.get("webhook-signature", "").split(" ")
        return any(self._matches(item, signed) for item in given[:MAX_SIGNATURES])

    def _matches(self, item: str, signed: bytes) -> bool:
        version, _, signature = item.partition(",")
        if version == "v1":
            expected = (b64encode(digest(key, signed, "sha256")).decode() for key in self._shared)
            return any(is_same(signature, each) for each in expected)
        if version == "v1a":
            return any(is_signed_by(key, signature, signed) for key in self._public)
        return False


def refusal(status: int, reason: str, *headers: tuple[str, str]) -> Refusal:
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "code": f"hook_{reason}"}
    body = msgspec.json.encode(problem)
    return Refusal(Answer(status, body, "application/problem+json", headers), reason)


def shared_key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not (secret.startswith("whsec_") and 24 <= len(key) <= 64):
        raise BadConnection(
            "secrets: a shared secret is whsec_ and Base64 of 24 to 64 bytes", field="/secrets/keys"
        )
    return key


def public_key(secret: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(
            b64decode(secret.removeprefix("whpk_"), validate=True)
        )
    except ValueError:
        raise BadConnection(
            "secrets: a public key is whpk_ and Base64 of 32 bytes", field="/secrets/keys"
        ) from None


def is_signed_by(key: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_recent(timestamp: str, now: datetime) -> bool:
    if not _TIMESTAMP.fullmatch(timestamp):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()


def read(_: Settings, payload: bytes, now: datetime) -> Content:
    document = json_object(payload, "body")
    if document.get("type") not in LEAD_TYPES:
        other = checked(document, EventIn)
        occurred_at = plausible(other.timestamp, "timestamp", now)
        return Content(kind=other.type, occurred_at=occurred_at, is_known=False)
    event = checked(document, LeadEventIn)
    occurred_at = plausible(event.timestamp, "timestamp", now)
    lead = lead_form(event.data, document["data"], now)
    return Content(kind=event.type, occurred_at=occurred_at, leads=(lead,))


def checked(document: dict[str, Any], type_: type[T]) -> T:
    """Raises Unreadable with the path of the field; the message never holds its value."""
    try:
        return msgspec.convert(document, type_)
    except msgspec.ValidationError as error:
        raise Unreadable(f"body: {error}") from None


def lead_form(lead: LeadIn, data: dict[str, Any], now: datetime) -> LeadForm:
    fields = {
        name: lead_text(value, f"data.{name}")
        for name in TEXT_FIELDS
        if (value := getattr(lead, name)) is not None
    }
    submitted_at = lead.submitted_at
    if submitted_at is not None:
        submitted_at = plausible(submitted_at, "data.submitted_at", now)
    extra = {name: value for name, value in data.items() if name not in FIELDS}
    if lead.consent:
        more = {k: v for k, v in data["consent"].items() if k not in ConsentIn.__struct_fields__}
        if more:
            extra["consent"] = more
    return LeadForm(
        external_lead_id=required(lead.lead_id, "data.lead_id"),
        consent=consent(lead.consent, now) if lead.consent else None,
        submitted_at=submitted_at,
        extra=extra,
        **fields,
    )


def consent(given: ConsentIn, now: datetime) -> Consent:
    return Consent(
        purpose=required(given.purpose, "data.consent.purpose"),
        notice_version=required(given.notice_version, "data.consent.notice_version"),
        at=plausible(given.at, "data.consent.at", now),
    )


def lead_schema() -> dict[str, Any]:
    """The JSON Schema of a lead event, as committed beside this file for the documentation."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lead sent to the generic hook",
        **msgspec.json.schema(LeadEventIn),
    }
