"""WeCom (企业微信) callbacks: developer.work.weixin.qq.com documents 90930, 90968, 90238, 92130.

An enterprise's own app and third-party apps, XML and JSON bodies. The four error codes named in
refusals are those of Tencent's reference library.
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha1
from hmac import compare_digest
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml.ElementTree import fromstring

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
)
from lead_svc.hooks.lead_form import LeadForm, lead_form
from lead_svc.hooks.reading import (
    MAX_DEPTH,
    Unreadable,
    instant,
    json_object,
    required,
    text,
)

KINDS = {
    "change_external_contact": {
        "add_external_contact",
        "add_half_external_contact",
        "edit_external_contact",
        "del_external_contact",
        "del_follow_user",
        "transfer_fail",
    },
    "change_external_chat": {"create", "dismiss", "update"},
    "change_external_tag": {"create", "update", "delete", "shuffle"},
    "customer_acquisition": {
        "balance_low",
        "balance_exhausted",
        "balance_increased",
        "quota_expire_soon",
        "link_unavailable",
        "delete_link",
        "friend_request",
        "open_profile",
        "customer_start_chat",
        "message_from_customer",
    },
}
THIRD_PARTY_KINDS = {
    "suite_ticket",
    "create_auth",
    "change_auth",
    "cancel_auth",
    "service_balance_low",
    "service_balance_exhausted",
    "service_balance_consumed",
    "change_price",
    "customer_acquisition_permit_change",
}
NEW_CONTACT = {"add_external_contact", "add_half_external_contact"}

EVENT_IDENTITY = (
    "ChangeType",
    "CreateTime",
    "TimeStamp",
    "UserID",
    "ExternalUserID",
    "ChatId",
    "LinkId",
    "Id",
    "UpdateDetail",
    "OnceKey",
)
"""Several events share one CreateTime; these tell them apart, and repeats carry the same values."""

BLOCK = 32
"""WeCom pads to 32 bytes, not to the 16 of the cipher: the pad is 1 to 32 bytes long."""

THIRD_PARTY = re.compile(rb'<InfoType>|"InfoType"', re.IGNORECASE)


class Secrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    encoding_aes_key: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`receive_ids`: corp id, suite id, provider's corp id; which of them a third-party app gets
    differs between the address check and the kinds of push, so every one of them is allowed."""

    receive_ids: list[str]


class Undecryptable(Exception):
    """The message is `code reason` with an error code of the reference library."""


