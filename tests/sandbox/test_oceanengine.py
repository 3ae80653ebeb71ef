import json
import time
from typing import Any

import httpx

from deploy.sandbox.signing import feiyu_signature
from tests.sandbox.harness import get, post, put

DAY = 86_400
PULL = "/crm/v2/openapi/pull-clues/"


def leave_clues(sandbox: httpx.Client, count: int) -> None:
    put(
        sandbox,
        "/sandbox/connections/oe",
        {
            "platform": "oceanengine",
            "settings": {"app_secret": "os", "advertiser_ids": [1700001]},
        },
    )
    for n in range(count):
        post(
            sandbox,
            "/sandbox/connections/oe/leads",
            {
                "name": f"顾客{n}",
                "phone": f"1990000000{n}",
                "city": "成都市",
                "store_code": "s7",
                "external_id": str(7000 + n),
            },
        )


def authorised(sandbox: httpx.Client) -> tuple[dict[str, Any], str]:
    app = put(
        sandbox,
        "/sandbox/apps/oceanengine/1001",
        {"secret": "os", "advertiser_ids": [1700001]},
    )
    answer = post(
        sandbox,
        "/open_api/oauth2/access_token/",
        {
            "app_id": "1001",
            "secret": "os",
            "grant_type": "auth_code",
            "auth_code": app["auth_code"],
        },
    )
    return answer["data"], app["auth_code"]


def clues(sandbox: httpx.Client, token: str, **query: Any) -> Any:
    return sandbox.get(
        "/open_api/2/tools/clue/get/",
        headers={"Access-Token": token},
        params={
            "advertiser_ids": json.dumps([1700001]),
            "start_time": "2020-01-01",
            "end_time": "2099-01-01",
            **query,
        },
    ).json()


def test_auth_code_works_once_and_refreshing_rotates_both_tokens(sandbox: httpx.Client) -> None:
    pair, code = authorised(sandbox)
    again = post(
        sandbox,
        "/open_api/oauth2/access_token/",
        {"app_id": "1001", "secret": "os", "grant_type": "auth_code", "auth_code": code},
    )
    refresh = {"app_id": "1001", "secret": "os", "grant_type": "refresh_token"}

    fresh = post(
        sandbox,
        "/open_api/oauth2/refresh_token/",
        {**refresh, "refresh_token": pair["refresh_token"]},
    )
    spent = post(
        sandbox,
        "/open_api/oauth2/refresh_token/",
        {**refresh, "refresh_token": pair["refresh_token"]},
    )

    assert (pair["expires_in"], pair["refresh_token_expires_in"]) == (DAY, 30 * DAY)
    assert again["code"] != 0
    assert fresh["code"] == 0
    assert spent["code"] != 0
    assert clues(sandbox, pair["access_token"])["code"] != 0
    assert clues(sandbox, fresh["data"]["access_token"])["code"] == 0


def test_clue_get_pages_through_the_window(sandbox: httpx.Client) -> None:
    token = authorised(sandbox)[0]["access_token"]
    leave_clues(sandbox, 3)

    first = clues(sandbox, token, page=1, page_size=2)["data"]
    second = clues(sandbox, token, page=2, page_size=2)["data"]
    before = clues(sandbox, token, end_time="2020-01-02")["data"]

    assert [c["clue_id"] for c in first["list"] + second["list"]] == ["7000", "7001", "7002"]
    assert first["page_info"]["total_number"] == 3
    assert before["list"] == []
    assert first["list"][0]["telephone"] == "19900000000"
    assert first["list"][0]["province_name"] == "四川省"


def test_clues_of_another_advertiser_are_refused(sandbox: httpx.Client) -> None:
    token = authorised(sandbox)[0]["access_token"]

    answer = clues(sandbox, token, advertiser_ids="[42]")

    assert answer["code"] != 0
    assert "list" not in answer["data"]


def test_lost_push_is_still_in_the_pull(sandbox: httpx.Client) -> None:
    post(sandbox, "/sandbox/faults", {"direction": "hooks", "kind": "lost"})
    leave_clues(sandbox, 1)

    pulled = clues(sandbox, authorised(sandbox)[0]["access_token"])["data"]["list"]

    [delivery] = get(sandbox, "/sandbox/deliveries")["deliveries"]
    assert (delivery["outcome"], delivery["attempts"]) == ("lost", [])
    assert [clue["clue_id"] for clue in pulled] == ["7000"]


def pull(sandbox: httpx.Client, key: str, **query: int) -> Any:
    now = int(time.time())
    start, end = now - DAY, now + 60
    timestamp = str(now)
    signature = feiyu_signature(key, f"{PULL}?start_time={start}&end_time={end}", timestamp)
    return sandbox.get(
        PULL,
        params={"start_time": start, "end_time": end, **query},
        headers={"Access-Token": "fy", "Timestamp": timestamp, "Signature": signature},
    ).json()


def test_feiyu_pull_is_signed_without_its_page(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/feiyu/fy", {"secret": "fk", "advertiser_ids": [1700001]})
    leave_clues(sandbox, 12)

    default = pull(sandbox, "fk")
    second = pull(sandbox, "fk", page=2, page_size=10)
    wrong = pull(sandbox, "other")

    assert (default["status"], default["count"], len(default["data"])) == ("success", 12, 10)
    assert [c["clue_id"] for c in second["data"]] == ["7010", "7011"]
    clue = default["data"][0]
    assert (clue["telphone"], clue["store_id"]) == ("19900000000", "s7")
    assert "telephone" not in clue
    assert (wrong["status"], wrong["data"]) == ("fail", [])


def test_feiyu_refuses_more_than_a_week(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/feiyu/fy", {"secret": "fk", "advertiser_ids": [1700001]})
    signature = feiyu_signature("fk", f"{PULL}?start_time=0&end_time=604801", "5")

    answer = sandbox.get(
        PULL,
        params={"start_time": 0, "end_time": 604801},
        headers={"Access-Token": "fy", "Timestamp": "5", "Signature": signature},
    ).json()

    assert answer["status"] == "fail"


def test_what_the_product_returns_is_kept_and_broken_calls_are_parameter_errors(
    sandbox: httpx.Client,
) -> None:
    token = authorised(sandbox)[0]["access_token"]
    leave_clues(sandbox, 1)

    def returned(body: dict[str, Any]) -> int:
        answer = sandbox.post(
            "/open_api/2/tools/clue/callback/", headers={"Access-Token": token}, json=body
        )
        assert answer.status_code == 200
        code: int = answer.json()["code"]
        return code

    good = {
        "advertiser_ids": [1700001],
        "clue_id": "7000",
        "source": 1,
        "clue_convert_state": 194,
    }
    assert returned(good) == 0
    assert returned({**good, "clue_id": "none"}) == 40001
    assert returned({}) == 40001
    assert clues(sandbox, token, page="x")["code"] == 40001


def test_feiyu_callback_is_signed_over_its_path(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/feiyu/fy", {"secret": "fk", "advertiser_ids": [1700001]})
    leave_clues(sandbox, 1)
    path, timestamp = "/crm/v2/openapi/clue/callback/", str(int(time.time()))

    def returned(clue_id: str, key: str) -> str:
        answer = sandbox.post(
            path,
            headers={
                "Access-Token": "fy",
                "Timestamp": timestamp,
                "Signature": feiyu_signature(key, path, timestamp),
            },
            json={"source": 0, "data": {"clue_id": clue_id, "clue_convert_state": 1}},
        ).json()
        status: str = answer["status"]
        return status

    assert returned("7000", "fk") == "success"
    assert returned("7001", "fk") == "fail"
    assert returned("7000", "other") == "fail"
