import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from lead_svc.hooks import BadConnection, Delivery, LeadForm, Refusal, Request, read
from tests.lead_svc.hooks.platforms import (
    NOW,
    content_of,
    delivered,
    fault_of,
    make_hook,
    to_json,
    xiaohongshu_encrypt,
    xiaohongshu_push,
)

SEND = "api/open/im/send"
LEAD = "api/open/im/third/data"
ENVELOPE: dict[str, Any] = {
    "message_id": "m-1",
    "message_type": "TEXT",
    "message_source": 1,
    "from_user_id": "customer",
    "to_user_id": "brand",
    "timestamp": 1772331300000,
    "user_info": {"nickname": "小林", "header_image": ""},
}
SAMPLE = "AAAAAAAAAAAAAAAAAAAAAA==~split~G8h9bDtjL3TSwKC5pmKi5PfaL9pGiyPjNFl9a3jYkg8="
SUCCESS = b'{"code":0,"msg":"success","success":true}'


def test_the_sample_is_decrypted_and_answered() -> None:
    body = to_json({**ENVELOPE, "content": SAMPLE})

    result = make_hook("xiaohongshu").receive(Request(method="POST", path=SEND, body=body), NOW)

    assert (delivered(result).answer.status, delivered(result).answer.body) == (200, SUCCESS)
    assert delivered(result).dedupe_key == "m-1"
    assert json.loads(delivered(result).payload) == {
        "kind": "message",
        "envelope": ENVELOPE,
        "content": '{"text":"hello"}',
    }
    content = content_of(result)
    assert (content.kind, content.leads) == ("message", ())
    assert content.occurred_at == datetime(2026, 3, 1, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("api/open/im/third/bind_account", "bind_account"),
        ("/api/open/im/third/unbind_account/", "unbind_account"),
        ("api/open/im/auth/bind_user/event", "bind_user"),
        ("api/open/im/third/intent/comment", "intent_comment"),
        ("intent/comment", "intent_comment"),
    ],
)
def test_every_path_of_the_platform_has_its_kind(path: str, kind: str) -> None:
    push = xiaohongshu_push(path, to_json({"user_id": "brand", "token": "t"}))

    content = content_of(make_hook("xiaohongshu").receive(push, NOW))

    assert (content.kind, content.is_known, content.leads) == (kind, True, ())


def test_a_lead_is_read_as_far_as_its_fields_are_known() -> None:
    sent = {
        "name": "林女士",
        "phone": 13800138000,
        "user_id": "brand",
        "user_info": {"user_id": "customer", "nickname": "小林"},
        "budget": "20万",
    }

    result = make_hook("xiaohongshu").receive(xiaohongshu_push(LEAD, to_json(sent)), NOW)

    [lead] = content_of(result).leads
    assert lead.external_lead_id.startswith("sha256:")
    assert lead == LeadForm(
        external_lead_id=lead.external_lead_id,
        name="林女士",
        phone="13800138000",
        account_handle="brand",
        platform_user_id="customer",
        extra={"user_info": {"user_id": "customer", "nickname": "小林"}, "budget": "20万"},
    )


def test_settings_add_and_change_the_fields_of_a_lead() -> None:
    hook = make_hook("xiaohongshu", {"lead_fields": {"external_lead_id": "id", "phone": "tel"}})
    sent = {"id": 9, "tel": "13800138000", "user_info": '{"nickname":"小林"}'}

    [lead] = content_of(hook.receive(xiaohongshu_push(LEAD, to_json(sent)), NOW)).leads

    assert (lead.external_lead_id, lead.phone, lead.name) == ("9", "13800138000", "小林")


def test_a_lead_that_nobody_could_contact_is_quarantined() -> None:
    push = xiaohongshu_push(LEAD, to_json({"budget": "20万"}))

    result = make_hook("xiaohongshu").receive(push, NOW)

    assert delivered(result).answer.body == SUCCESS
    assert fault_of(result) == "phone, user_info.user_id: missing"


def test_a_repeat_is_encrypted_anew_but_the_same_delivery_and_lead() -> None:
    hook = make_hook("xiaohongshu")
    plain = to_json({"phone": "13800138000"})
    one, two = (hook.receive(xiaohongshu_push(LEAD, plain), NOW) for _ in range(2))

    assert delivered(one).dedupe_key == delivered(two).dedupe_key
    assert content_of(one).leads == content_of(two).leads


def test_equal_content_on_another_path_is_another_delivery() -> None:
    hook = make_hook("xiaohongshu")
    plain = to_json({"user_id": "brand"})
    bound, unbound = (
        delivered(hook.receive(xiaohongshu_push(f"api/open/im/third/{path}", plain), NOW))
        for path in ("bind_account", "unbind_account")
    )

    assert bound.dedupe_key != unbound.dedupe_key


