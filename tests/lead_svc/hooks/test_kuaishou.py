from datetime import UTC, datetime
from typing import Any

import pytest

from lead_svc.hooks import Refusal, Request
from tests.lead_svc.hooks.platforms import (
    NOW,
    content_of,
    delivered,
    fault_of,
    kuaishou_push,
    make_hook,
    to_json,
)

BODY = (
    b'{"app_id":"ks700000000000000001","event":"UN_AUTHORIZE","timestamp":1772331360000,'
    b'"message_id":"ChKosDemo02","data":{"open_id":"f19kosdemo","scope":["user_video_info"]}}'
)
SIGNATURE = "45c3d6bf2326cb846e594aaea1ab3b09"


@pytest.mark.parametrize("signature", [SIGNATURE, SIGNATURE.upper()])
def test_the_sample_is_answered_with_its_message_id(signature: str) -> None:
    result = make_hook("kuaishou").receive(
        Request(method="POST", headers={"kwaisign": signature}, body=BODY), NOW
    )

    assert delivered(result).answer.status == 200
    assert delivered(result).answer.body == b'{"result":1,"message_id":"ChKosDemo02"}'
    assert delivered(result).dedupe_key == "ChKosDemo02"
    content = content_of(result)
    assert (content.kind, content.is_known, content.leads) == ("UN_AUTHORIZE", True, ())
    assert content.occurred_at == datetime(2026, 3, 1, 2, 16, tzinfo=UTC)


def test_an_event_nobody_published_is_kept_as_unknown() -> None:
    body = to_json({"event": "TEST", "message_id": 5, "timestamp": "1772331360000"})

    result = make_hook("kuaishou").receive(kuaishou_push(body), NOW)

    assert delivered(result).answer.body == b'{"result":1,"message_id":5}'
    assert (content_of(result).kind, content_of(result).is_known) == ("TEST", False)


@pytest.mark.parametrize("headers", [{}, {"kwaisign": "0" * 32}, {"kwaisign": "ÿ"}])
def test_a_bad_signature_is_refused(headers: dict[str, str]) -> None:
    result = make_hook("kuaishou").receive(Request(method="POST", headers=headers, body=BODY), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (401, "signature")
    assert result.answer.body == b'{"result":0,"error_msg":"signature"}'


def test_a_changed_body_is_refused() -> None:
    result = make_hook("kuaishou").receive(
        Request(
            method="POST", headers={"kwaisign": SIGNATURE}, body=BODY.replace(b"UN_AUTH", b"AUTH")
        ),
        NOW,
    )

    assert isinstance(result, Refusal)
    assert result.answer.status == 401


def test_a_push_of_another_app_is_refused() -> None:
    result = make_hook("kuaishou", {"app_id": "ks7"}).receive(kuaishou_push(BODY), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (403, "recipient")


@pytest.mark.parametrize(
    ("body", "answer", "fault"),
    [
        (b"]", {"result": 1, "message_id": ""}, "body: not JSON"),
        (b'{"event":"AUTHORIZE"}', {"result": 1, "message_id": ""}, "message_id: missing"),
        (b'{"message_id":"m"}', {"result": 1, "message_id": "m"}, "event: missing"),
        (
            b'{"message_id":"m","event":"AUTHORIZE","data":"garbage"}',
            {"result": 1, "message_id": "m"},
            "data: not JSON",
        ),
        (
            b'{"message_id":"m","event":"AUTHORIZE","timestamp":1}',
            {"result": 1, "message_id": "m"},
            "timestamp: before 2000 or in the future",
        ),
    ],
)
def test_verified_but_broken_content_is_answered_as_success(
    body: bytes, answer: dict[str, Any], fault: str
) -> None:
    result = make_hook("kuaishou").receive(kuaishou_push(body), NOW)

    assert (delivered(result).answer.status, delivered(result).answer.body) == (
        200,
        to_json(answer),
    )
    assert fault_of(result) == fault
