"""A message in the form its platform puts it on the wire, and what counts as the right answer."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import httpx

from deploy.sandbox import signing
from deploy.sandbox.hooks.connections import (
    Connection,
    DouyinConnection,
    GenericConnection,
    KuaishouConnection,
    OceanEngineConnection,
    WecomConnection,
    XiaohongshuConnection,
)
from deploy.sandbox.world import digest, instant

XIAOHONGSHU_PREFIX = "/api/open/im/"


@dataclass(frozen=True)
class Message:
    """One thing a platform tells.

    `raw` takes the place of what lies inside the envelope: Douyin's content, Ocean Engine's and
    Kuaishou's data, the plaintext of WeCom and Xiaohongshu, the whole body of the generic form.
    """

    message_id: str
    event: str
    data: Mapping[str, Any]
    created_at: float
    raw: str | None = None
    bad_signature: bool = False

    @property
    def nonce(self) -> int:
        return int(digest("nonce", self.message_id)[:8], 16)


@dataclass(frozen=True)
class Wire:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


def compose(connection: Connection, message: Message) -> Wire:
    """Signed for sending now: repeats keep the ids and carry a new timestamp where there is one."""
    return COMPOSERS[connection.platform](connection.settings, message)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _spoilt(signature: str, message: Message) -> str:
    """Changes one significant character; the form of the signature stays right."""
    if not message.bad_signature:
        return signature
    body = signature.rstrip("=")
    return body[:-2] + ("0" if body[-2] != "0" else "1") + body[-1] + signature[len(body) :]


def wecom_event_xml(settings: WecomConnection, message: Message) -> str:
    fields = {
        "ToUserName": settings.corp_id,
        "FromUserName": "sys",
        "CreateTime": int(message.created_at),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": message.event,
        **message.data,
    }
    inner = "".join(
        f"<{name}>{value if isinstance(value, int) else _cdata(str(value))}</{name}>"
        for name, value in fields.items()
    )
    return f"<xml>{inner}</xml>"


def _cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _wecom(settings: WecomConnection, message: Message) -> Wire:
    plaintext = message.raw if message.raw is not None else wecom_event_xml(settings, message)
    encrypted = signing.wecom_encrypt(
        settings.encoding_aes_key,
        settings.receive_id or settings.corp_id,
        plaintext,
        digest("prefix", message.message_id)[:16].encode(),
    )
    timestamp, nonce = str(int(time.time())), str(message.nonce)
    signature = signing.wecom_signature(settings.token, timestamp, nonce, encrypted)
    if settings.format == "json":
        content_type = "application/json"
        body = _json(
            {"tousername": settings.corp_id, "agentid": settings.agent_id, "encrypt": encrypted}
        )
    else:
        content_type = "text/xml"
        body = (
            f"<xml><ToUserName>{_cdata(settings.corp_id)}</ToUserName>"
            f"<AgentID>{escape(settings.agent_id)}</AgentID>"
            f"<Encrypt>{_cdata(encrypted)}</Encrypt></xml>"
        )
    return Wire(
        body=body.encode(),
        headers={"content-type": content_type},
        query={
            "msg_signature": _spoilt(signature, message),
            "timestamp": timestamp,
            "nonce": nonce,
        },
    )


def _douyin(settings: DouyinConnection, message: Message) -> Wire:
    content = message.raw if message.raw is not None else message.data.get("content", {})
    body = _json(
        {
            "event": message.event,
            "client_key": settings.client_key,
            "from_user_id": message.data.get("from_user_id", ""),
            "to_user_id": message.data.get("to_user_id", ""),
            "content": content,
            "log_id": digest("log", message.message_id),
        }
    ).encode()
    return Wire(
        body=body,
        headers={
            "content-type": "application/json",
            "x-douyin-signature": _spoilt(
                signing.douyin_signature(settings.client_secret, body), message
            ),
            "msg-id": message.message_id,
        },
    )


def _oceanengine(settings: OceanEngineConnection, message: Message) -> Wire:
    body = _json(
        {
            "message_id": message.message_id,
            "service_label": message.event,
            "data": message.raw if message.raw is not None else _json(message.data),
            "account_relation": _json({"advertiser_ids": settings.advertiser_ids}),
            "advertiser_ids": settings.advertiser_ids,
            "subscribe_task_id": 1,
            "publish_time": int(message.created_at),
            "timestamp": int(time.time() * 1000),
            "nonce": message.nonce,
        }
    ).encode()
    return Wire(
        body=body,
        headers={
            "content-type": "application/json",
            "x-open-signature": _spoilt(
                signing.oceanengine_signature(settings.app_secret, body), message
            ),
        },
    )


def _kuaishou(settings: KuaishouConnection, message: Message) -> Wire:
    body = _json(
        {
            "app_id": settings.app_id,
            "event": message.event,
            "timestamp": int(message.created_at * 1000),
            "message_id": message.message_id,
            "data": message.raw if message.raw is not None else message.data,
        }
    ).encode()
    return Wire(
        body=body,
        headers={
            "content-type": "application/json",
            "kwaisign": _spoilt(signing.kuaishou_signature(settings.app_secret, body), message),
        },
    )


def _xiaohongshu(settings: XiaohongshuConnection, message: Message) -> Wire:
    """No signature exists; `bad_signature` spoils the key, so that decryption fails."""
    key = digest("wrong key", settings.key) if message.bad_signature else settings.key
    iv = bytes.fromhex(digest("iv", message.message_id))
    if message.event == "send":
        text = message.raw if message.raw is not None else _json(message.data.get("content", {}))
        body = {
            **message.data,
            "message_id": message.message_id,
            "content": signing.xiaohongshu_encrypt(key, text, iv),
        }
    else:
        text = message.raw if message.raw is not None else _json(message.data)
        body = {"content": signing.xiaohongshu_encrypt(key, text, iv)}
    return Wire(
        body=_json(body).encode(),
        headers={"content-type": "application/json"},
        path=XIAOHONGSHU_PREFIX + message.event,
    )


def _generic(settings: GenericConnection, message: Message) -> Wire:
    body = (
        message.raw
        if message.raw is not None
        else _json(
            {
                "type": message.event,
                "timestamp": instant(message.created_at),
                "data": message.data,
            }
        )
    ).encode()
    timestamp = str(int(time.time()))
    signature = signing.standard_webhooks_signature(
        settings.secret, message.message_id, timestamp, body
    )
    return Wire(
        body=body,
        headers={
            "content-type": "application/json",
            "webhook-id": message.message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": _spoilt(signature, message),
        },
    )


COMPOSERS: dict[str, Callable[[Any, Message], Wire]] = {
    "wecom": _wecom,
    "douyin": _douyin,
    "oceanengine": _oceanengine,
    "kuaishou": _kuaishou,
    "xiaohongshu": _xiaohongshu,
    "generic": _generic,
}


def is_accepted(platform: str, message: Message, answer: httpx.Response) -> bool:
    """Whether the platform takes this answer for success and stops repeating."""
    if platform == "generic":
        return answer.is_success
    if answer.status_code != httpx.codes.OK:
        return False
    if platform in ("wecom", "douyin"):
        return True
    body = _object(answer)
    if platform == "oceanengine":
        base = body.get("base_resp") or body.get("BaseResp") or {}
        return (base.get("status_code") or base.get("StatusCode")) == httpx.codes.OK
    if platform == "kuaishou":
        return body.get("result") == 1 and body.get("message_id") == message.message_id
    return body.get("success") is True and body.get("code") == 0


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
