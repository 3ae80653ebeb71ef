"""Reading what a platform sent: every surprise becomes `Unreadable`, which names the field."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

BOM = b"\xef\xbb\xbf"
MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1
_LONG_NUMBER = re.compile("[0-9]{19}")

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
CLOCK_AHEAD = timedelta(days=1)

TEXT_LIMIT = 500


class Unreadable(Exception):
    """The content cannot be read. The message names a field and never quotes a value."""


def json_object(raw: bytes | str, what: str) -> dict[str, Any]:
    """Parse a JSON object. Of a name given twice the last value counts."""
    try:
        document = msgspec.json.decode(raw.removeprefix(BOM) if isinstance(raw, bytes) else raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Unreadable(f"{what}: not JSON") from None
    if not isinstance(document, dict):
        raise Unreadable(f"{what}: not a JSON object")
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    if _is_plain(text):
        return document
    return {storable_text(name): storable(value, what, 1) for name, value in document.items()}


def _is_plain(text: str) -> bool:
    """Whether `storable` would change nothing: no NUL can be in there, no number of more than 18
    digits, and too few brackets to nest too deep."""
    return (
        "\\u0000" not in text
        and text.count("{") + text.count("[") < MAX_DEPTH
        and not _LONG_NUMBER.search(text)
    )


def storable(value: Any, what: str, depth: int) -> Any:
    """The same value as PostgreSQL and any JSON reader can keep it: no NUL, no bottomless
    nesting, no integer beyond 64 bits (kept as text, so an id loses no digit)."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        return str(value)
    if isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise Unreadable(f"{what}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, list):
            return [storable(item, what, depth + 1) for item in value]
        return {
            storable_text(name): storable(item, what, depth + 1) for name, item in value.items()
        }
    return value


def storable_text(value: str) -> str:
    return value.replace("\0", "") if "\0" in value else value


def object_or_json(value: Any, what: str) -> dict[str, Any]:
    """An object that some senders wrap in a JSON-encoded string."""
    if isinstance(value, str):
        return json_object(value, what)
    if not isinstance(value, dict):
        raise Unreadable(f"{what}: not a JSON object")
    return value


def text(value: Any, field: str, limit: int = TEXT_LIMIT) -> str | None:
    """A text or a whole number as text, trimmed; None if absent or empty."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unreadable(f"{field}: expected text")
    trimmed = str(value).strip()
    if len(trimmed) > limit:
        raise Unreadable(f"{field}: longer than {limit} characters")
    return trimmed or None


def find_text(value: Any) -> str | None:
    """A text or a whole number as text; None for anything else."""
    try:
        return text(value, "")
    except Unreadable:
        return None


def required(value: Any, field: str, limit: int = TEXT_LIMIT) -> str:
    found = text(value, field, limit)
    if found is None:
        raise Unreadable(f"{field}: missing")
    return found


def instant(value: Any, field: str, unit: Literal["s", "ms"], now: datetime) -> datetime | None:
    """Unix time given as a number or as digits; None if absent."""
    digits = text(value, field)
    if digits is None:
        return None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise Unreadable(f"{field}: not a time in {unit}")
    seconds = int(digits) / (1 if unit == "s" else 1000)
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Unreadable(f"{field}: not a time in {unit}") from None
    return plausible(at, field, now)


def plausible(at: datetime, field: str, now: datetime) -> datetime:
    """Refuse times that no living system means: they would wreck windows and deadlines."""
    if not EARLIEST <= at <= now + CLOCK_AHEAD:
        raise Unreadable(f"{field}: before 2000 or in the future")
    return at.astimezone(UTC)


def at_path(source: Mapping[str, Any], path: str) -> Any:
    """Follow a dotted path through objects and JSON-encoded objects; None where it ends early."""
    value: Any = source
    for name in path.split("."):
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = json_object(value, path)
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