class Wecom:
    def __init__(self, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        given = connection_part(Secrets, secrets, "secrets")
        self._token = given.token
        self._key = aes_key(given.encoding_aes_key)
        self._settings = connection_part(Settings, settings, "settings")
        if not self._settings.receive_ids:
            raise BadConnection("settings: no receive id", field="/settings/receive_ids")

    def receive(self, request: Request, now: datetime) -> Check | Refusal | Delivery:
        if request.method == "GET":
            encrypted = request.query.get("echostr", "")
        elif request.method == "POST":
            try:
                encrypted = encrypted_part(request.body)
            except Unreadable:
                return refusal(400, "-40002 parse", "envelope")
        else:
            return Refusal(Answer(405, headers=(("Allow", "GET, POST"),)), "method")

        message = self._open(request, encrypted)
        if isinstance(message, Refusal):
            return message
        return (
            Check(Answer(200, message)) if request.method == "GET" else self._deliver(message, now)
        )

    def _open(self, request: Request, encrypted: str) -> bytes | Refusal:
        if not is_same(request.query.get("msg_signature", ""), self._signature(request, encrypted)):
            return refusal(401, "-40001 signature", "signature")
        try:
            message, receive_id = decrypt(self._key, encrypted)
        except Undecryptable as error:
            return refusal(400, str(error), "encryption")
        allowed = (known.encode() for known in self._settings.receive_ids)
        if not any(compare_digest(receive_id, each) for each in allowed):
            return refusal(403, "-40005 receiveid", "recipient")
        return message

    def _signature(self, request: Request, encrypted: str) -> str:
        parts = (
            self._token,
            request.query.get("timestamp", ""),
            request.query.get("nonce", ""),
            encrypted,
        )
        joined = b"".join(sorted(part.encode("utf-8", "replace") for part in parts))
        # SHA-1 is the platform's choice.
        return sha1(joined, usedforsecurity=False).hexdigest()

    def _deliver(self, message: bytes, now: datetime) -> Delivery:
        try:
            key = identity(fields_of(message), message)
        except Unreadable:
            key = dedupe_key(payload=message)
        return Delivery(
            dedupe_key=key,
            payload=message,
            # Third-party apps must say `success`; an own app says nothing: anything else would
            # have to be an encrypted reply.
            answer=Answer(200, b"success" if THIRD_PARTY.search(message) else b""),
            content=content_of(read, self._settings, message, now),
        )


def refusal(status: int, message: str, reason: str) -> Refusal:
    return Refusal(Answer(status, message.encode()), reason)


def aes_key(encoding_aes_key: str) -> bytes:
    """43 characters, 258 bits, of which the last two may be anything: a decoder that insists on
    canonical Base64 would reject valid keys."""
    if not re.fullmatch(r"[A-Za-z0-9]{43}", encoding_aes_key):
        raise BadConnection(
            "secrets: the EncodingAESKey must be 43 letters and digits",
            field="/secrets/encoding_aes_key",
        )
    return b64decode(encoding_aes_key + "=")


def decrypt(key: bytes, encrypted: str) -> tuple[bytes, bytes]:
    """The message and the receive id, both as the bytes that were sent."""
    try:
        sealed = b64decode(encrypted, validate=True)
    except ValueError:
        raise Undecryptable("-40010 base64") from None
    if not sealed or len(sealed) % BLOCK:
        raise Undecryptable("-40007 decrypt")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()

    pad = padded[-1]
    if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise Undecryptable("-40007 decrypt")
    # 16 random bytes, the length of the message in 4, the message, the receive id.
    plain = padded[:-pad]
    end = 20 + int.from_bytes(plain[16:20], "big")
    if len(plain) < 20 or end > len(plain):
        raise Undecryptable("-40008 bad buffer")
    return plain[20:end], plain[end:]


def encrypted_part(body: bytes) -> str:
    return required(fields_of(body).get("encrypt"), "Encrypt", limit=len(body))


def fields_of(document: bytes) -> dict[str, Any]:
    """The fields of an XML or JSON document under lower-case names: senders vary in case."""
    if document.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        found = json_object(document, "body")
    else:
        try:
            root = fromstring(document, forbid_dtd=True)
        except (ParseError, ValueError, LookupError):
            raise Unreadable("body: neither XML nor JSON") from None
        value = element_value(root, 1)
        if not isinstance(value, dict):
            raise Unreadable("body: no fields")
        found = value
    return {name.lower(): value for name, value in found.items()}


def element_value(element: Element, depth: int) -> Any:
    """Text of a leaf, else its children by name; a name that repeats becomes a list."""
    if depth > MAX_DEPTH:
        raise Unreadable(f"body: nested deeper than {MAX_DEPTH} levels")
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    repeated: set[str] = set()
    for child in element:
        value = element_value(child, depth + 1)
        if child.tag in repeated:
            found[child.tag].append(value)
        elif child.tag in found:
            found[child.tag] = [found[child.tag], value]
            repeated.add(child.tag)
        else:
            found[child.tag] = value
    return found


def identity(fields: dict[str, Any], message: bytes) -> str:
    message_id = text(fields.get("msgid"), "MsgId")
    if message_id:
        return dedupe_key("message", message_id, payload=message)
    corp = fields.get("authcorpid") or fields.get("tousername")
    event = fields.get("infotype") or fields.get("event")
    details = [text(fields.get(name.lower()), name) for name in EVENT_IDENTITY]
    return dedupe_key(text(corp, "corp"), text(event, "Event"), *details, payload=message)


def read(_: Settings, payload: bytes, now: datetime) -> Content:
    fields = fields_of(payload)
    if "infotype" in fields:
        event = required(fields["infotype"], "InfoType")
        occurred_at = instant(fields.get("timestamp"), "TimeStamp", "s", now)
    else:
        occurred_at = instant(
            required(fields.get("createtime"), "CreateTime"), "CreateTime", "s", now
        )
        message_type = required(fields.get("msgtype"), "MsgType")
        if message_type != "event":
            return Content(kind=f"message.{message_type}", occurred_at=occurred_at)
        event = required(fields.get("event"), "Event")

    change = text(fields.get("changetype"), "ChangeType")
    return Content(
        kind=f"{event}.{change}" if change else event,
        occurred_at=occurred_at,
        leads=(
            (new_contact(fields, occurred_at),)
            if event == "change_external_contact" and change in NEW_CONTACT
            else ()
        ),
        is_known=change in KINDS.get(event, ()) or bool(THIRD_PARTY_KINDS & {event, change}),
    )


def new_contact(fields: dict[str, Any], occurred_at: datetime | None) -> LeadForm:
    """A customer and a member became contacts. The pair is the lead: the customer's full add
    after the member's half add is the same one."""
    member = required(fields.get("userid"), "UserID")
    customer = required(fields.get("externaluserid"), "ExternalUserID")
    return lead_form(
        fields,
        {"external_userid": "externaluserid", "account_handle": "userid", "channel_code": "state"},
        external_lead_id=f"{member}/{customer}",
        submitted_at=occurred_at,
    )
