import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator, FormatChecker
from standardwebhooks import Webhook

from lead_svc.hooks import BadConnection, Consent, LeadForm, Refusal, Request
from lead_svc.hooks.generic import lead_schema
from tests.lead_svc.hooks.platforms import (
    GENERIC_SECRET,
    NOW,
    OTHER_GENERIC_SECRET,
    content_of,
    delivered,
    fault_of,
    generic_push,
    generic_push_with_key_pair,
    generic_request,
    make_hook,
    public_key,
    to_json,
)

DATA: dict[str, Any] = {"lead_id": "crm-77", "name": "林女士", "phone": "138 0013 8000"}


def event(
    type_: str = "lead.created", timestamp: str = "2026-03-01T10:15:00+08:00", **data: Any
) -> bytes:
    return to_json({"type": type_, "timestamp": timestamp, "data": {**DATA, **data}})


def receive(request: Request, **secrets: Any) -> Any:
    return make_hook("generic", **secrets).receive(request, NOW)


def test_the_vector_of_the_standard_is_verified() -> None:
    request = generic_request(
        b'{"test": 2432232314}',
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )

    result = make_hook("generic").receive(request, datetime.fromtimestamp(1614265330, UTC))

    assert delivered(result).dedupe_key == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert delivered(result).payload == b'{"test": 2432232314}'
    assert fault_of(result) == "body: Object missing required field `type`"


def test_a_push_signed_by_the_library_of_the_standard_is_verified() -> None:
    body = event()
    signature = Webhook(GENERIC_SECRET).sign("msg_lib", NOW, body.decode())
    request = generic_request(body, "msg_lib", str(int(NOW.timestamp())), signature)

    assert delivered(receive(request)).dedupe_key == "msg_lib"


@pytest.mark.parametrize("type_", ["lead.created", "lead.updated"])
def test_a_lead_event_becomes_a_lead_with_all_that_was_said(type_: str) -> None:
    body = event(
        type_,
        phone=13800138000,
        wechat="lin-1",
        email="lin@example.com",
        unionid="u",
        city="杭州",
        product="SU7",
        note="周末\n到店",
        store_code=7,
        account_handle="chen.store007",
        post_url="https://example.com/p/1",
        campaign="spring",
        keyword="试驾",
        channel_code="k1",
        consent={
            "purpose": "contact",
            "notice_version": 3,
            "at": "2026-03-01T10:14:00+08:00",
            "third_party": True,
        },
        submitted_at="2026-03-01T02:14:30Z",
        budget={"from": 1, "to": 20.5},
        city_code=None,
    )

    result = receive(generic_push(body))

    assert delivered(result).answer.status == 200
    assert delivered(result).answer.body == b'{"status":"accepted"}'
    content = content_of(result)
    assert (content.kind, content.is_known) == (type_, True)
    assert content.occurred_at == datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
    assert content.leads == (
        LeadForm(
            external_lead_id="crm-77",
            name="林女士",
            phone="13800138000",
            wechat="lin-1",
            email="lin@example.com",
            unionid="u",
            city="杭州",
            product="SU7",
            note="周末\n到店",
            store_code="7",
            account_handle="chen.store007",
            post_url="https://example.com/p/1",
            campaign="spring",
            keyword="试驾",
            channel_code="k1",
            consent=Consent(
                purpose="contact",
                notice_version="3",
                at=datetime(2026, 3, 1, 2, 14, tzinfo=UTC),
            ),
            submitted_at=datetime(2026, 3, 1, 2, 14, 30, tzinfo=UTC),
            extra={
                "budget": {"from": 1, "to": 20.5},
                "city_code": None,
                "consent": {"third_party": True},
            },
        ),
    )


def test_empty_and_null_fields_say_nothing() -> None:
    [lead] = content_of(receive(generic_push(event(name=" ", phone=None, wechat="")))).leads

    assert lead == LeadForm(external_lead_id="crm-77")


