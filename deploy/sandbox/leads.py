"""A consumer leaves a lead: the message that each platform makes of the same person and wish."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.sandbox.hooks.connections import Connection
from deploy.sandbox.hooks.wire import Message
from deploy.sandbox.personas import CITIES
from deploy.sandbox.platforms.oceanengine import BEIJING, add_clue
from deploy.sandbox.platforms.wecom.corp import add_customer
from deploy.sandbox.platforms.wecom.customers import issue_welcome_code
from deploy.sandbox.posts import ensure_account
from deploy.sandbox.world import World, digest, instant

KINDS = {
    "douyin": ("card", "message"),
    "oceanengine": ("clue",),
    "wecom": ("contact",),
    "xiaohongshu": ("data", "message"),
    "generic": ("form", "update"),
}
"""What a platform can be told, its ordinary lead first."""


@dataclass(frozen=True)
class Lead:
    """What a person leaves.

    `external_id` is the id of this lead on the wire: server_message_id, clue_id, lead_id, and on
    WeCom the ExternalUserID. The person's own id on other platforms follows from `person`.
    """

    external_id: str
    person: str
    name: str
    phone: str
    city: str
    product: str
    note: str
    account_handle: str
    post_url: str
    store_code: str
    channel_code: str
    campaign: str


def wecom_customer(corp_id: str, person: str) -> str:
    """The ExternalUserID of a person, which differs from corp to corp."""
    return "wm" + digest("wecom consumer", corp_id, person)[:30]


def write(world: World, connection: Connection, lead: Lead, kind: str) -> Message:
    """The hook message; what the platform itself must know of the lead is written to its books.

    Within the caller's transaction.
    """
    match connection.platform:
        case "douyin":
            event, data = "im_receive_msg", _douyin(world, connection, lead, kind)
        case "oceanengine":
            clue = _clue(connection, lead)
            add_clue(world, clue)
            event, data = connection.settings.service_label, {"event": "clue", **clue}
        case "wecom":
            event, data = "add_external_contact", _contact(world, connection, lead)
        case "xiaohongshu":
            event = "send" if kind == "message" else "third/data"
            data = _xiaohongshu(world, lead, kind)
        case _:
            event, data = "lead.updated" if kind == "update" else "lead.created", _form(lead)
    return Message(
        message_id=digest("message", connection.connection_id, lead.external_id, kind),
        event=event,
        data=data,
        created_at=time.time(),
    )


def _douyin(world: World, connection: Connection, lead: Lead, kind: str) -> dict[str, Any]:
    consumer = "_000" + digest("douyin consumer", lead.person)
    settings = connection.settings
    content: dict[str, Any] = {
        "conversation_short_id": digest("conversation", consumer, lead.account_handle)[:16],
        "server_message_id": lead.external_id,
        "conversation_type": 1,
        "create_time": int(time.time() * 1000),
        "source": "",
        "user_infos": [{"open_id": consumer, "nick_name": lead.name, "avatar": ""}],
    }
    if kind == "card":
        fields = settings.card_fields
        content["message_type"] = "retain_consult_card"
        content[fields.name] = lead.name
        content[fields.telephone] = lead.phone
        content[fields.city] = lead.city
    else:
        content["message_type"] = "text"
        content["text"] = lead.note
    seller = ensure_account(world, "douyin", lead.account_handle, settings.client_key)
    return {
        "from_user_id": consumer,
        "to_user_id": seller,
        "content": json.dumps(content, ensure_ascii=False),
    }


def _clue(connection: Connection, lead: Lead) -> dict[str, Any]:
    province = next((province for province, city in CITIES if city == lead.city), "")
    advertisers = connection.settings.advertiser_ids
    number = int(digest("clue", lead.external_id), 16)
    return {
        "clue_id": lead.external_id,
        "advertiser_id": advertisers[number % len(advertisers)],
        "advertiser_name": "",
        "ad_id": 0,
        "promotion_id": 7_100_000_000_000_000_000 + number % 10**15,
        "creative_id": 0,
        "site_id": "",
        "clue_type": 0,
        "clue_source": 0,
        "create_time_detail": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "name": lead.name,
        "telephone": lead.phone,
        "gender": 0,
        "age": 0,
        "weixin": "",
        "qq": "",
        "email": "",
        "province_name": province,
        "city_name": lead.city,
        "country_name": "",
        "address": "",
        "remark": lead.note,
        "remark_dict": {"意向产品": lead.product} if lead.product else {},
        "form_remark": "",
        "convert_status": "",
        "clue_state": 1,
        "allocation_status": 0,
        "store": {"store_code": lead.store_code, "store_name": ""},
        "tags": [],
        "system_tags": [],
        "req_id": "",
        "external_url": lead.post_url,
        "module_id": "",
    }


def _contact(world: World, connection: Connection, lead: Lead) -> dict[str, Any]:
    corp_id = connection.settings.corp_id
    ensure_account(world, "wecom", lead.account_handle, corp_id)
    add_customer(
        world,
        corp_id,
        lead.account_handle,
        lead.external_id,
        name=lead.name,
        state=lead.channel_code,
        mobile=lead.phone,
    )
    return {
        "UserID": lead.account_handle,
        "ExternalUserID": lead.external_id,
        **({"State": lead.channel_code} if lead.channel_code else {}),
        "WelcomeCode": issue_welcome_code(world, corp_id),
    }


def _xiaohongshu(world: World, lead: Lead, kind: str) -> dict[str, Any]:
    seller = ensure_account(world, "xiaohongshu", lead.account_handle)
    consumer = digest("xiaohongshu consumer", lead.person)[:24]
    user = {"nickname": lead.name, "header_image": ""}
    if kind == "message":
        return {
            "message_type": "TEXT",
            "message_source": 1,
            "from_user_id": consumer,
            "to_user_id": seller,
            "timestamp": int(time.time() * 1000),
            "user_info": user,
            "content": {"text": lead.note},
        }
    return {
        "lead_id": lead.external_id,
        "name": lead.name,
        "phone": lead.phone,
        "city": lead.city,
        "user_id": seller,
        "user_info": {"user_id": consumer, **user},
        "note_url": lead.post_url,
        "remark": lead.note,
    }


def _form(lead: Lead) -> dict[str, Any]:
    now = instant(time.time())
    given = {
        "name": lead.name,
        "phone": lead.phone,
        "city": lead.city,
        "product": lead.product,
        "note": lead.note,
        "account_handle": lead.account_handle,
        "post_url": lead.post_url,
        "store_code": lead.store_code,
        "channel_code": lead.channel_code,
        "campaign": lead.campaign,
    }
    return {
        "lead_id": lead.external_id,
        **{name: value for name, value in given.items() if value},
        "consent": {
            "purpose": "预约到店与产品咨询",
            "notice_version": "2026-01",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        "submitted_at": now,
    }
