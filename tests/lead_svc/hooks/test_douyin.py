import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lead_svc.hooks import Check, Delivery, LeadForm, Refusal, Request
from tests.lead_svc.hooks.platforms import (
    NOW,
    content_of,
    delivered,
    douyin_push,
    fault_of,
    make_hook,
    to_json,
)

CHECK = b'{"event":"verify_webhook","client_key":"abc","content":{"challenge":12345}}'
SENT_AT = datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
CARD: dict[str, Any] = {
    "conversation_short_id": "c-1",
    "server_message_id": 7_314_159_265_358_979_323,
    "message_type": "retain_consult_card",
    "create_time": 1772331300000,
    "user_infos": [
        {"open_id": "store-open-id", "nick_name": "门店"},
        {"open_id": "customer-open-id", "nick_name": "小林", "avatar": ""},
    ],
    "card": {"telephone": 13800138000, "town": "杭州"},
}


def message(content: Any, event: str = "im_receive_msg") -> bytes:
    return to_json(
        {
            "event": event,
            "client_key": "abc",
            "from_user_id": "customer-open-id",
            "to_user_id": "store-open-id",
            "content": content,
            "log_id": "l",
        }
    )


def test_the_address_check_is_answered_with_the_number() -> None:
    signed = {"x-douyin-signature": "5edcc6efdf159ec10f0b40e879bc4e21e5572a15"}

    result = make_hook("douyin").receive(Request(method="POST", headers=signed, body=CHECK), NOW)

    assert isinstance(result, Check)
    assert result.answer.status == 200
    assert result.answer.body == b'{"challenge":12345}'
    assert result.answer.content_type == "application/json"


def test_the_content_of_the_address_check_may_be_text() -> None:
    body = b'{"event":"verify_webhook","client_key":"","content":"{\\"challenge\\":12345}"}'

    result = make_hook("douyin").receive(douyin_push(body), NOW)

    assert isinstance(result, Check)
    assert result.answer.body == b'{"challenge":12345}'


