import time
from typing import Any

import httpx
import pytest

from tests.sandbox.harness import Product, get, post, put

NOTE = "/xhs/explore/none"


def add_fault(sandbox: httpx.Client, kind: str, **rule: Any) -> int:
    made = post(sandbox, "/sandbox/faults", {"kind": kind, **rule})
    number: int = made["id"]
    return number


def statuses(sandbox: httpx.Client, calls: int, path: str = NOTE) -> list[int]:
    return [sandbox.get(path).status_code for _ in range(calls)]


def test_the_same_seed_hits_the_same_calls(sandbox: httpx.Client) -> None:
    def pattern(seed: int) -> list[int]:
        fault = add_fault(sandbox, "server_error", probability=0.4, seed=seed)
        hit = statuses(sandbox, 40)
        sandbox.delete(f"/sandbox/faults/{fault}")
        return hit

    first, other, again = pattern(1), pattern(2), pattern(1)

    assert first == again
    assert first != other
    assert set(first) == {404, 500}


def test_skip_and_count_bound_a_fault(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "server_error", skip=2, count=3)

    assert statuses(sandbox, 7) == [404, 404, 500, 500, 500, 404, 404]
    [rule] = get(sandbox, "/sandbox/faults")["faults"]
    assert (rule["seen"], rule["fired"]) == (7, 3)


def test_route_and_platform_scope_a_fault(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "server_error", platform="channels")
    add_fault(sandbox, "gone", route="/xhs/explore/a*")

    assert statuses(sandbox, 1, "/channels/feed/x") == [500]
    assert statuses(sandbox, 1, "/xhs/explore/abc") == [410]
    assert statuses(sandbox, 1, "/xhs/explore/xyz") == [404]
    assert statuses(sandbox, 1, "/healthz") == [200]


def test_rate_limit_names_the_pause(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "rate_limited", retry_after_seconds=7)

    answer = sandbox.get(NOTE)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_delay_answers_late(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "delay", delay_seconds=0.3)

    started = time.monotonic()
    answer = sandbox.get(NOTE)

    assert answer.status_code == 404
    assert time.monotonic() - started >= 0.3


def test_garbage_body_is_a_success_that_is_no_json(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "garbage_body")

    answer = sandbox.get("/cgi-bin/gettoken")

    assert answer.status_code == 200
    with pytest.raises(UnicodeDecodeError):
        answer.json()


def test_platform_error_comes_in_the_platforms_envelope(sandbox: httpx.Client) -> None:
    add_fault(sandbox, "platform_error", platform="wecom", code=45009)
    add_fault(sandbox, "platform_error", platform="douyin", code=28001005)

    wecom = sandbox.get("/cgi-bin/gettoken").json()
    douyin = sandbox.post("/oauth/client_token/").json()

    assert wecom["errcode"] == 45009
    assert douyin["data"]["error_code"] == 28001005


def test_token_expired_kills_the_presented_token_and_the_next_one_works(
    sandbox: httpx.Client,
) -> None:
    put(sandbox, "/sandbox/apps/wecom/ww1", {"secret": "ws"})

    def token() -> str:
        answer = get(sandbox, "/cgi-bin/gettoken", corpid="ww1", corpsecret="ws")
        text: str = answer["access_token"]
        return text

    def tags(access_token: str) -> int:
        answer = sandbox.post(
            "/cgi-bin/externalcontact/get_corp_tag_list",
            params={"access_token": access_token},
            json={},
        )
        code: int = answer.json()["errcode"]
        return code

    old = token()
    add_fault(sandbox, "token_expired", route="/cgi-bin/externalcontact/*", count=1)

    assert [tags(old), tags(old)] == [42001, 42001]
    assert token() != old
    assert tags(token()) == 0


def test_connection_reset_reaches_the_caller_and_does_nothing(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/wecom/ww1", {"secret": "ws"})
    get(sandbox, "/cgi-bin/gettoken", corpid="ww1", corpsecret="ws")
    token = get(sandbox, "/cgi-bin/gettoken", corpid="ww1", corpsecret="ws")["access_token"]
    add_fault(sandbox, "connection_reset", route="*/add_contact_way", count=1)
    way = {"type": 1, "scene": 2, "user": ["chen"]}

    with pytest.raises(httpx.ReadError):
        sandbox.post(
            "/cgi-bin/externalcontact/add_contact_way", params={"access_token": token}, json=way
        )

    listed = sandbox.post(
        "/cgi-bin/externalcontact/list_contact_way", params={"access_token": token}, json={}
    ).json()
    assert listed["contact_way"] == []


def connect(sandbox: httpx.Client) -> None:
    put(
        sandbox,
        "/sandbox/connections/form",
        {"platform": "generic", "settings": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
    )


def leave_lead(sandbox: httpx.Client, external_id: str) -> Any:
    return post(
        sandbox, "/sandbox/connections/form/leads", {"name": "李", "external_id": external_id}
    )


def test_duplicate_hook_is_sent_twice_with_one_id(sandbox: httpx.Client, product: Product) -> None:
    connect(sandbox)
    add_fault(sandbox, "duplicate", direction="hooks", count=1)

    leave_lead(sandbox, "a")
    leave_lead(sandbox, "b")

    ids = [hook.json["data"]["lead_id"] for hook in product.received]
    assert ids == ["a", "a", "b"]
    assert len({hook.headers["webhook-id"] for hook in product.received}) == 2


def test_reordered_hook_comes_after_the_next_one(sandbox: httpx.Client, product: Product) -> None:
    connect(sandbox)
    add_fault(sandbox, "reorder", direction="hooks", count=1)

    post(
        sandbox,
        "/sandbox/population/run",
        {
            "seed": 1,
            "consumers": 2,
            "lead_rate": 1,
            "two_platform_rate": 0,
            "duplicate_rate": 0,
            "reorder_rate": 0,
            "concurrency": 2,
        },
    )

    sent = [hook.json["data"]["lead_id"] for hook in product.received]
    planned = [lead["external_id"] for lead in get(sandbox, "/sandbox/population/ledger")["leads"]]
    assert sent == planned[::-1]


def test_reordered_hook_without_a_next_one_goes_after_a_second(
    sandbox: httpx.Client, product: Product
) -> None:
    connect(sandbox)
    add_fault(sandbox, "reorder", direction="hooks")

    started = time.monotonic()
    delivery = leave_lead(sandbox, "a")

    assert delivery["outcome"] == "accepted"
    assert len(product.received) == 1
    assert time.monotonic() - started >= 1


def test_a_fault_of_the_other_direction_is_refused(sandbox: httpx.Client) -> None:
    wrong = [
        {"kind": "duplicate", "direction": "calls"},
        {"kind": "connection_reset", "direction": "hooks"},
        {"kind": "platform_error", "platform": "scrm", "code": 1},
        {"kind": "server_error", "colour": "red"},
    ]

    answers = [sandbox.post("/sandbox/faults", json=rule).status_code for rule in wrong]

    assert answers == [422, 422, 422, 422]
    assert get(sandbox, "/sandbox/faults") == {"faults": []}
