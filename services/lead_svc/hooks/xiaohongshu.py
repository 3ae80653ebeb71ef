"""Xiaohongshu (小红书) third-party direct messages, leads and staff account binding (三方私信).

Known from two independent public integrations, not from the official text: check against the
partner document before going live. No signature is documented, and AES-CBC alone does not
authenticate: the address must stay secret. What decrypts to text counts as verified; every way not
to gives one and the same answer, which tells a forger little about the padding.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

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
    json_answer,
)
from lead_svc.hooks.lead_form import FieldMap, LeadForm, lead_form
from lead_svc.hooks.reading import (
    Unreadable,
    at_path,
    find_text,
    instant,
    json_object,
    object_or_json,
    required,
    text,
)

KINDS = {
    "api/open/im/third/bind_account": "bind_account",
    "api/open/im/third/unbind_account": "unbind_account",
    "api/open/im/auth/bind_user/event": "bind_user",
    "api/open/im/send": "message",
}
KINDS_BY_ENDING = {"intent/comment": "intent_comment", "third/data": "lead"}
"""The sources do not give what stands before these."""

OWNER_FIELDS = {
    "unbind_account": ("user_id",),
    "bind_user": ("user_id",),
    "message": ("from_user_id", "to_user_id"),
}
"""Where our own account stands. Not in `bind_account`: an account that binds itself cannot be in
the list yet, its token speaks for it. Nor in leads and comments, whose fields nobody published."""

SEPARATOR = "~split~"

TEXT = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+")
"""What a wrong key or a forged block does not decrypt to."""


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`user_ids`: the bound accounts; if given, only their deliveries are taken.

    `lead_fields`: our field → dotted path in a lead, beside the defaults.
    """

    user_ids: list[str] = []
    lead_fields: FieldMap = {}


LEAD_FIELDS: FieldMap = {
    "name": "name",
    "phone": "phone",
    "account_handle": "user_id",
    "platform_user_id": "user_info.user_id",
}


class Xiaohongshu:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        key = connection_part(Secrets, secrets, "secrets").key
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", key):
            raise BadConnection("secrets: the key must be 32 hex digits", field="/secrets/key")
        self._key = bytes.fromhex(key)
        self._settings = connection_part(Settings, settings, "settings")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method != "POST":
            return Refusal(Answer(405, headers=(("Allow", "POST"),)), "method")
        kind = kind_of(request.path)
        if kind is None:
            return refusal(404, "path")
        try:
            envelope = json_object(request.body, "body")
            encrypted = required(envelope.pop("content", None), "content", len(request.body))
        except Unreadable:
            return refusal(400, "envelope")
        try:
            plain = decrypt(self._key, encrypted)
        except ValueError:
            return refusal(400, "encryption")

        # What stands in the path and around the content must be there to be read again.
        payload = msgspec.json.encode({"kind": kind, "envelope": envelope, "content": plain})
        try:
            document = document_of(kind, envelope, plain)
        except Unreadable:
            document = envelope
        if not self._is_bound(kind, document):
            return refusal(403, "recipient")
        return Delivery(
            dedupe_key=dedupe_key(find_text(document.get("message_id")), payload=payload),
            payload=payload,
            answer=json_answer(200, {"code": 0, "msg": "success", "success": True}),
            content=content_of(read, self._settings, payload, now),
        )

    def _is_bound(self, kind: str, document: dict[str, Any]) -> bool:
        if not self._settings.user_ids or kind not in OWNER_FIELDS:
            return True
        named = {find_text(document.get(name)) for name in OWNER_FIELDS[kind]} - {None}
        return not named or not named.isdisjoint(self._settings.user_ids)


def read(settings: Settings, payload: bytes, now: datetime) -> Content:
    stored = json_object(payload, "body")
    kind = required(stored.get("kind"), "kind")
    envelope = object_or_json(stored.get("envelope"), "envelope")
    document = document_of(kind, envelope, stored.get("content"))
    occurred_at = instant(document.get("timestamp"), "timestamp", "ms", now)
    leads = (lead(settings, document, occurred_at),) if kind == "lead" else ()
    return Content(kind=kind, occurred_at=occurred_at, leads=leads)


def document_of(kind: str, envelope: dict[str, Any], content: Any) -> dict[str, Any]:
    """Messages stand around their content, everything else is inside it."""
    said = object_or_json(content, "content")
    return {**envelope, "content": said} if kind == "message" else said


def lead(settings: Settings, document: dict[str, Any], occurred_at: datetime | None) -> LeadForm:
    form = lead_form(
        document,
        LEAD_FIELDS | settings.lead_fields,
        external_lead_id=f"sha256:{sha256(msgspec.json.encode(document)).hexdigest()}",
        submitted_at=occurred_at,
        name=text(at_path(document, "user_info.nickname"), "user_info.nickname"),
    )
    if not (form.phone or form.wechat or form.email or form.platform_user_id):
        raise Unreadable("phone, user_info.user_id: missing")
    return form


def kind_of(path: str) -> str | None:
    path = path.strip("/")
    if path in KINDS:
        return KINDS[path]
    endings = (kind for end, kind in KINDS_BY_ENDING.items() if f"/{path}".endswith(f"/{end}"))
    return next(endings, None)


def refusal(status: int, reason: str) -> Refusal:
    return Refusal(json_answer(status, {"code": status, "msg": reason, "success": False}), reason)


def decrypt(key: bytes, encrypted: str) -> str:
    """AES-128-CBC of `base64(iv)~split~base64(ciphertext)`. The initialisation vector is the
    message's own: one source sends zeros, others random bytes. Raises ValueError."""
    iv, separator, sealed = encrypted.partition(SEPARATOR)
    if not separator:
        raise ValueError("no separator")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(b64decode(iv, validate=True))).decryptor()
    padded = decryptor.update(b64decode(sealed, validate=True)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    plain = (unpadder.update(padded) + unpadder.finalize()).decode()
    if not TEXT.fullmatch(plain):
        raise ValueError("not text")
    return plain
