"""Douyin (抖音) webhooks: developer.open-douyin.com, webhooks/summarize and the event list."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha1
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
from lead_svc.hooks.lead_form import FieldMap, LeadForm, lead_form
from lead_svc.hooks.reading import (
    Unreadable,
    find_text,
    instant,
    json_object,
    object_or_json,
    required,
    text,
)

KINDS = {
    "create_video",
    "authorize",
    "unauthorize",
    "im_receive_msg",
    "im_send_msg",
    "im_enter_direct_msg",
    "enter_group_audit_change",
    "group_fans_event",
    "contract_authorize",
    "contract_unauthorize",
    "new_video_digg",
    "receive_msg",
    "enter_im",
    "dial_phone",
    "website_contact",
    "personal_tab_contact",
}
LEAD_CARD = "retain_consult_card"


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    client_secret: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The platform does not publish the fields of a lead card: `lead_card_fields` maps ours to
    dotted paths in the message content. Unmapped ones are kept as they came."""

    client_key: str = ""
    lead_card_fields: FieldMap = {}


class Douyin:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._secret = connection_part(Secrets, secrets, "secrets").client_secret.encode()
        self._settings = connection_part(Settings, settings, "settings")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method != "POST":
            return Refusal(Answer(405, headers=(("Allow", "POST"),)), "method")
        # Secret and SHA-1 in front are the platform's choice.
        signature = sha1(self._secret + request.body, usedforsecurity=False).hexdigest()
        if not is_same(request.headers.get("x-douyin-signature", ""), signature):
            return Refusal(json_answer(401, {"message": "signature"}), "signature")

        try:
            document = json_object(request.body, "body")
        except Unreadable:
            document = {}
        if document.get("event") == "verify_webhook":
            return self._check(document)
        client_key = find_text(document.get("client_key"))
        if self._settings.client_key and client_key not in (None, self._settings.client_key):
            return Refusal(json_answer(403, {"message": "client_key"}), "recipient")
        return Delivery(
            dedupe_key=dedupe_key(request.headers.get("msg-id"), payload=request.body),
            payload=request.body,
            answer=json_answer(200, {}),
            content=content_of(read, self._settings, request.body, now),
        )

    def _check(self, document: dict[str, Any]) -> Check | Refusal:
        try:
            challenge = object_or_json(document.get("content"), "content").get("challenge")
        except Unreadable:
            challenge = None
        if isinstance(challenge, bool) or not isinstance(challenge, int | str):
            return Refusal(json_answer(400, {"message": "challenge"}), "envelope")
        # A number stays a number: the platform compares types.
        return Check(json_answer(200, {"challenge": challenge}))


def read(settings: Settings, payload: bytes, now: datetime) -> Content:
    document = json_object(payload, "body")
    event = required(document.get("event"), "event")
    said = object_or_json(document.get("content"), "content")
    occurred_at = instant(said.get("create_time"), "content.create_time", "ms", now)
    # A card in im_send_msg is the seller's own: only what the other side sends is a lead.
    is_lead = event == "im_receive_msg" and said.get("message_type") == LEAD_CARD
    return Content(
        kind=event,
        occurred_at=occurred_at,
        leads=(lead_card(settings, document, said, occurred_at),) if is_lead else (),
        is_known=event in KINDS,
    )


def lead_card(
    settings: Settings,
    document: dict[str, Any],
    said: dict[str, Any],
    occurred_at: datetime | None,
) -> LeadForm:
    sender = required(document.get("from_user_id"), "from_user_id")
    return lead_form(
        said,
        settings.lead_card_fields,
        external_lead_id=required(said.get("server_message_id"), "content.server_message_id"),
        submitted_at=occurred_at,
        openid=sender,
        account_handle=text(document.get("to_user_id"), "to_user_id"),
        name=nickname(said, sender),
    )


def nickname(said: dict[str, Any], open_id: str) -> str | None:
    infos = said.get("user_infos")
    for info in infos if isinstance(infos, list) else ():
        if isinstance(info, dict) and info.get("open_id") == open_id:
            return text(info.get("nick_name"), "content.user_infos.nick_name")
    return None
