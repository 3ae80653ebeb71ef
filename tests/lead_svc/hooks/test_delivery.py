import pytest

from lead_svc.hooks import decode_query
from lead_svc.hooks.delivery import MAX_DEDUPE_KEY, dedupe_key


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"echostr=a+b%2Bc%3D", {"echostr": "a+b+c="}),
        (b"once=%252B", {"once": "%2B"}),
        (b"a=1&a=2", {"a": "1"}),
        (b"name=%E5%BC%A0", {"name": "张"}),
        (b"bad=%FF%zz&=x&flag", {"bad": "\ufffd%zz", "": "x", "flag": ""}),
        (b"", {"": ""}),
    ],
)
def test_a_query_is_decoded_exactly_once_and_a_plus_stays(
    raw: bytes, query: dict[str, str]
) -> None:
    assert decode_query(raw) == query


def test_the_key_of_a_delivery_is_what_the_platform_calls_it() -> None:
    assert dedupe_key("ww", None, "42", payload=b"x") == "ww||42"
    assert dedupe_key("a\0b", payload=b"x") == "ab"


def test_without_a_name_the_payload_identifies_the_delivery() -> None:
    expected = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

    assert dedupe_key(None, "", payload=b"x") == expected


def test_a_long_key_is_hashed_to_fit_an_index() -> None:
    keys = [dedupe_key("k" * length, payload=b"") for length in (200, 201, 202, 100_000)]

    assert [len(key) for key in keys] == [MAX_DEDUPE_KEY, 71, 71, 71]
    assert len(set(keys)) == 4
