"""Platform hook protocols: bytes in, a verified delivery or the platform's refusal out."""

from collections.abc import Callable, Mapping
from typing import Any

from lead_svc.hooks.delivery import (
    MAX_BODY_BYTES,
    Answer,
    BadConnection,
    Broken,
    Check,
    Content,
    Delivery,
    Hook,
    Refusal,
    Request,
    decode_query,
)
from lead_svc.hooks.douyin import Douyin
from lead_svc.hooks.generic import Generic
from lead_svc.hooks.kuaishou import Kuaishou
from lead_svc.hooks.lead_form import Consent, LeadForm
from lead_svc.hooks.oceanengine import OceanEngine
from lead_svc.hooks.wecom import Wecom
from lead_svc.hooks.xiaohongshu import Xiaohongshu

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
    "decode_query",
]

PLATFORMS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Hook]] = {
    "wecom": Wecom,
    "douyin": Douyin,
    "oceanengine": OceanEngine,
    "kuaishou": Kuaishou,
    "xiaohongshu": Xiaohongshu,
    "generic": Generic,
}
"""Platform → its hook, built from the secrets and settings of a connection; raises BadConnection.
Build it once per connection and keep it: keys are decoded here."""