@pytest.mark.parametrize("content", [{}, {"challenge": True}, {"challenge": []}, [], "x"])
def test_an_address_check_without_a_challenge_is_refused(content: Any) -> None:
    body = to_json({"event": "verify_webhook", "content": content})

    result = make_hook("douyin").receive(douyin_push(body), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (400, "envelope")


@pytest.mark.parametrize("encode", [lambda card: card, json.dumps], ids=["object", "text"])
def test_a_lead_card_becomes_a_lead_with_the_fields_that_the_settings_name(encode: Any) -> None:
    settings = {"lead_card_fields": {"phone": "card.telephone", "city": "card.town"}}

    result = make_hook("douyin", settings).receive(douyin_push(message(encode(CARD))), NOW)

    assert delivered(result).dedupe_key == "msg-1"
    assert (delivered(result).answer.status, delivered(result).answer.body) == (200, b"{}")
    content = content_of(result)
    assert (content.kind, content.is_known, content.occurred_at) == (
        "im_receive_msg",
        True,
        SENT_AT,
    )
    assert content.leads == (
        LeadForm(
            external_lead_id="7314159265358979323",
            name="小林",
            phone="13800138000",
            city="杭州",
            openid="customer-open-id",
            account_handle="store-open-id",
            submitted_at=SENT_AT,
            extra=CARD,
        ),
    )


def test_a_card_inside_json_text_is_reached_by_its_path() -> None:
    card = {**CARD, "text": json.dumps({"form": {"mobile": "13800138000"}})}
    hook = make_hook("douyin", {"lead_card_fields": {"phone": "text.form.mobile"}})

    [lead] = content_of(hook.receive(douyin_push(message(card)), NOW)).leads

    assert lead.phone == "13800138000"


def test_a_card_without_mapped_fields_is_a_lead_known_by_its_open_id() -> None:
    [lead] = content_of(make_hook("douyin").receive(douyin_push(message(CARD)), NOW)).leads

    assert (lead.openid, lead.phone, lead.extra["card"]) == ("customer-open-id", None, CARD["card"])


@pytest.mark.parametrize(
    ("content", "event"),
    [
        ({**CARD, "message_type": "text", "text": "多少钱"}, "im_receive_msg"),
        (CARD, "im_send_msg"),
        ({"item_id": "i", "share_id": "s"}, "create_video"),
    ],
    ids=["text", "card sent by the seller", "video"],
)
def test_other_events_are_deliveries_without_leads(content: Any, event: str) -> None:
    result = content_of(make_hook("douyin").receive(douyin_push(message(content, event)), NOW))

    assert (result.kind, result.leads, result.is_known) == (event, (), True)


def test_an_event_nobody_published_is_kept_as_unknown() -> None:
    body = message({"clue": 1}, "new_clue")

    content = content_of(make_hook("douyin").receive(douyin_push(body), NOW))

    assert (content.kind, content.is_known) == ("new_clue", False)


def test_without_a_message_id_the_body_identifies_the_delivery() -> None:
    hook = make_hook("douyin")
    one, again, other = (
        delivered(hook.receive(douyin_push(body, message_id=None), NOW)).dedupe_key
        for body in (message(CARD), message(CARD), message({**CARD, "text": "x"}))
    )

    assert one.startswith("sha256:")
    assert one == again != other


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-douyin-signature": ""},
        {"x-douyin-signature": "0" * 40},
        {"x-douyin-signature": "\xff签"},
        {"x-douyin-signature": "5EDCC6EFDF159EC10F0B40E879BC4E21E5572A15"},
    ],
)
def test_a_bad_signature_is_refused(headers: dict[str, str]) -> None:
    result = make_hook("douyin").receive(Request(method="POST", headers=headers, body=CHECK), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (401, "signature")


def test_a_changed_body_is_refused() -> None:
    signed = douyin_push(CHECK)

    result = make_hook("douyin").receive(
        Request(method="POST", headers=signed.headers, body=CHECK + b" "), NOW
    )

    assert isinstance(result, Refusal)
    assert result.answer.status == 401


@pytest.mark.parametrize(("client_key", "status"), [("abc", None), ("other", 403)])
def test_a_push_of_another_client_key_is_refused(client_key: str, status: int | None) -> None:
    result = make_hook("douyin", {"client_key": client_key}).receive(
        douyin_push(message(CARD)), NOW
    )

    assert (result.answer.status if isinstance(result, Refusal) else None) == status
    assert isinstance(result, Refusal | Delivery)


def test_other_methods_are_refused() -> None:
    result = make_hook("douyin").receive(Request(method="GET"), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.answer.headers) == (405, (("Allow", "POST"),))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "body: not JSON"),
        (b"[]", "body: not a JSON object"),
        (b"\xff", "body: not JSON"),
        (b"[" * 100_000, "body: not JSON"),
        (b'{"event":' + b"[" * 40 + b"]" * 40 + b"}", "body: nested deeper than 32 levels"),
        (b"{}", "event: missing"),
        (message(5), "content: not a JSON object"),
        (message("hello"), "content: not JSON"),
        (
            message({**CARD, "create_time": "2026"}),
            "content.create_time: before 2000 or in the future",
        ),
        (message({**CARD, "create_time": -1}), "content.create_time: not a time in ms"),
        (message({**CARD, "create_time": 1e3}), "content.create_time: expected text"),
        (message({**CARD, "server_message_id": None}), "content.server_message_id: missing"),
    ],
)
def test_verified_but_broken_content_is_answered_as_success(body: bytes, fault: str) -> None:
    result = make_hook("douyin").receive(douyin_push(body), NOW)

    assert delivered(result).answer.status == 200
    assert delivered(result).payload == body
    assert fault_of(result) == fault
