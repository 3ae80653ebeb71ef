"""Platform hook protocols: bytes in, a verified delivery or the platform's refusal out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from lead_svc.hooks import douyin, generic, kuaishou, oceanengine, wecom, xiaohongshu
from lead_svc.hooks.delivery import (
    MAX_BODY_BYTES,
    Answer,
    BadConnection,
    Broken,
    Check,
    Content,
    Delivery,
    Hook,
    Read,
    Refusal,
    Request,
    connection_part,
    content_of,
    decode_query,
)
from lead_svc.hooks.lead_form import Consent, LeadForm
from lead_svc.hooks.reading import Unreadable

__all__ = [
    "MAX_BODY_BYTES",
    "PLATFORMS",
    "Answer",
    "BadConnection",
    "Broken",
    "Check",
    "Consent",
    "Content",
    "Delivery",
    "Hook",
    "LeadForm",
    "Refusal",
    "Request",
    "Unreadable",
    "decode_query",
    "open_hook",
    "parse",
    "read",
]


class Platform(msgspec.Struct, frozen=True):
    hook: Callable[[Mapping[str, Any], Mapping[str, Any]], Hook]
    settings: type[Any]
    read: Read


PLATFORMS: Mapping[str, Platform] = {
    "wecom": Platform(wecom.Wecom, wecom.Settings, wecom.read),
    "douyin": Platform(douyin.Douyin, douyin.Settings, douyin.read),
    "oceanengine": Platform(oceanengine.OceanEngine, oceanengine.Settings, oceanengine.read),
    "kuaishou": Platform(kuaishou.Kuaishou, kuaishou.Settings, kuaishou.read),
    "xiaohongshu": Platform(xiaohongshu.Xiaohongshu, xiaohongshu.Settings, xiaohongshu.read),
    "generic": Platform(generic.Generic, generic.Settings, generic.read),
}

ANY_TIME = datetime(9000, 1, 1, tzinfo=UTC)


def open_hook(platform: str, secrets: Mapping[str, Any], settings: Mapping[str, Any]) -> Hook:
    """The hook of a connection; raises BadConnection, which names the field. Keep it: keys are
    decoded here."""
    if platform not in PLATFORMS:
        raise BadConnection(f"no hook for this platform: {platform}", field="/platform")
    return PLATFORMS[platform].hook(secrets, settings)


def read(
    platform: str, settings: Mapping[str, Any], payload: bytes, now: datetime
) -> Content | Broken:
    """Read a stored payload that was verified when it came, with the settings of today."""
    kind = PLATFORMS[platform]
    return content_of(kind.read, connection_part(kind.settings, settings, "settings"), payload, now)


def parse(platform: str, settings: Mapping[str, Any], payload: bytes) -> list[LeadForm]:
    """The leads in a stored payload; raises Unreadable. Whether its times are plausible was judged
    when it came."""
    content = read(platform, settings, payload, ANY_TIME)
    if isinstance(content, Broken):
        raise Unreadable(content.reason)
    return list(content.leads)
