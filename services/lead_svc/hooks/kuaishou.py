"""Kuaishou (快手) open platform webhooks: open.kuaishou.com, WebHook guide. No event carries leads;
those are pulled."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import md5
from typing import Any

import msgspec

from lead_svc.hooks.delivery import (
    Answer,
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
from lead_svc.hooks.reading import (
    Unreadable,
    find_text,
    instant,
    json_object,
    object_or_json,
    required,
)

KINDS = {"AUTHORIZE", "UN_AUTHORIZE"}


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    app_secret: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    app_id: str = ""


class Kuaishou:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._secret = connection_part(Secrets, secrets, "secrets").app_secret.encode()
        self._settings = connection_part(Settings, settings, "settings")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method != "POST":
            return Refusal(Answer(405, headers=(("Allow", "POST"),)), "method")
        # MD5 is the platform's choice. The letter case of its hex is not documented.
        signature = md5(request.body + self._secret, usedforsecurity=False).hexdigest()
        if not is_same(request.headers.get("kwaisign", "").lower(), signature):
            return refusal(401, "signature")

        try:
            document = json_object(request.body, "body")
        except Unreadable:
            document = {}
        message_id, app_id = (find_text(document.get(name)) for name in ("message_id", "app_id"))
        if self._settings.app_id and app_id not in (None, self._settings.app_id):
            return refusal(403, "recipient")
        # the same value, a number as a number: anything else is repeated three times
        same = "" if message_id is None else document["message_id"]
        return Delivery(
            dedupe_key=dedupe_key(message_id, payload=request.body),
            payload=request.body,
            answer=json_answer(200, {"result": 1, "message_id": same}),
            content=content_of(read, self._settings, request.body, now),
        )


def read(_: Settings, payload: bytes, now: datetime) -> Content:
    document = json_object(payload, "body")
    required(document.get("message_id"), "message_id")
    event = required(document.get("event"), "event")
    occurred_at = instant(document.get("timestamp"), "timestamp", "ms", now)
    object_or_json(document.get("data", {}), "data")
    return Content(kind=event, occurred_at=occurred_at, is_known=event in KINDS)


def refusal(status: int, reason: str) -> Refusal:
    return Refusal(json_answer(status, {"result": 0, "error_msg": reason}), reason)
