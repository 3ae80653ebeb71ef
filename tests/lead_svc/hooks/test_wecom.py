from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pytest

from lead_svc.hooks import BadConnection, Check, LeadForm, Refusal, Request, decode_query, read
from tests.lead_svc.hooks.platforms import (
    NOW,
    SETTINGS,
    WECOM_CORP,
    WECOM_KEY,
    content_of,
    delivered,
    fault_of,
    make_hook,
    to_json,
    wecom_check,
    wecom_cipher,
    wecom_encrypt,
    wecom_event,
    wecom_push,
    wecom_query,
)

ECHOSTR = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
SAMPLE = b"""<xml><ToUserName><![CDATA[wwkosdemo00000009]]></ToUserName>
<FromUserName><![CDATA[sys]]></FromUserName>
<CreateTime>1772330100</CreateTime><MsgType><![CDATA[event]]></MsgType>
<Event><![CDATA[change_external_contact]]></Event>
<ChangeType><![CDATA[add_external_contact]]></ChangeType><UserID><![CDATA[chen.store007]]></UserID>
<ExternalUserID><![CDATA[wmDEMO0000000000000000007]]></ExternalUserID>
<State><![CDATA[k1:store007:n42]]></State>
<WelcomeCode><![CDATA[WC-DEMO-7]]></WelcomeCode></xml>"""
OCCURRED_AT = datetime(2026, 3, 1, 1, 55, tzinfo=UTC)


def tencent_check(query: str) -> object:
    hook = make_hook("wecom", {"receive_ids": ["wx5823bf96d3bd56c7"]})
    return hook.receive(Request(method="GET", query=decode_query(query.encode())), NOW)


def test_the_published_sample_of_the_address_check_is_answered_with_the_plaintext_alone() -> None:
    encoded = ECHOSTR.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")

    result = tencent_check(
        "msg_signature=5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
        f"&timestamp=1409659589&nonce=263014780&echostr={encoded}"
    )

    assert isinstance(result, Check)
    assert result.answer.status == 200
    assert result.answer.body == b"1616140317555161061"


def test_a_plus_that_arrives_unencoded_stays_a_plus() -> None:
    result = tencent_check(
        "msg_signature=5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
        f"&timestamp=1409659589&nonce=263014780&echostr={ECHOSTR}"
    )

    assert isinstance(result, Check)


def test_the_address_check_of_a_foreign_corp_is_refused() -> None:
    hook = make_hook("wecom")

    result = hook.receive(wecom_check(wecom_encrypt(b"echo", "wwother")), NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.answer.body) == (403, b"-40005 receiveid")
    assert result.reason == "recipient"


@pytest.mark.parametrize("form", ["cdata", "xml", "json", "json upper case"])
def test_every_form_of_the_body_gives_the_same_lead(form: str) -> None:
    result = make_hook("wecom").receive(wecom_push(SAMPLE, form=form), NOW)

    assert delivered(result).payload == SAMPLE
    assert (delivered(result).answer.status, delivered(result).answer.body) == (200, b"")
    assert delivered(result).dedupe_key == (
        "wwkosdemo00000009|change_external_contact|add_external_contact|1772330100||chen.store007"
        "|wmDEMO0000000000000000007|||||"
    )
    content = content_of(result)
    assert content.kind == "change_external_contact.add_external_contact"
    assert content.is_known
    assert content.occurred_at == OCCURRED_AT
    assert content.leads == (
        LeadForm(
            external_lead_id="chen.store007/wmDEMO0000000000000000007",
            external_userid="wmDEMO0000000000000000007",
            account_handle="chen.store007",
            channel_code="k1:store007:n42",
            submitted_at=OCCURRED_AT,
            extra={
                "tousername": "wwkosdemo00000009",
                "fromusername": "sys",
                "createtime": "1772330100",
                "msgtype": "event",
                "event": "change_external_contact",
                "changetype": "add_external_contact",
                "welcomecode": "WC-DEMO-7",
            },
        ),
    )


