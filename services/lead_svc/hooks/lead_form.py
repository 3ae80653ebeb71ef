"""What was said of a lead, the same for every platform."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from lead_svc.hooks.reading import TEXT_LIMIT, at_path, text

LeadField = Literal[
    "external_lead_id",
    "name",
    "phone",
    "wechat",
    "email",
    "unionid",
    "openid",
    "external_userid",
    "platform_user_id",
    "city",
    "product",
    "note",
    "store_code",
    "account_handle",
    "post_url",
    "campaign",
    "keyword",
    "channel_code",
]

FieldMap = dict[LeadField, str]
"""Our field → dotted path in what the platform sent, where the platform publishes no names."""

LIMITS: Mapping[str, int] = {"external_lead_id": 200, "note": 10_000, "post_url": 2_000}
"""Characters per field; `TEXT_LIMIT` for the others."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is aware UTC."""

    purpose: str
    notice_version: str
    at: datetime


class LeadForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One lead as the sender described it; nothing is normalised or matched here.

    `external_lead_id` is the sender's id, stable over repeats: with the connection it makes the
    lead unique. `extra` keeps every other field that was sent. Instants are aware UTC.
    """

    external_lead_id: str
    name: str | None = None
    phone: str | None = None
    wechat: str | None = None
    email: str | None = None
    unionid: str | None = None
    openid: str | None = None
    external_userid: str | None = None
    platform_user_id: str | None = None
    city: str | None = None
    product: str | None = None
    note: str | None = None
    store_code: str | None = None
    account_handle: str | None = None
    post_url: str | None = None
    campaign: str | None = None
    keyword: str | None = None
    channel_code: str | None = None
    consent: Consent | None = None
    submitted_at: datetime | None = None
    extra: dict[str, Any] = {}


def lead_text(value: Any, field: str) -> str | None:
    return text(value, field, LIMITS.get(field, TEXT_LIMIT))


def lead_form(
    source: Mapping[str, Any],
    fields: FieldMap,
    *,
    external_lead_id: str,
    submitted_at: datetime | None,
    **known: str | None,
) -> LeadForm:
    """Build a form from what the platform sent, with a connection's field names.

    `external_lead_id` and `known` (what the envelope says) count where the mapping finds nothing.
    """
    given = {"external_lead_id": external_lead_id, **known}
    found = {field: lead_text(value, field) for field, value in given.items()}
    for field, path in fields.items():
        found[field] = lead_text(at_path(source, path), field) or found.get(field)
    taken = set(fields.values())
    extra = {name: value for name, value in source.items() if name not in taken}
    return msgspec.convert({**found, "submitted_at": submitted_at, "extra": extra}, LeadForm)
