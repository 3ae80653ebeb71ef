import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lead_svc.hooks import BadConnection, Broken, Check, Content, LeadForm, Refusal, Request, read
from tests.lead_svc.hooks.platforms import (
    NOW,
    content_of,
    delivered,
    fault_of,
    make_hook,
    oceanengine_push,
    to_json,
)

CLUE = {"clue_id": 7001, "name": "张三", "telephone": "13800138000", "city_name": "成都", "age": 31}
LEADS = {
    "lead_labels": {
        "clue.push": {
            "external_lead_id": "clue_id",
            "name": "name",
            "phone": "telephone",
            "city": "city_name",
        }
    }
}
SENT_AT = datetime(2026, 3, 1, 2, 15, tzinfo=UTC)


def push(**fields: Any) -> bytes:
    return to_json(
        {
            "message_id": "m-1",
            "service_label": "clue.push",
            "data": json.dumps(CLUE),
            "advertiser_ids": [17],
            "timestamp": 1772331300000,
            "nonce": 4,
            **fields,
        }
    )


def check(**query: str) -> Request:
    return Request(method="GET", query=query)


@pytest.mark.parametrize(
    ("spelling", "body"),
    [
        ("base_resp", b'{"base_resp":{"status_code":200,"status_message":"ok"},"challenge":90210}'),
        ("BaseResp", b'{"BaseResp":{"StatusCode":200,"StatusMessage":"ok"},"challenge":90210}'),
    ],
)
def test_the_address_check_is_answered_with_the_number(spelling: str, body: bytes) -> None:
    hook = make_hook("oceanengine", {"answer_spelling": spelling})

    result = hook.receive(check(event="verify_webhook", challenge="90210"), NOW)

    assert isinstance(result, Check)
    assert (result.answer.status, result.answer.body) == (200, body)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"challenge": "1"},
        {"event": "verify_webhook"},
        {"event": "verify_webhook", "challenge": "<b>"},
        {"event": "verify_webhook", "challenge": "１"},
        {"event": "verify_webhook", "challenge": "9" * 5000},
    ],
)
def test_an_address_check_without_a_number_is_refused(query: dict[str, str]) -> None:
    result = make_hook("oceanengine").receive(check(**query), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (400, "envelope")
    assert result.answer.body == (b'{"base_resp":{"status_code":400,"status_message":"challenge"}}')


def test_the_signature_of_the_sample_is_taken_although_its_content_is_no_push() -> None:
    signed = {
        "x-open-signature": "312a31e593f9354593e3732aaff3c80bcc38d1f2eadb0d16b47c961c8cf46dc4"
    }
    body = '{"name":"张三"}'.encode()

    result = make_hook("oceanengine").receive(
        Request(method="POST", headers=signed, body=body), NOW
    )

    assert fault_of(result) == "service_label: missing"
    assert delivered(result).answer.body == (
        b'{"base_resp":{"status_code":200,"status_message":"ok"}}'
    )


@pytest.mark.parametrize("data", [CLUE, json.dumps(CLUE)], ids=["object", "text"])
def test_a_label_that_the_settings_name_gives_leads(data: Any) -> None:
    result = make_hook("oceanengine", LEADS).receive(oceanengine_push(push(data=data)), NOW)

    assert delivered(result).dedupe_key == "m-1"
    content = content_of(result)
    assert (content.kind, content.is_known, content.occurred_at) == ("clue.push", True, SENT_AT)
    assert content.leads == (
        LeadForm(
            external_lead_id="7001",
            name="张三",
            phone="13800138000",
            city="成都",
            submitted_at=SENT_AT,
            extra={"age": 31, "advertiser_ids": [17]},
        ),
    )


def test_no_label_gives_leads_by_itself() -> None:
    content = content_of(make_hook("oceanengine").receive(oceanengine_push(push()), NOW))

    assert (content.kind, content.is_known, content.leads) == ("clue.push", False, ())


def test_a_published_label_is_known() -> None:
    body = push(service_label="report.advertiser.beforeday")

    content = content_of(make_hook("oceanengine").receive(oceanengine_push(body), NOW))

    assert (content.is_known, content.leads) == (True, ())


def test_a_message_id_may_be_a_number_of_any_size() -> None:
    body = push(message_id=2**70)

    result = make_hook("oceanengine").receive(oceanengine_push(body), NOW)

    assert delivered(result).dedupe_key == "1180591620717411303424"


def test_of_a_field_given_twice_the_last_counts() -> None:
    body = push().replace(b'"message_id":"m-1"', b'"message_id":"m-0","message_id":"m-1"')

    assert (
        delivered(make_hook("oceanengine").receive(oceanengine_push(body), NOW)).dedupe_key == "m-1"
    )


def test_characters_that_no_database_keeps_are_dropped() -> None:
    body = push(data={**CLUE, "name": "张\0三", "note\0s": ["a\0b"]})

    [lead] = content_of(make_hook("oceanengine", LEADS).receive(oceanengine_push(body), NOW)).leads

    assert lead.name == "张三"
    assert lead.extra["notes"] == ["ab"]


@pytest.mark.parametrize("headers", [{}, {"x-open-signature": "0" * 64}])
def test_a_bad_signature_is_refused(headers: dict[str, str]) -> None:
    result = make_hook("oceanengine").receive(
        Request(method="POST", headers=headers, body=push()), NOW
    )

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (401, "signature")
    assert result.answer.body == (b'{"base_resp":{"status_code":401,"status_message":"signature"}}')


def test_a_changed_body_is_refused() -> None:
    signed = oceanengine_push(push())

    result = make_hook("oceanengine").receive(
        Request(method="POST", headers=signed.headers, body=push(message_id="m-2")), NOW
    )

    assert isinstance(result, Refusal)
    assert result.answer.status == 401


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "body: not JSON"),
        (push(data="{"), "data: not JSON"),
        (push(data=[1]), "data: not a JSON object"),
        (push(message_id=None), "message_id: missing"),
        (push(timestamp="x"), "timestamp: not a time in ms"),
        (push(data={**CLUE, "name": ["张"]}), "name: expected text"),
        (push(data={**CLUE, "name": "张" * 501}), "name: longer than 500 characters"),
    ],
)
def test_verified_but_broken_content_is_answered_as_success(body: bytes, fault: str) -> None:
    result = make_hook("oceanengine", LEADS).receive(oceanengine_push(body), NOW)

    assert delivered(result).answer.status == 200
    assert fault_of(result) == fault


def test_corrected_settings_read_a_quarantined_push() -> None:
    wrong = make_hook("oceanengine", {"lead_labels": {"clue.push": {"name": "tags"}}})
    stored = delivered(wrong.receive(oceanengine_push(push(data={**CLUE, "tags": []})), NOW))
    assert stored.content == Broken("name: expected text")

    content = read("oceanengine", LEADS, stored.payload, NOW)

    assert isinstance(content, Content)
    assert [lead.phone for lead in content.leads] == ["13800138000"]


def test_settings_with_an_unknown_field_are_refused() -> None:
    with pytest.raises(BadConnection) as refused:
        make_hook("oceanengine", {"lead_labels": {"clue.push": {"fone": "telephone"}}})

    assert refused.value.field == "/settings"
