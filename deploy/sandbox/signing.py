"""Signatures and encryption of the platforms, written from their documents alone.

The product has its own implementation; the two share no line, so that a hook which the product
accepts is evidence about the format and not about a shared mistake.
"""

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

STANDARD_WEBHOOKS_TOLERANCE_SECONDS = 300


def wecom_signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    parts = sorted(part.encode() for part in (token, timestamp, nonce, encrypted))
    return hashlib.sha1(b"".join(parts)).hexdigest()  # noqa: S324 - the platform's choice


def wecom_encrypt(encoding_aes_key: str, receive_id: str, plaintext: str, prefix: bytes) -> str:
    """AES-256-CBC, IV = first half of the key, PKCS#7 to 32; `prefix` = 16 bytes of any value."""
    message = plaintext.encode()
    framed = prefix + struct.pack(">I", len(message)) + message + receive_id.encode()
    pad = 32 - len(framed) % 32
    key = _wecom_key(encoding_aes_key)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(
        encryptor.update(framed + bytes([pad]) * pad) + encryptor.finalize()
    ).decode()


def wecom_decrypt(encoding_aes_key: str, encrypted: str) -> tuple[str, str]:
    """The message and the receive id inside; ValueError when padding or length do not hold."""
    key = _wecom_key(encoding_aes_key)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    framed = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    pad = framed[-1]
    if not 1 <= pad <= 32 or framed[-pad:] != bytes([pad]) * pad:
        raise ValueError("padding")
    framed = framed[:-pad]
    (length,) = struct.unpack(">I", framed[16:20])
    if 20 + length > len(framed):
        raise ValueError("length")
    return framed[20 : 20 + length].decode(), framed[20 + length :].decode()


def _wecom_key(encoding_aes_key: str) -> bytes:
    if len(encoding_aes_key) != 43 or not encoding_aes_key.isalnum():
        raise ValueError("EncodingAESKey is 43 letters and digits")
    return base64.b64decode(encoding_aes_key + "=")


def douyin_signature(client_secret: str, body: bytes) -> str:
    return hashlib.sha1(client_secret.encode() + body).hexdigest()  # noqa: S324 - as above


def oceanengine_signature(app_secret: str, body: bytes) -> str:
    return hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def feiyu_signature(key: str, path: str, timestamp: str) -> str:
    """`path` with start_time and end_time only; Base64 of the hex text, not of the digest."""
    text = f"{path} {timestamp}".encode()
    return base64.b64encode(
        hmac.new(key.encode(), text, hashlib.sha256).hexdigest().encode()
    ).decode()


def kuaishou_signature(app_secret: str, body: bytes) -> str:
    return hashlib.md5(body + app_secret.encode()).hexdigest()  # noqa: S324 - as above


XIAOHONGSHU_SPLIT = "~split~"


def xiaohongshu_encrypt(key_hex: str, plaintext: str, iv: bytes) -> str:
    data = plaintext.encode()
    pad = 16 - len(data) % 16
    encryptor = Cipher(algorithms.AES(bytes.fromhex(key_hex)), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(data + bytes([pad]) * pad) + encryptor.finalize()
    return XIAOHONGSHU_SPLIT.join(base64.b64encode(part).decode() for part in (iv, ciphertext))


def xiaohongshu_decrypt(key_hex: str, text: str) -> str:
    iv, ciphertext = (base64.b64decode(part) for part in text.split(XIAOHONGSHU_SPLIT))
    decryptor = Cipher(algorithms.AES(bytes.fromhex(key_hex)), modes.CBC(iv)).decryptor()
    data = decryptor.update(ciphertext) + decryptor.finalize()
    if not 1 <= data[-1] <= 16 or data[-data[-1] :] != bytes([data[-1]]) * data[-1]:
        raise ValueError("padding")
    return data[: -data[-1]].decode()


def standard_webhooks_signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def standard_webhooks_valid(
    secrets: Iterable[str],
    message_id: str,
    timestamp: str,
    signatures: str,
    body: bytes,
    *,
    now: float,
) -> bool:
    """Whether one of the signatures is right under one of the `whsec_` or `whpk_` secrets."""
    if not message_id or not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(now - int(timestamp)) > STANDARD_WEBHOOKS_TOLERANCE_SECONDS:
        return False
    offered = [item.partition(",")[::2] for item in signatures.split(" ")]
    signed = f"{message_id}.{timestamp}.".encode() + body
    for secret in secrets:
        if secret.startswith("whpk_"):
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.removeprefix("whpk_")))
            if any(_ed25519_valid(key, s, signed) for version, s in offered if version == "v1a"):
                return True
        else:
            expected = standard_webhooks_signature(secret, message_id, timestamp, body)[3:]
            for version, signature in offered:
                if version == "v1" and hmac.compare_digest(expected.encode(), signature.encode()):
                    return True
    return False


def _ed25519_valid(key: Ed25519PublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed)
    except (InvalidSignature, ValueError):
        return False
    return True