def test_an_unknown_type_is_kept() -> None:
    body = to_json({"type": "form.opened", "timestamp": "2026-03-01T02:15:00Z", "data": {"x": [1]}})

    content = content_of(receive(generic_push(body)))

    assert (content.kind, content.is_known, content.leads) == ("form.opened", False, ())


def test_either_secret_counts_during_rotation() -> None:
    keys = [GENERIC_SECRET, OTHER_GENERIC_SECRET]

    for secrets in ((GENERIC_SECRET,), (OTHER_GENERIC_SECRET,), tuple(keys)):
        assert content_of(receive(generic_push(event(), secrets=secrets), keys=keys)).leads

    assert isinstance(receive(generic_push(event(), secrets=(OTHER_GENERIC_SECRET,))), Refusal)


@pytest.mark.parametrize(
    "before", ["v1", "v1,", ",", "v2,AAAA", "v1,***", "v1a,AAAA", "garbage", "", "v1,签"]
)
def test_malformed_signatures_beside_a_good_one_are_skipped(before: str) -> None:
    good = generic_push(event())
    headers = {**good.headers, "webhook-signature": f"{before} {good.headers['webhook-signature']}"}

    result = receive(Request(method="POST", headers=headers, body=good.body))

    assert delivered(result).dedupe_key == "msg_1"


def test_a_header_full_of_signatures_is_not_tried_to_its_end() -> None:
    good = generic_push(event())
    many = "v1,AAAA " * 16 + good.headers["webhook-signature"]

    result = receive(
        Request(method="POST", headers={**good.headers, "webhook-signature": many}, body=good.body)
    )

    assert isinstance(result, Refusal)


def test_a_configured_public_key_verifies_v1a() -> None:
    key, stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = [public_key(key)]

    assert content_of(receive(generic_push_with_key_pair(event(), key), keys=keys)).leads
    assert isinstance(receive(generic_push_with_key_pair(event(), stranger), keys=keys), Refusal)
    assert isinstance(receive(generic_push_with_key_pair(event(), key)), Refusal)
    assert isinstance(receive(generic_push(event()), keys=keys), Refusal)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", "msg_2"),
        ("webhook-id", ""),
        ("webhook-timestamp", "1772331329"),
        ("webhook-timestamp", ""),
        ("webhook-signature", ""),
        ("webhook-signature", "v1," + b64encode(bytes(32)).decode()),
    ],
)
def test_every_signed_part_is_protected(header: str, value: str) -> None:
    good = generic_push(event())

    result = receive(
        Request(method="POST", headers={**good.headers, header: value}, body=good.body)
    )

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (401, "signature")
    assert result.answer.content_type == "application/problem+json"
    assert json.loads(result.answer.body) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "hook_signature",
    }


def test_a_changed_body_is_refused() -> None:
    good = generic_push(event())

    result = receive(Request(method="POST", headers=good.headers, body=good.body + b"\n"))

    assert isinstance(result, Refusal)
    assert result.answer.status == 401


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (timedelta(minutes=5), None),
        (timedelta(minutes=5, seconds=1), "timestamp"),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=-5, seconds=-1), "timestamp"),
        (timedelta(days=400), "timestamp"),
    ],
)
def test_a_replayed_push_is_refused_after_five_minutes(age: timedelta, reason: str | None) -> None:
    result = receive(generic_push(event(), at=NOW - age))

    assert (result.reason if isinstance(result, Refusal) else None) == reason


@pytest.mark.parametrize("timestamp", ["-1", "1e9", "1772331330.0", "9" * 30, " 1772331330"])
def test_a_signed_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    result = receive(generic_push(event(), timestamp=timestamp))

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.reason) == (401, "timestamp")


def test_other_methods_are_refused() -> None:
    result = receive(Request(method="DELETE"))

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.answer.headers) == (405, (("Allow", "POST"),))


