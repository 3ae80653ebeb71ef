"""Whatever arrives at a hook: no exception, and nothing unsigned is ever taken for verified."""

import json
import re
from typing import Any

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lead_svc.hooks import (
    PLATFORMS,
    Broken,
    Check,
    Content,
    Delivery,
    LeadForm,
    Refusal,
    Request,
    decode_query,
    read,
)
from tests.lead_svc.hooks.platforms import (
    NOW,
    SETTINGS,
    delivered,
    douyin_push,
    generic_push,
    kuaishou_push,
    make_hook,
    oceanengine_push,
    to_json,
    wecom_push,
    wecom_query,
    xiaohongshu_push,
)

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in JSON, which PostgreSQL takes nowhere; not a backslash before u0000, which it does."""
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

HOOKS = {platform: make_hook(platform) for platform in PLATFORMS}
MAPPED = {
    "douyin": make_hook("douyin", {"lead_card_fields": {"phone": "a", "city": "a.b"}}),
    "oceanengine": make_hook("oceanengine", {"lead_labels": {"l": {"phone": "a", "name": "a.b"}}}),
}
HEADER_NAMES = [
    "x-douyin-signature",
    "msg-id",
    "x-open-signature",
    "kwaisign",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
]
QUERY_NAMES = ["msg_signature", "timestamp", "nonce", "echostr"]
PATHS = ["", "api/open/im/send", "api/open/im/third/data", "intent/comment", "../..", "\x00"]

latin = st.text(st.characters(codec="latin-1"), max_size=80)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
NAMES = [
    *("event", "content", "encrypt", "Encrypt", "message_id", "timestamp", "type", "data", "phone"),
    *("message_type", "create_time", "from_user_id", "server_message_id", "user_infos", "a"),
    *("service_label", "lead_id", "consent", "submitted_at", "user_id", "user_info", "MsgType"),
    *(
        "InfoType",
        "CreateTime",
        "ChangeType",
        "UserID",
        "ExternalUserID",
        "client_key",
        "challenge",
    ),
]
documents = st.dictionaries(st.sampled_from(NAMES), values, max_size=10)
bodies = st.binary(max_size=200) | documents.map(to_json) | values.map(to_json)


@unhurried
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", ""]),
    path=st.sampled_from(PATHS) | st.text(max_size=20),
    query=st.binary(max_size=100).map(decode_query)
    | st.dictionaries(st.sampled_from(QUERY_NAMES), st.text(max_size=60), max_size=4),
    headers=st.dictionaries(st.sampled_from(HEADER_NAMES), latin, max_size=6),
    body=bodies,
)
def test_nothing_unsigned_is_verified(
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
) -> None:
    request = Request(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body,
    )

    for platform, hook in HOOKS.items():
        result = hook.receive(request, NOW)
        assert isinstance(result, Refusal), platform
        assert 400 <= result.answer.status < 500


def check_delivery(result: object) -> None:
    delivery = delivered(result)
    assert isinstance(delivery.content, Content | Broken)
    assert 1 <= len(delivery.dedupe_key) <= 200
    assert delivery.answer.status == 200
    encoded = msgspec.json.encode(delivery.content)
    assert _NUL.search(encoded) is None
    if isinstance(delivery.content, Content):
        for lead in delivery.content.leads:
            assert 1 <= len(lead.external_lead_id) <= 200
            assert msgspec.json.decode(msgspec.json.encode(lead), type=LeadForm) == lead
    else:
        assert delivery.content.reason


def lead_document(type_: str, document: dict[str, Any]) -> bytes:
    return to_json(
        {"type": type_, "timestamp": "2026-03-01T02:15:00Z", "data": {"lead_id": "1", **document}}
    )


@unhurried
@given(body=bodies, document=documents)
@example(body=b"", document={"event": "\\u0000"})
@example(body=b"", document={"event": "\0"})
def test_anything_signed_is_a_delivery(body: bytes, document: dict[str, Any]) -> None:
    card = {"server_message_id": 1, "message_type": "retain_consult_card", **document}
    im = {"event": "im_receive_msg", "from_user_id": "c", "content": card}
    push = {"message_id": "1", "service_label": "l", "data": json.dumps(document)}

    check_delivery(HOOKS["wecom"].receive(wecom_push(body), NOW))
    check_delivery(HOOKS["kuaishou"].receive(kuaishou_push(body), NOW))
    check_delivery(HOOKS["generic"].receive(generic_push(body), NOW))
    check_delivery(
        HOOKS["generic"].receive(generic_push(lead_document("lead.created", document)), NOW)
    )
    check_delivery(
        HOOKS["xiaohongshu"].receive(xiaohongshu_push("third/data", to_json(document)), NOW)
    )
    check_delivery(MAPPED["douyin"].receive(douyin_push(to_json(im)), NOW))
    check_delivery(MAPPED["oceanengine"].receive(oceanengine_push(body), NOW))
    check_delivery(MAPPED["oceanengine"].receive(oceanengine_push(to_json(push)), NOW))


@unhurried
@given(encrypted=st.text(max_size=80) | st.binary(max_size=64).map(bytes.hex))
def test_anything_signed_that_does_not_decrypt_is_refused(encrypted: str) -> None:
    body = to_json({"encrypt": encrypted})

    result = HOOKS["wecom"].receive(
        Request(method="POST", query=wecom_query(encrypted), body=body), NOW
    )

    assert isinstance(result, Refusal)
    assert result.answer.status in {400, 401}


@unhurried
@given(body=bodies, payload=st.binary(max_size=100) | values.map(to_json))
def test_stored_content_of_any_shape_can_be_read(body: bytes, payload: bytes) -> None:
    stored = to_json({"kind": "lead", "envelope": {}, "content": '{"phone":"1"}'})

    for platform, hook in HOOKS.items():
        for each in (body, payload, stored):
            assert isinstance(
                read(platform, SETTINGS.get(platform, {}), each, NOW), Content | Broken
            )
            assert not isinstance(
                hook.receive(Request(method="POST", body=each), NOW), Check | Delivery
            )