def test_a_json_message_is_read_like_an_xml_one() -> None:
    message = to_json(
        {
            "ToUserName": WECOM_CORP,
            "CreateTime": 1772330100,
            "MsgType": "event",
            "Event": "change_external_contact",
            "ChangeType": "add_external_contact",
            "UserID": "chen.store007",
            "ExternalUserID": "wm7",
            "State": "k1",
        }
    )

    [lead] = content_of(make_hook("wecom").receive(wecom_push(message, form="json"), NOW)).leads

    assert (lead.external_lead_id, lead.external_userid) == ("chen.store007/wm7", "wm7")
    assert (lead.channel_code, lead.submitted_at) == ("k1", OCCURRED_AT)


def test_the_full_add_after_the_half_add_is_the_same_lead_but_another_delivery() -> None:
    hook = make_hook("wecom")
    half, full = (
        hook.receive(
            wecom_push(
                wecom_event(
                    Event="change_external_contact",
                    ChangeType=change,
                    UserID="chen",
                    ExternalUserID="wm7",
                )
            ),
            NOW,
        )
        for change in ("add_half_external_contact", "add_external_contact")
    )

    assert content_of(half).leads[0].external_lead_id == "chen/wm7"
    assert content_of(full).leads[0].external_lead_id == "chen/wm7"
    assert delivered(half).dedupe_key != delivered(full).dedupe_key


@pytest.mark.parametrize("size", range(64, 96))
def test_every_length_of_pad_is_taken(size: int) -> None:
    hook = make_hook("wecom")
    echo = b"e" * size

    result = hook.receive(wecom_check(wecom_encrypt(echo)), NOW)

    assert isinstance(result, Check)
    assert result.answer.body == echo


@pytest.mark.parametrize("last", ["C", "D", "A", "B"])
def test_the_last_character_of_the_key_may_carry_stray_bits(last: str) -> None:
    hook = make_hook("wecom", encoding_aes_key=WECOM_KEY[:-1] + last)

    assert isinstance(hook.receive(wecom_check(wecom_encrypt(b"echo")), NOW), Check)


@pytest.mark.parametrize("receive_id", ["wwcorp", "wwsuite", ""])
def test_any_of_the_allowed_receive_ids_is_taken(receive_id: str) -> None:
    hook = make_hook("wecom", {"receive_ids": ["wwcorp", "wwsuite", ""]})
    message = wecom_event(Event="change_external_chat", ChangeType="create", ChatId="c1")

    result = hook.receive(wecom_push(message, receive_id=receive_id), NOW)

    assert content_of(result).kind == "change_external_chat.create"


@dataclass(frozen=True)
class Bad:
    name: str
    request: Request
    status: int
    body: bytes
    reason: str


def push_of(encrypted: str, **query: str) -> Request:
    body = f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()
    return Request(method="POST", query={**wecom_query(encrypted), **query}, body=body)


def padded(plain: bytes, pad: bytes) -> str:
    return wecom_cipher(plain + pad)


