import json
from pathlib import Path
from socket import socket
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import pytest
from defusedxml.ElementTree import fromstring
from standardwebhooks import Webhook, WebhookVerificationError

from deploy.sandbox import signing
from tests.sandbox.harness import Hook, Product, get, listen, post, put, running_sandbox

AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
XHS_KEY = "00112233445566778899aabbccddeeff"
GENERIC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SETTINGS: dict[str, dict[str, Any]] = {
    "wecom": {"corp_id": "wwkosdemo", "token": "tk", "encoding_aes_key": AES_KEY},
    "douyin": {"client_key": "ck", "client_secret": "cs"},
    "oceanengine": {"app_secret": "os", "advertiser_ids": [1700001]},
    "kuaishou": {"app_id": "ks7", "app_secret": "kss"},
    "xiaohongshu": {"app_id": "xa", "key": XHS_KEY, "user_id": "brand"},
    "generic": {"secret": GENERIC_SECRET},
}


def url_of(listener: socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def connect(sandbox: httpx.Client, platform: str, **overrides: Any) -> str:
    connection_id = f"conn_{platform}"
    put(
        sandbox,
        f"/sandbox/connections/{connection_id}",
        {"platform": platform, "settings": {**SETTINGS[platform], **overrides}},
    )
    return connection_id


def leave_lead(sandbox: httpx.Client, connection_id: str, **lead: Any) -> Any:
    return post(
        sandbox,
        f"/sandbox/connections/{connection_id}/leads",
        {"name": "李晓雯", "phone": "19900012345", "city": "杭州市", **lead},
    )


def opened_wecom_xml(hook: Hook) -> Element:
    outer: Element = fromstring(hook.body)
    encrypted = outer.findtext("Encrypt") or ""
    assert hook.query["msg_signature"] == signing.wecom_signature(
        "tk", hook.query["timestamp"], hook.query["nonce"], encrypted
    )
    plaintext, receive_id = signing.wecom_decrypt(AES_KEY, encrypted)
    assert receive_id == "wwkosdemo"
    inner: Element = fromstring(plaintext)
    return inner


def test_wecom_tells_the_added_contact_with_the_channel_code(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "wecom")

    delivery = leave_lead(
        sandbox, connection_id, account_handle="chen.store007", channel_code="k1:store007:n42"
    )

    assert delivery["outcome"] == "accepted"
    [hook] = product.received
    assert (hook.method, hook.path) == ("POST", "/hooks/wecom/conn_wecom")
    event = opened_wecom_xml(hook)
    assert [child.tag for child in event][:6] == [
        "ToUserName",
        "FromUserName",
        "CreateTime",
        "MsgType",
        "Event",
        "ChangeType",
    ]
    assert event.findtext("ChangeType") == "add_external_contact"
    assert event.findtext("UserID") == "chen.store007"
    assert event.findtext("State") == "k1:store007:n42"
    assert (event.findtext("ExternalUserID") or "").startswith("wm")


def test_wecom_sends_json_envelopes_on_demand(sandbox: httpx.Client, product: Product) -> None:
    connection_id = connect(sandbox, "wecom", format="json")

    leave_lead(sandbox, connection_id, account_handle="chen.store007")

    [hook] = product.received
    assert set(hook.json) == {"tousername", "agentid", "encrypt"}
    plaintext, _ = signing.wecom_decrypt(AES_KEY, hook.json["encrypt"])
    assert plaintext.startswith("<xml><ToUserName><![CDATA[wwkosdemo]]></ToUserName>")


def test_douyin_card_carries_the_consumer_under_the_set_names(
    sandbox: httpx.Client, product: Product
) -> None:
    put(sandbox, "/sandbox/apps/douyin/ck", {"secret": "cs"})
    [account] = post(
        sandbox,
        "/sandbox/accounts",
        {"accounts": [{"platform": "douyin", "handle": "kos_007", "app_id": "ck"}]},
    )["accounts"]
    connection_id = connect(
        sandbox, "douyin", card_fields={"name": "name", "telephone": "phone_number"}
    )

    delivery = leave_lead(sandbox, connection_id, account_handle="kos_007")

    [hook] = product.received
    assert hook.headers["x-douyin-signature"] == signing.douyin_signature("cs", hook.body)
    assert hook.headers["msg-id"] == delivery["message_id"]
    assert hook.json["event"] == "im_receive_msg"
    assert hook.json["client_key"] == "ck"
    assert hook.json["to_user_id"] == account["platform_id"]
    content = json.loads(hook.json["content"])
    assert content["message_type"] == "retain_consult_card"
    assert content["phone_number"] == "19900012345"
    assert (content["name"], content["city"]) == ("李晓雯", "杭州市")


def test_oceanengine_clue_is_json_text_inside_a_signed_envelope(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "oceanengine")

    delivery = leave_lead(
        sandbox, connection_id, external_id="7300000000000000001", store_code="s7"
    )

    assert delivery["outcome"] == "accepted"
    [hook] = product.received
    assert hook.headers["x-open-signature"] == signing.oceanengine_signature("os", hook.body)
    assert hook.json["service_label"] == "sandbox.clue"
    assert hook.json["message_id"] == delivery["message_id"]
    clue = json.loads(hook.json["data"])
    assert clue["event"] == "clue"
    assert clue["clue_id"] == "7300000000000000001"
    assert (clue["name"], clue["telephone"]) == ("李晓雯", "19900012345")
    assert (clue["province_name"], clue["city_name"]) == ("浙江省", "杭州市")
    assert clue["store"]["store_code"] == "s7"


def test_kuaishou_repeats_until_the_answer_names_the_message(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "kuaishou")
    product.answer = lambda _: (200, b'{"result": 1, "message_id": "another"}')

    delivery = post(
        sandbox,
        f"/sandbox/connections/{connection_id}/hooks",
        {"event": "AUTHORIZE", "data": {"open_id": "f19", "scope": ["user_info"], "is_new": True}},
    )

    assert delivery["outcome"] == "failed"
    assert len(product.received) == 4
    assert len({hook.json["message_id"] for hook in product.received}) == 1
    assert {h.headers["kwaisign"] for h in product.received} == {
        signing.kuaishou_signature("kss", product.received[0].body)
    }


def test_xiaohongshu_lead_and_message_go_to_their_paths_encrypted(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "xiaohongshu")

    lead = leave_lead(sandbox, connection_id, account_handle="xiaowen", post_url="http://n/1")
    leave_lead(sandbox, connection_id, account_handle="xiaowen", kind="message", note="有现车吗")

    data, message = product.received
    assert data.path == "/hooks/xiaohongshu/conn_xiaohongshu/api/open/im/third/data"
    opened = json.loads(signing.xiaohongshu_decrypt(XHS_KEY, data.json["content"]))
    assert (opened["name"], opened["phone"]) == ("李晓雯", "19900012345")
    assert opened["lead_id"] == lead["external_id"]
    assert opened["note_url"] == "http://n/1"
    assert message.path == "/hooks/xiaohongshu/conn_xiaohongshu/api/open/im/send"
    assert message.json["to_user_id"] == opened["user_id"]
    assert message.json["from_user_id"] == opened["user_info"]["user_id"]
    assert json.loads(signing.xiaohongshu_decrypt(XHS_KEY, message.json["content"])) == {
        "text": "有现车吗"
    }


def test_generic_form_verifies_with_the_standard_webhooks_library(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "generic")

    delivery = leave_lead(
        sandbox, connection_id, external_id="form-1", store_code="store007", product="云途 L6"
    )

    [hook] = product.received
    event: Any = Webhook(GENERIC_SECRET).verify(hook.body, hook.headers)
    assert hook.headers["webhook-id"] == delivery["message_id"]
    assert event["type"] == "lead.created"
    data = event["data"]
    assert data["lead_id"] == "form-1"
    assert (data["name"], data["phone"]) == ("李晓雯", "19900012345")
    assert (data["store_code"], data["product"]) == ("store007", "云途 L6")
    assert set(data["consent"]) == {"purpose", "notice_version", "at"}
    assert "post_url" not in data


def test_bad_signature_is_refused_by_the_library_and_not_repeated(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "generic")
    product.answer = lambda _: (401, b"")

    delivery = post(
        sandbox,
        f"/sandbox/connections/{connection_id}/hooks",
        {"event": "lead.created", "data": {"lead_id": "1"}, "bad_signature": True},
    )

    assert delivery["outcome"] == "refused"
    [hook] = product.received
    with pytest.raises(WebhookVerificationError):
        Webhook(GENERIC_SECRET).verify(hook.body, hook.headers)


@pytest.mark.parametrize("platform", ["douyin", "oceanengine", "wecom", "generic"])
def test_raw_content_is_broken_inside_and_signed_rightly(
    sandbox: httpx.Client, product: Product, platform: str
) -> None:
    connection_id = connect(sandbox, platform)

    post(
        sandbox,
        f"/sandbox/connections/{connection_id}/hooks",
        {"event": "anything", "raw": "<not>closed"},
    )

    [hook] = product.received
    match platform:
        case "douyin":
            assert hook.headers["x-douyin-signature"] == signing.douyin_signature("cs", hook.body)
            assert hook.json["content"] == "<not>closed"
        case "oceanengine":
            assert hook.headers["x-open-signature"] == signing.oceanengine_signature(
                "os", hook.body
            )
            assert hook.json["data"] == "<not>closed"
        case "wecom":
            encrypted = fromstring(hook.body).findtext("Encrypt") or ""
            assert signing.wecom_decrypt(AES_KEY, encrypted) == ("<not>closed", "wwkosdemo")
        case _:
            assert hook.body == b"<not>closed"


def test_failed_hooks_can_be_repeated_with_the_same_id(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "generic")
    product.answer = lambda _: (503, b"")
    first = leave_lead(sandbox, connection_id)
    product.answer = None
    product.received.clear()

    answer = post(sandbox, "/sandbox/deliveries/repeat", {"outcome": "failed"})

    assert answer == {"repeated": 1}
    assert [hook.headers["webhook-id"] for hook in product.received] == [first["message_id"]]
    [delivery] = get(sandbox, "/sandbox/deliveries")["deliveries"]
    assert delivery["outcome"] == "accepted"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [503, 503, 503, 503, 200]


def test_unreachable_product_is_a_failure_that_says_why(
    tmp_path: Path,
) -> None:
    with listen() as closed, running_sandbox(tmp_path, lead_url=url_of(closed)) as sandbox:
        connection_id = connect(sandbox, "generic")
        closed.close()

        delivery = leave_lead(sandbox, connection_id)

    assert delivery["outcome"] == "failed"
    assert [(a["status"], a["error"]) for a in delivery["attempts"]] == [(None, "ConnectError")] * 4


def test_wecom_address_check_wants_the_plaintext_alone(
    sandbox: httpx.Client, product: Product
) -> None:
    connection_id = connect(sandbox, "wecom")

    def echo(hook: Hook) -> tuple[int, bytes]:
        plaintext, _ = signing.wecom_decrypt(AES_KEY, hook.query["echostr"])
        return 200, plaintext.encode()

    product.answer = echo
    right = post(sandbox, f"/sandbox/connections/{connection_id}/check", {})
    product.answer = lambda hook: (200, b'"' + echo(hook)[1] + b'"')
    quoted = post(sandbox, f"/sandbox/connections/{connection_id}/check", {})

    assert right["ok"] is True
    assert quoted["ok"] is False
    assert [hook.method for hook in product.received] == ["GET", "GET"]


def test_douyin_and_oceanengine_checks_want_the_challenge_as_a_number(
    sandbox: httpx.Client, product: Product
) -> None:
    connect(sandbox, "douyin")
    connect(sandbox, "oceanengine")

    def echo(hook: Hook) -> tuple[int, bytes]:
        challenge = (
            int(hook.query["challenge"])
            if hook.method == "GET"
            else hook.json["content"]["challenge"]
        )
        return 200, json.dumps({"challenge": challenge}).encode()

    product.answer = echo
    right = [
        post(sandbox, f"/sandbox/connections/conn_{platform}/check", {})["ok"]
        for platform in ("douyin", "oceanengine")
    ]
    product.answer = lambda hook: (200, echo(hook)[1].replace(b": ", b': "').replace(b"}", b'"}'))
    as_text = [
        post(sandbox, f"/sandbox/connections/conn_{platform}/check", {})["ok"]
        for platform in ("douyin", "oceanengine")
    ]

    assert right == [True, True]
    assert as_text == [False, False]


def test_connection_with_a_secret_of_the_wrong_form_is_refused(sandbox: httpx.Client) -> None:
    answer = sandbox.put(
        "/sandbox/connections/c1",
        json={"platform": "xiaohongshu", "settings": {**SETTINGS["xiaohongshu"], "key": "abc"}},
    )

    assert answer.status_code == 422
    assert get(sandbox, "/sandbox/connections") == {"connections": []}
