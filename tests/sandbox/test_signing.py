"""Published vectors of the platforms, and own vectors over their published algorithms."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.sandbox import signing

WECOM_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
WECOM_ECHO = (
    "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
)
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
WEBHOOK_BODY = b'{"test": 2432232314}'
WEBHOOK_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_wecom_signature_of_the_published_sample() -> None:
    signature = signing.wecom_signature("QDG6eK", "1409659589", "263014780", WECOM_ECHO)

    assert signature == "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"


def test_wecom_encryption_gives_the_published_sample_byte_for_byte() -> None:
    encrypted = signing.wecom_encrypt(
        WECOM_KEY, "wx5823bf96d3bd56c7", "1616140317555161061", b"c41b64491c2468d0"
    )

    assert encrypted == WECOM_ECHO
    assert signing.wecom_decrypt(WECOM_KEY, encrypted) == (
        "1616140317555161061",
        "wx5823bf96d3bd56c7",
    )


@pytest.mark.parametrize("length", range(40))
def test_wecom_padding_is_a_multiple_of_32_for_every_length(length: int) -> None:
    encrypted = signing.wecom_encrypt(WECOM_KEY, "corp", "x" * length, b"0" * 16)

    assert len(base64.b64decode(encrypted)) % 32 == 0
    assert signing.wecom_decrypt(WECOM_KEY, encrypted) == ("x" * length, "corp")


def test_wecom_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="43"):
        signing.wecom_encrypt(WECOM_KEY[:-1], "corp", "text", b"0" * 16)


def test_douyin_signature_is_sha1_of_secret_and_body() -> None:
    body = b'{"event":"verify_webhook","client_key":"abc","content":{"challenge":12345}}'

    assert (
        signing.douyin_signature("kos-demo-client-secret", body)
        == "5edcc6efdf159ec10f0b40e879bc4e21e5572a15"
    )


def test_oceanengine_signature_is_hmac_over_the_utf8_body() -> None:
    assert (
        signing.oceanengine_signature("kos-demo-oe-secret", '{"name":"张三"}'.encode())
        == "312a31e593f9354593e3732aaff3c80bcc38d1f2eadb0d16b47c961c8cf46dc4"
    )


def test_feiyu_signature_is_base64_of_the_hex_text() -> None:
    signature = signing.feiyu_signature(
        "kos-demo-feiyu-key",
        "/crm/v2/openapi/pull-clues/?start_time=1772323200&end_time=1772409600",
        "1772331300",
    )

    assert signature == (
        "YzcwZGViMGFiMTc0MjU4YjA1ZjY1MTU2ZDlmMzA3ZTM3NTFiZWM5YTY3ZGU4M2MwZTdkNmQ2N2RmNDU4NzZkZQ=="
    )


def test_kuaishou_signature_is_md5_of_body_and_secret() -> None:
    body = (
        b'{"app_id":"ks700000000000000001","event":"UN_AUTHORIZE","timestamp":1772331360000,'
        b'"message_id":"ChKosDemo02","data":{"open_id":"f19kosdemo","scope":["user_video_info"]}}'
    )

    assert (
        signing.kuaishou_signature("kos-demo-ks-secret", body) == "45c3d6bf2326cb846e594aaea1ab3b09"
    )


def test_xiaohongshu_text_form_with_a_zero_iv() -> None:
    key = "00112233445566778899aabbccddeeff"
    text = "AAAAAAAAAAAAAAAAAAAAAA==~split~G8h9bDtjL3TSwKC5pmKi5PfaL9pGiyPjNFl9a3jYkg8="

    assert signing.xiaohongshu_encrypt(key, '{"text":"hello"}', bytes(16)) == text
    assert signing.xiaohongshu_decrypt(key, text) == '{"text":"hello"}'


def test_standard_webhooks_vector() -> None:
    signature = signing.standard_webhooks_signature(
        WEBHOOK_SECRET, WEBHOOK_ID, "1614265330", WEBHOOK_BODY
    )

    assert signature == WEBHOOK_SIGNATURE


@pytest.mark.parametrize(
    ("signatures", "body", "now", "valid"),
    [
        (WEBHOOK_SIGNATURE, WEBHOOK_BODY, 1614265330, True),
        (f"v1,AAAA {WEBHOOK_SIGNATURE}", WEBHOOK_BODY, 1614265330, True),
        (f"malformed v2,xyz {WEBHOOK_SIGNATURE}", WEBHOOK_BODY, 1614265330, True),
        (WEBHOOK_SIGNATURE, WEBHOOK_BODY + b" ", 1614265330, False),
        (WEBHOOK_SIGNATURE, WEBHOOK_BODY, 1614265330 + 300, True),
        (WEBHOOK_SIGNATURE, WEBHOOK_BODY, 1614265330 + 301, False),
        (WEBHOOK_SIGNATURE, WEBHOOK_BODY, 1614265330 - 301, False),
        (WEBHOOK_SIGNATURE.replace("v1,", "v2,"), WEBHOOK_BODY, 1614265330, False),
        ("", WEBHOOK_BODY, 1614265330, False),
    ],
)
def test_standard_webhooks_verification(
    signatures: str, body: bytes, now: float, valid: bool
) -> None:
    assert (
        signing.standard_webhooks_valid(
            ["whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", WEBHOOK_SECRET],
            WEBHOOK_ID,
            "1614265330",
            signatures,
            body,
            now=now,
        )
        is valid
    )


def test_standard_webhooks_verification_with_a_public_key() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signed = private.sign(f"{WEBHOOK_ID}.1614265330.".encode() + WEBHOOK_BODY)
    signature = "v1a," + base64.b64encode(signed).decode()

    def valid(signatures: str) -> bool:
        return signing.standard_webhooks_valid(
            [public], WEBHOOK_ID, "1614265330", signatures, WEBHOOK_BODY, now=1614265330
        )

    assert valid(signature)
    assert not valid(signature.replace("v1a,", "v1,"))
    assert not valid("v1a,not-base64")