GOOD = wecom_encrypt(SAMPLE)
HEAD = b"0123456789abcdef"
BAD = [
    Bad("signature", push_of(GOOD, msg_signature="0" * 40), 401, b"-40001 signature", "signature"),
    Bad("no signature", push_of(GOOD, msg_signature=""), 401, b"-40001 signature", "signature"),
    Bad(
        "upper case signature",
        push_of(GOOD, msg_signature=wecom_query(GOOD)["msg_signature"].upper()),
        401,
        b"-40001 signature",
        "signature",
    ),
    Bad("odd signature", push_of(GOOD, msg_signature="签"), 401, b"-40001 signature", "signature"),
    Bad("timestamp", push_of(GOOD, timestamp="1772331301"), 401, b"-40001 signature", "signature"),
    Bad("nonce", push_of(GOOD, nonce="n-2"), 401, b"-40001 signature", "signature"),
    Bad(
        "message",
        Request(
            method="POST",
            query=wecom_query(GOOD),
            body=f"<xml><Encrypt>A{GOOD[1:]}</Encrypt></xml>".encode(),
        ),
        401,
        b"-40001 signature",
        "signature",
    ),
    Bad("recipient", push_of(wecom_encrypt(SAMPLE, "ww2")), 403, b"-40005 receiveid", "recipient"),
    Bad("base64", push_of("*" * 44), 400, b"-40010 base64", "encryption"),
    Bad("half a block", push_of("AAAAAAAAAAAAAAAAAAAAAA=="), 400, b"-40007 decrypt", "encryption"),
    Bad("pad 0", push_of(padded(HEAD * 2, bytes(32))), 400, b"-40007 decrypt", "encryption"),
    Bad("pad 33", push_of(padded(HEAD * 2, b"!" * 32)), 400, b"-40007 decrypt", "encryption"),
    Bad(
        "pad that disagrees",
        push_of(padded(HEAD * 2, bytes(31) + b"\x20")),
        400,
        b"-40007 decrypt",
        "encryption",
    ),
    Bad(
        "length beyond the end",
        push_of(padded(HEAD + b"\xff" * 4 + b"m" * 12, b"\x20" * 32)),
        400,
        b"-40008 bad buffer",
        "encryption",
    ),
    Bad("only pad", push_of(padded(b"", b"\x20" * 32)), 400, b"-40008 bad buffer", "encryption"),
    Bad("no body", Request(method="POST"), 400, b"-40002 parse", "envelope"),
    Bad(
        "no Encrypt",
        Request(method="POST", body=b"<xml><a>1</a></xml>"),
        400,
        b"-40002 parse",
        "envelope",
    ),
    Bad(
        "entities",
        Request(
            method="POST",
            body=b'<!DOCTYPE x [<!ENTITY e "x">]><xml><Encrypt>&e;</Encrypt></xml>',
        ),
        400,
        b"-40002 parse",
        "envelope",
    ),
    Bad(
        "unknown encoding",
        Request(method="POST", body=b'<?xml version="1.0" encoding="foo"?><xml/>'),
        400,
        b"-40002 parse",
        "envelope",
    ),
    Bad(
        "bottomless nesting",
        Request(method="POST", body=b"<a>" * 30_000 + b"</a>" * 30_000),
        400,
        b"-40002 parse",
        "envelope",
    ),
    Bad("method", Request(method="PUT"), 405, b"", "method"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_does_not_verify_is_refused_with_the_code_of_the_platform(bad: Bad) -> None:
    result = make_hook("wecom").receive(bad.request, NOW)

    assert isinstance(result, Refusal)
    assert (result.answer.status, result.answer.body) == (bad.status, bad.body)
    assert result.reason == bad.reason


def test_a_message_is_known_by_its_id() -> None:
    message = (
        b"<xml><ToUserName>ww</ToUserName><FromUserName>chen</FromUserName>"
        b"<CreateTime>1772330100</CreateTime><MsgType>text</MsgType><Content>hi</Content>"
        b"<MsgId>4611</MsgId></xml>"
    )

    result = make_hook("wecom").receive(wecom_push(message), NOW)

    assert delivered(result).dedupe_key == "message|4611"
    assert content_of(result).kind == "message.text"
    assert content_of(result).leads == ()


def test_events_of_one_second_are_told_apart() -> None:
    hook = make_hook("wecom")
    fields = [
        {"Event": "change_external_chat", "ChangeType": "update", "ChatId": "c1", "UpdateDetail": d}
        for d in ("add_member", "change_name")
    ] + [
        {"Event": "change_external_tag", "ChangeType": "create", "Id": i, "TagType": "tag"}
        for i in ("t1", "t2")
    ]

    keys = {
        delivered(hook.receive(wecom_push(wecom_event(**each)), NOW)).dedupe_key for each in fields
    }

    assert len(keys) == 4


def test_a_third_party_event_is_answered_with_success_and_gives_the_lead() -> None:
    message = (
        b"<xml><SuiteId>wwsuite</SuiteId><AuthCorpId>wwauth</AuthCorpId>"
        b"<InfoType>change_external_contact</InfoType><TimeStamp>1772330100</TimeStamp>"
        b"<ChangeType>add_external_contact</ChangeType><UserID>u</UserID>"
        b"<ExternalUserID>wm</ExternalUserID></xml>"
    )

    result = make_hook("wecom").receive(wecom_push(message), NOW)

    assert delivered(result).answer.body == b"success"
    assert delivered(result).dedupe_key == (
        "wwauth|change_external_contact|add_external_contact||1772330100|u|wm|||||"
    )
    assert content_of(result).occurred_at == OCCURRED_AT
    assert content_of(result).leads[0].external_lead_id == "u/wm"


def test_a_command_callback_is_answered_with_success() -> None:
    message = (
        b"<xml><SuiteId>wwsuite</SuiteId><InfoType>suite_ticket</InfoType>"
        b"<TimeStamp>1772330100</TimeStamp><SuiteTicket>t</SuiteTicket></xml>"
    )

    result = make_hook("wecom").receive(wecom_push(message), NOW)

    assert delivered(result).answer.body == b"success"
    assert content_of(result).kind == "suite_ticket"
    assert content_of(result).is_known


def test_an_event_nobody_published_is_kept_as_unknown() -> None:
    message = wecom_event(Event="change_weather", ChangeType="rain")

    content = content_of(make_hook("wecom").receive(wecom_push(message), NOW))

    assert (content.kind, content.is_known, content.leads) == ("change_weather.rain", False, ())


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (b"not xml", "body: neither XML nor JSON"),
        (b"", "body: neither XML nor JSON"),
        (b"{", "body: not JSON"),
        (b"<xml><MsgType>event</MsgType></xml>", "CreateTime: missing"),
        (wecom_event(CreateTime="soon", Event="e"), "CreateTime: not a time in s"),
        (
            wecom_event(CreateTime="99999999999", Event="e"),
            "CreateTime: before 2000 or in the future",
        ),
        (
            wecom_event(Event="change_external_contact", ChangeType="add_external_contact"),
            "UserID: missing",
        ),
        (
            wecom_event(
                Event="change_external_contact",
                ChangeType="add_external_contact",
                UserID="u" * 150,
                ExternalUserID="w" * 150,
            ),
            "external_lead_id: longer than 200 characters",
        ),
    ],
)
def test_verified_but_broken_content_is_answered_as_success(message: bytes, fault: str) -> None:
    result = make_hook("wecom").receive(wecom_push(message), NOW)

    assert (delivered(result).answer.status, delivered(result).answer.body) == (200, b"")
    assert delivered(result).payload == message
    assert fault_of(result) == fault


def test_stored_content_can_be_read_again() -> None:
    hook = make_hook("wecom")
    result = delivered(hook.receive(wecom_push(SAMPLE), NOW))

    assert read("wecom", SETTINGS["wecom"], result.payload, NOW) == result.content


@pytest.mark.parametrize("key", [WECOM_KEY[:-1], WECOM_KEY + "A", WECOM_KEY[:-1] + "+", ""])
def test_a_key_of_another_shape_is_refused_with_its_field(key: str) -> None:
    with pytest.raises(BadConnection) as refused:
        make_hook("wecom", encoding_aes_key=key)

    assert refused.value.field == "/secrets/encoding_aes_key"


def test_a_connection_that_allows_no_receive_id_is_refused() -> None:
    with pytest.raises(BadConnection) as refused:
        make_hook("wecom", {"receive_ids": []})

    assert refused.value.field == "/settings/receive_ids"


def test_a_lead_survives_its_json_form() -> None:
    [lead] = content_of(make_hook("wecom").receive(wecom_push(SAMPLE), NOW)).leads

    assert msgspec.json.decode(msgspec.json.encode(lead), type=LeadForm) == lead
