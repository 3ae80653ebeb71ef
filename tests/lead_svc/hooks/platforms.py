"""The senders' side, written from the formats alone: signs and encrypts as the platforms do."""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import md5, sha1
from hmac import digest
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lead_svc.hooks import Broken, Content, Delivery, Hook, Request, decode_query, open_hook

NOW = datetime(2026, 3, 1, 2, 15, 30, tzinfo=UTC)
"""1772331330: half a minute after the instants in the samples."""

WECOM_TOKEN = "QDG6eK"
WECOM_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
WECOM_CORP = "wwkosdemo00000009"

DOUYIN_SECRET = "kos-demo-client-secret"
OCEANENGINE_SECRET = "kos-demo-oe-secret"
KUAISHOU_SECRET = "kos-demo-ks-secret"
XIAOHONGSHU_KEY = "00112233445566778899aabbccddeeff"
GENERIC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_GENERIC_SECRET = "whsec_" + b64encode(b"the secret of the next month....").decode()

SECRETS: Mapping[str, Mapping[str, Any]] = {
    "wecom": {"token": WECOM_TOKEN, "encoding_aes_key": WECOM_KEY},
    "douyin": {"client_secret": DOUYIN_SECRET},
    "oceanengine": {"app_secret": OCEANENGINE_SECRET},
    "kuaishou": {"app_secret": KUAISHOU_SECRET},
    "xiaohongshu": {"key": XIAOHONGSHU_KEY},
    "generic": {"keys": [GENERIC_SECRET]},
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {"wecom": {"receive_ids": [WECOM_CORP]}}


def make_hook(platform: str, settings: Mapping[str, Any] | None = None, **secrets: Any) -> Hook:
    return open_hook(
        platform,
        {**SECRETS[platform], **secrets},
        SETTINGS.get(platform, {}) if settings is None else settings,
    )


def delivered(result: object) -> Delivery:
    assert isinstance(result, Delivery), result
    return result


def content_of(result: object) -> Content:
    content = delivered(result).content
    assert isinstance(content, Content), content
    return content


def fault_of(result: object) -> str:
    content = delivered(result).content
    assert isinstance(content, Broken), content
    return content.reason


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def wecom_encrypt(
    message: bytes, receive_id: str = WECOM_CORP, *, random: bytes = b"0123456789abcdef"
) -> str:
    plain = random + len(message).to_bytes(4, "big") + message + receive_id.encode()
    pad = 32 - len(plain) % 32
    return wecom_cipher(plain + bytes([pad]) * pad)


def wecom_cipher(padded: bytes) -> str:
    key = b64decode(WECOM_KEY + "=")
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def wecom_query(
    encrypted: str, *, timestamp: str = "1772331300", nonce: str = "n-1", **more: str
) -> dict[str, str]:
    text = "".join(sorted([WECOM_TOKEN, timestamp, nonce, encrypted]))
    signature = sha1(text.encode(), usedforsecurity=False).hexdigest()
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, **more}


def wecom_check(encrypted: str) -> Request:
    """As it stands on the wire: the query is encoded, and decoded once by the receiver."""
    raw = urlencode(wecom_query(encrypted, echostr=encrypted)).encode()
    return Request(method="GET", query=decode_query(raw))


def wecom_push(message: bytes, *, receive_id: str = WECOM_CORP, form: str = "cdata") -> Request:
    encrypted = wecom_encrypt(message, receive_id)
    body = {
        "cdata": f"<xml><ToUserName><![CDATA[{receive_id}]]></ToUserName>"
        f"<AgentID><![CDATA[1000002]]></AgentID><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>",
        "xml": f"<xml><ToUserName>{receive_id}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>",
        "json": json.dumps({"tousername": receive_id, "agentid": "1", "encrypt": encrypted}),
        "json upper case": json.dumps({"ToUserName": receive_id, "Encrypt": encrypted}),
    }[form]
    return Request(method="POST", query=wecom_query(encrypted), body=body.encode())


def wecom_event(**fields: str) -> bytes:
    given = {
        "ToUserName": WECOM_CORP,
        "FromUserName": "sys",
        "CreateTime": "1772330100",
        "MsgType": "event",
        **fields,
    }
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in given.items())
    return f"<xml>{inner}</xml>".encode()


def douyin_push(body: bytes, *, message_id: str | None = "msg-1") -> Request:
    signature = sha1(DOUYIN_SECRET.encode() + body, usedforsecurity=False).hexdigest()
    headers = {"x-douyin-signature": signature}
    return Request(
        method="POST",
        headers=headers if message_id is None else {**headers, "msg-id": message_id},
        body=body,
    )


def oceanengine_push(body: bytes) -> Request:
    signature = digest(OCEANENGINE_SECRET.encode(), body, "sha256").hex()
    return Request(method="POST", headers={"x-open-signature": signature}, body=body)


def kuaishou_push(body: bytes) -> Request:
    signature = md5(body + KUAISHOU_SECRET.encode(), usedforsecurity=False).hexdigest()
    return Request(method="POST", headers={"kwaisign": signature}, body=body)


def xiaohongshu_encrypt(plain: bytes, iv: bytes | None = None) -> str:
    iv = os.urandom(16) if iv is None else iv
    pad = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(bytes.fromhex(XIAOHONGSHU_KEY)), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return f"{b64encode(iv).decode()}~split~{b64encode(sealed).decode()}"


def xiaohongshu_push(path: str, plain: bytes, **envelope: Any) -> Request:
    body = to_json({**envelope, "content": xiaohongshu_encrypt(plain)})
    return Request(method="POST", path=path, body=body)


def generic_push(
    body: bytes,
    *,
    secrets: tuple[str, ...] = (GENERIC_SECRET,),
    webhook_id: str = "msg_1",
    at: datetime = NOW,
    timestamp: str | None = None,
) -> Request:
    timestamp = timestamp or str(int(at.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + b64encode(digest(b64decode(secret[6:]), signed, "sha256")).decode()
        for secret in secrets
    ]
    return generic_request(body, webhook_id, timestamp, " ".join(signatures))


def generic_push_with_key_pair(body: bytes, key: Ed25519PrivateKey, at: datetime = NOW) -> Request:
    timestamp = str(int(at.timestamp()))
    signature = key.sign(f"msg_1.{timestamp}.".encode() + body)
    return generic_request(body, "msg_1", timestamp, "v1a," + b64encode(signature).decode())


def public_key(key: Ed25519PrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "whpk_" + b64encode(raw).decode()


def generic_request(body: bytes, webhook_id: str, timestamp: str, signature: str) -> Request:
    return Request(
        method="POST",
        headers={
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature,
        },
        body=body,
    )