BROKEN: list[tuple[bytes, str]] = [
    (b"", "body: not JSON"),
    (b"null", "body: not a JSON object"),
    (b'{"type":"lead.created"}', "body: Object missing required field `timestamp`"),
    (event("lead created"), "body: Expected `str` matching regex"),
    (event(timestamp="2026-03-01T10:15:00"), "timezone component - at `$.timestamp`"),
    (event(timestamp="yesterday"), "Invalid RFC3339 encoded datetime - at `$.timestamp`"),
    (event(timestamp="0001-01-01T00:00:00+14:00"), "timestamp: before 2000 or in the future"),
    (event(timestamp="9999-12-31T23:59:59-14:00"), "timestamp: before 2000 or in the future"),
    (event(timestamp="2026-03-03T00:00:00Z"), "timestamp: before 2000 or in the future"),
    (event(lead_id=None), "at `$.data.lead_id`"),
    (event(lead_id=""), "at `$.data.lead_id`"),
    (event(lead_id="  "), "data.lead_id: missing"),
    (event(lead_id=True), "at `$.data.lead_id`"),
    (event(lead_id="x" * 201), "at `$.data.lead_id`"),
    (event(name=5), "at `$.data.name`"),
    (event(phone=["1"]), "at `$.data.phone`"),
    (event(phone=1.5), "at `$.data.phone`"),
    (event(note="n" * 10_001), "at `$.data.note`"),
    (event(submitted_at="2026-03-01T10:15:00"), "at `$.data.submitted_at`"),
    (event(submitted_at="1970-01-01T00:00:00Z"), "data.submitted_at: before 2000 or in the future"),
    (event(consent={"purpose": "contact"}), "at `$.data.consent`"),
    (
        event(consent={"purpose": "p", "notice_version": "1", "at": "2099-01-01T00:00:00Z"}),
        "data.consent.at: before 2000 or in the future",
    ),
    (
        event(consent={"purpose": " ", "notice_version": "1", "at": "2026-03-01T00:00:00Z"}),
        "purpose",
    ),
]


@pytest.mark.parametrize(("body", "fault"), BROKEN)
def test_verified_but_broken_content_is_answered_as_success_and_names_the_field(
    body: bytes, fault: str
) -> None:
    result = receive(generic_push(body))

    assert delivered(result).answer.status == 200
    assert delivered(result).payload == body
    assert fault_of(result).endswith(fault) or fault in fault_of(result)


def test_a_fault_never_quotes_what_was_sent() -> None:
    body = event(phone=["13800138000"], name={"n": "林女士"})

    fault = fault_of(receive(generic_push(body)))

    assert "13800138000" not in fault
    assert "林女士" not in fault


@pytest.mark.parametrize(
    "secret",
    [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_***",
        "whsec_" + b64encode(bytes(23)).decode(),
        "whsec_" + b64encode(bytes(65)).decode(),
        "whpk_" + b64encode(bytes(31)).decode(),
        "whpk_*****",
    ],
)
def test_a_secret_of_another_shape_is_refused_with_its_field(secret: str) -> None:
    with pytest.raises(BadConnection) as refused:
        make_hook("generic", keys=[secret])

    assert refused.value.field == "/secrets/keys"
    assert secret[8:] not in refused.value.message


@pytest.mark.parametrize("keys", [[], None, "whsec_"])
def test_a_connection_without_keys_is_refused(keys: Any) -> None:
    with pytest.raises(BadConnection):
        make_hook("generic", keys=keys)


def committed_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        files("lead_svc.hooks").joinpath("generic_lead.schema.json").read_text("utf-8")
    )
    return schema


def test_the_committed_schema_is_what_the_code_reads() -> None:
    assert committed_schema() == lead_schema(), "write the file anew from lead_schema()"


def test_the_schema_accepts_a_lead_and_names_what_is_wrong() -> None:
    validator = Draft202012Validator(committed_schema(), format_checker=FormatChecker())
    refused = [(event(name=5), "$.data.name"), (event(lead_id=None), "$.data.lead_id")]

    assert [error.json_path for error in validator.iter_errors(json.loads(event(more=1)))] == []
    for body, path in refused:
        assert [error.json_path for error in validator.iter_errors(json.loads(body))] == [path]