def raw(content: str) -> Request:
    return Request(method="POST", path=LEAD, body=to_json({"content": content}))


@pytest.mark.parametrize(
    "content",
    [
        SAMPLE.replace("~split~", "~"),
        SAMPLE.replace("G8h9", "G8h8"),
        SAMPLE[:-4],
        "AAAA~split~G8h9bDtjL3TSwKC5pmKi5PfaL9pGiyPjNFl9a3jYkg8=",
        "AAAAAAAAAAAAAAAAAAAAAA==~split~",
        "AAAAAAAAAAAAAAAAAAAAAA==~split~签",
        "~split~",
        pytest.param(xiaohongshu_encrypt(b"\xff\xfe"), id="no utf-8"),
        pytest.param(xiaohongshu_encrypt(b'{"text":"\x01"}'), id="no json"),
        pytest.param(xiaohongshu_encrypt(b""), id="nothing"),
        b64encode(bytes(16)).decode() + "~split~" + b64encode(bytes(32)).decode(),
    ],
)
def test_every_way_not_to_decrypt_gives_one_answer(content: str) -> None:
    result = make_hook("xiaohongshu").receive(raw(content), NOW)

    assert isinstance(result, Refusal)
    assert result.answer.status == 400
    assert result.answer.body == b'{"code":400,"msg":"encryption","success":false}'


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content":""}', b'{"content":{}}'])
def test_a_body_without_encrypted_content_is_refused(body: bytes) -> None:
    result = make_hook("xiaohongshu").receive(Request(method="POST", path=LEAD, body=body), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (400, "envelope")


@pytest.mark.parametrize("path", ["", "api/open/im", "api/open/im/send2", "notthird/data"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    result = make_hook("xiaohongshu").receive(xiaohongshu_push(path, b"{}"), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (404, "path")


def test_other_methods_are_refused() -> None:
    result = make_hook("xiaohongshu").receive(Request(method="GET", path=SEND), NOW)

    assert isinstance(result, Refusal)
    assert result.answer.status == 405


@pytest.mark.parametrize(("bound", "status"), [("brand", None), ("other", 403)])
def test_only_messages_of_bound_accounts_are_taken(bound: str, status: int | None) -> None:
    push = xiaohongshu_push(SEND, b'{"text":"hi"}', **ENVELOPE)

    result = make_hook("xiaohongshu", {"user_ids": [bound]}).receive(push, NOW)

    assert (result.answer.status if isinstance(result, Refusal) else None) == status
    assert isinstance(result, Refusal | Delivery)


def test_an_account_that_binds_itself_need_not_be_bound_before() -> None:
    push = xiaohongshu_push("api/open/im/third/bind_account", to_json({"user_id": "new"}))

    content = content_of(make_hook("xiaohongshu", {"user_ids": ["brand"]}).receive(push, NOW))

    assert content.kind == "bind_account"


@pytest.mark.parametrize(
    ("path", "plain", "fault"),
    [
        (LEAD, b"plain text", "content: not JSON"),
        (LEAD, b"[1]", "content: not a JSON object"),
        (SEND, b"{", "content: not JSON"),
        (LEAD, b'{"phone":[]}', "phone: expected text"),
    ],
)
def test_what_decrypts_but_cannot_be_read_is_answered_as_success(
    path: str, plain: bytes, fault: str
) -> None:
    hook = make_hook("xiaohongshu", {"user_ids": ["brand"]})
    one, two = (hook.receive(xiaohongshu_push(path, plain), NOW) for _ in range(2))

    assert delivered(one).answer.body == SUCCESS
    assert fault_of(one) == fault
    assert delivered(one).dedupe_key == delivered(two).dedupe_key
    assert read("xiaohongshu", {}, delivered(one).payload, NOW) == delivered(one).content


def test_an_absurd_time_is_quarantined_and_named() -> None:
    push = xiaohongshu_push(SEND, b'{"text":"hi"}', **{**ENVELOPE, "timestamp": 10**17})

    assert fault_of(make_hook("xiaohongshu").receive(push, NOW)) == "timestamp: not a time in ms"


def test_stored_content_can_be_read_again() -> None:
    hook = make_hook("xiaohongshu")
    result = delivered(hook.receive(xiaohongshu_push(LEAD, b'{"phone":"1"}'), NOW))

    assert read("xiaohongshu", {}, result.payload, NOW) == result.content


@pytest.mark.parametrize("key", ["", "00" * 15, "0g" * 16])
def test_a_key_of_another_shape_is_refused_with_its_field(key: str) -> None:
    with pytest.raises(BadConnection) as refused:
        make_hook("xiaohongshu", key=key)

    assert refused.value.field == "/secrets/key"
