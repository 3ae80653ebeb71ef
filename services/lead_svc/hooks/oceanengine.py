"""OceanEngine (巨量引擎) SPI push. No published label carries leads: those that a connection's
settings name as such do."""

from collections.abc import Mapping
from datetime import datetime
from hmac import digest
from typing import Any, Literal

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
from lead_svc.hooks.lead_form import FieldMap, lead_form
from lead_svc.hooks.reading import (
    Unreadable,
    find_text,
    instant,
    json_object,
    object_or_json,
    required,
)

KINDS = {
    "report.advertiser.beforeday",
    "report.ad.activeprogram",
    "report.creative.activeprogram",
    "report.material.activeprogram",
}


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    app_secret: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`lead_labels`: service label → our field → dotted path in `data`.

    `answer_spelling`: receivers in the field answer `base_resp`, the Go SDK `BaseResp`.
    """

    lead_labels: dict[str, FieldMap] = {}
    answer_spelling: Literal["base_resp", "BaseResp"] = "base_resp"


class OceanEngine:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._secret = connection_part(Secrets, secrets, "secrets").app_secret.encode()
        self._settings = connection_part(Settings, settings, "settings")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method == "GET":
            return self._check(request.query)
        if request.method != "POST":
            return Refusal(Answer(405, headers=(("Allow", "GET, POST"),)), "method")
        signature = digest(self._secret, request.body, "sha256").hex()
        if not is_same(request.headers.get("x-open-signature", ""), signature):
            return Refusal(self._answer(401, "signature"), "signature")

        try:
            message_id = find_text(json_object(request.body, "body").get("message_id"))
        except Unreadable:
            message_id = None
        return Delivery(
            dedupe_key=dedupe_key(message_id, payload=request.body),
            payload=request.body,
            answer=self._answer(200, "ok"),
            content=content_of(read, self._settings, request.body, now),
        )

    def _check(self, query: Mapping[str, str]) -> Check | Refusal:
        challenge = query.get("challenge", "")
        if query.get("event") != "verify_webhook" or not is_number(challenge):
            return Refusal(self._answer(400, "challenge"), "envelope")
        return Check(self._answer(200, "ok", challenge=int(challenge)))

    def _answer(self, status: int, message: str, **more: int) -> Answer:
        if self._settings.answer_spelling == "BaseResp":
            outcome: dict[str, Any] = {"BaseResp": {"StatusCode": status, "StatusMessage": message}}
        else:
            outcome = {"base_resp": {"status_code": status, "status_message": message}}
        return json_answer(status, outcome | more)


def read(settings: Settings, payload: bytes, now: datetime) -> Content:
    document = json_object(payload, "body")
    label = required(document.get("service_label"), "service_label")
    message_id = required(document.get("message_id"), "message_id")
    occurred_at = instant(document.get("timestamp"), "timestamp", "ms", now)
    said = object_or_json(document.get("data"), "data")
    fields = settings.lead_labels.get(label)
    if fields is None:
        return Content(kind=label, occurred_at=occurred_at, is_known=label in KINDS)
    said = said | {"advertiser_ids": document.get("advertiser_ids")}
    lead = lead_form(said, fields, external_lead_id=message_id, submitted_at=occurred_at)
    return Content(kind=label, occurred_at=occurred_at, leads=(lead,))


def is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 19
