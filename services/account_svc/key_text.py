"""The text of an API key: `kos_live_` + public id + secret + checksum, all in base62.

The checksum (CRC32, as GitHub's tokens carry one) lets a scanner tell a leaked key from noise and
lets us refuse a mistyped one without a look into the database.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

LEAD = "kos_live_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH = 8
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # the least number of base62 digits that hold 32 bytes
_CHECK_LENGTH = 6  # … that hold 4 bytes
_SHAPE = re.compile(
    rf"{LEAD}[0-9A-Za-z]{{{_ID_LENGTH}}}[0-9A-Za-z]{{{_SECRET_LENGTH + _CHECK_LENGTH}}}"
)


@dataclass(frozen=True, slots=True)
class KeyText:
    text: str
    """Shown once, never stored."""

    @property
    def prefix(self) -> str:
        """What the key is found by and shown as."""
        return self.text[: len(LEAD) + _ID_LENGTH]

    @property
    def hash(self) -> bytes:
        """SHA-256 is enough: the secret has 256 random bits, nothing to guess."""
        return hashlib.sha256(self.text.encode()).digest()

    def matches(self, stored: bytes) -> bool:
        return hmac.compare_digest(self.hash, stored)


def new_key() -> KeyText:
    public = "".join(secrets.choice(_DIGITS) for _ in range(_ID_LENGTH))
    secret = _base62(int.from_bytes(secrets.token_bytes(_SECRET_BYTES)), _SECRET_LENGTH)
    body = f"{LEAD}{public}{secret}"
    return KeyText(body + _checksum(body))


def parse_key(text: str) -> KeyText | None:
    """The key, if it is one by its form and its checksum."""
    if not _SHAPE.fullmatch(text):
        return None
    body, check = text[:-_CHECK_LENGTH], text[-_CHECK_LENGTH:]
    return KeyText(text) if hmac.compare_digest(_checksum(body), check) else None


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits.rjust(length, "0")
