"""The sandbox signs with code of its own: what it composes, the hooks verify and read."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.sandbox.hooks.connections import SETTINGS as SANDBOX_SETTINGS
from deploy.sandbox.hooks.connections import Connection
from deploy.sandbox.hooks.wire import Message, compose
from lead_svc.hooks import Hook, Refusal, Request
from shared.clock import now
from tests.lead_svc.hooks.platforms import (
    DOUYIN_SECRET,
    GENERIC_SECRET,
    KUAISHOU_SECRET,
    OCEANENGINE_SECRET,
    WECOM_CORP,
    WECOM_KEY,
    WECOM_TOKEN,
    XIAOHONGSHU_KEY,
    content_of,
    delivered,
    fault_of,
    make_hook,
)

SANDBOX: dict[str, dict[str, Any]] = {
    "wecom": {"corp_id": WECOM_CORP, "token": WECOM_TOKEN, "encoding_aes_key": WECOM_KEY},
    "douyin": {"client_key": "ck", "client_secret": DOUYIN_SECRET},
    "oceanengine": {"app_secret": OCEANENGINE_SECRET, "advertiser_ids": [7]},
    "kuaishou": {"app_id": "ks1", "app_secret": KUAISHOU_SECRET},
    "xiaohongshu": {"app_id": "x1", "key": XIAOHONGSHU_KEY, "user_id": "brand"},
    "generic": {"secret": GENERIC_SECRET},
}
OURS: dict[str, dict[str, Any]] = {
    "wecom": {"receive_ids": [WECOM_CORP]},
    "douyin": {"client_key": "ck", "lead_card_fields": {"phone": "telephone"}},
    "oceanengine": {
        "lead_labels": {"sandbox.clue": {"external_lead_id": "clue_id", "phone": "telephone"}}
    },
    "kuaishou": {"app_id": "ks1"},
    "xiaohongshu": {"lead_fields": {"external_lead_id": "lead_id"}},
    "generic": {},
}
SENT: dict[str, tuple[str, dict[str, Any]]] = {
    "wecom": ("add_external_contact", {"UserID": "chen", "ExternalUserID": "wm1"}),
    "douyin": (
        "im_receive_msg",
        {
            "from_user_id": "consumer",
            "to_user_id": "seller",
            "content": '{"message_type":"retain_consult_card","server_message_id":"id-1",'
            '"telephone":"13800138000"}',
        },
    ),
    "oceanengine": ("sandbox.clue", {"clue_id": "id-1", "telephone": "13800138000"}),
    "kuaishou": ("AUTHORIZE", {"open_id": "o", "scope": [], "is_new": True}),
    "xiaohongshu": ("third/data", {"lead_id": "id-1", "phone": "13800138000"}),
    "generic": ("lead.created", {"lead_id": "id-1", "phone": "13800138000"}),
}
LEADS = {
    "wecom": ["chen/wm1"],
    "kuaishou": [],
    **{platform: ["id-1"] for platform in ("douyin", "oceanengine", "xiaohongshu", "generic")},
}


def receive(hook: Hook, platform: str, message: Message) -> object:
    settings = SANDBOX_SETTINGS[platform].model_validate(SANDBOX[platform])
    connection = Connection(connection_id="c", platform=platform, settings=settings)
    wire = compose(connection, message)
    request = Request(
        method="POST",
        path=wire.path.removeprefix("/"),
        query=wire.query,
        headers=wire.headers,
        body=wire.body,
    )
    return hook.receive(request, now())


def message_of(platform: str) -> Message:
    event, data = SENT[platform]
    return Message(message_id="m-1", event=event, data=data, created_at=now().timestamp())


@pytest.mark.parametrize("platform", SENT)
def test_what_the_sandbox_sends_is_read(platform: str) -> None:
    hook = make_hook(platform, OURS[platform])

    content = content_of(receive(hook, platform, message_of(platform)))

    assert content.is_known
    assert [lead.external_lead_id for lead in content.leads] == LEADS[platform]


@pytest.mark.parametrize("platform", SENT)
def test_what_the_sandbox_signs_badly_is_refused(platform: str) -> None:
    hook = make_hook(platform, OURS[platform])

    result = receive(hook, platform, replace(message_of(platform), bad_signature=True))

    assert isinstance(result, Refusal)
    assert 400 <= result.answer.status < 500


@pytest.mark.parametrize("platform", SENT)
def test_what_the_sandbox_breaks_inside_is_answered_as_success(platform: str) -> None:
    hook = make_hook(platform, OURS[platform])

    result = receive(hook, platform, replace(message_of(platform), raw="} not what was agreed"))

    assert delivered(result).answer.status == 200
    assert fault_of(result)
