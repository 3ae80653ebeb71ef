from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.sandbox.harness import get, post, put

DAY = 86_400


def register(sandbox: httpx.Client, **terms: Any) -> dict[str, Any]:
    """An app and one consenting seller; gives the seller's tokens."""
    put(sandbox, "/sandbox/apps/douyin/ck", {"secret": "cs", **terms})
    [account] = post(
        sandbox,
        "/sandbox/accounts",
        {"accounts": [{"platform": "douyin", "handle": "kos_007", "app_id": "ck"}]},
    )["accounts"]
    tokens: dict[str, Any] = account["tokens"]
    return tokens


def oauth(sandbox: httpx.Client, step: str, **fields: str) -> Any:
    answer = sandbox.post(f"/oauth/{step}/", data={"client_key": "ck", **fields})
    assert answer.status_code == 200
    return answer.json()["data"]


def call(
    sandbox: httpx.Client, method: str, path: str, seller: dict[str, Any], **kwargs: Any
) -> Any:
    answer = sandbox.request(
        method,
        path,
        params={"open_id": seller["open_id"], **kwargs.pop("query", {})},
        headers={"access-token": seller["access_token"]},
        **kwargs,
    )
    assert answer.status_code == 200
    return answer.json()["data"]


def upload(sandbox: httpx.Client, seller: dict[str, Any]) -> str:
    data = call(
        sandbox,
        "POST",
        "/api/douyin/v1/video/upload_video/",
        seller,
        files={"video": ("a.mp4", b"\x00" * 4096, "video/mp4")},
    )
    assert data["error_code"] == 0
    video_id: str = data["video_id"]
    return video_id


def create(sandbox: httpx.Client, seller: dict[str, Any], text: str, video_id: str) -> Any:
    return call(
        sandbox,
        "POST",
        "/api/douyin/v1/video/create_video/",
        seller,
        json={"video_id": video_id, "text": text},
    )


def videos(sandbox: httpx.Client, seller: dict[str, Any], **query: Any) -> Any:
    return call(
        sandbox,
        "GET",
        "/api/douyin/v1/video/video_list/",
        seller,
        query={"cursor": 0, "count": 10, **query},
    )


def advance(sandbox: httpx.Client, seconds: float) -> None:
    post(sandbox, "/sandbox/clock", {"advance_seconds": seconds})


def test_browser_consent_gives_a_code_that_works_once(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/douyin/ck", {"secret": "cs"})

    consent = sandbox.get(
        "/platform/oauth/connect/",
        params={
            "client_key": "ck",
            "response_type": "code",
            "scope": "user_info,video.create.bind",
            "redirect_uri": "http://127.0.0.1/back?brand=1",
            "state": "s1",
            "sandbox_handle": "kos_007",
        },
    )

    assert consent.status_code == 302
    back = parse_qs(urlsplit(consent.headers["location"]).query)
    assert (back["brand"], back["state"]) == (["1"], ["s1"])
    fields = {
        "client_secret": "cs",
        "grant_type": "authorization_code",
        "code": back["code"][0],
    }
    first = oauth(sandbox, "access_token", **fields)
    assert first["error_code"] == 0
    assert (first["expires_in"], first["refresh_expires_in"]) == (15 * DAY, 30 * DAY)
    assert first["scope"] == "user_info,video.create.bind"
    assert oauth(sandbox, "access_token", **fields)["error_code"] == 10005


def test_wrong_secret_and_unknown_client_are_parameter_errors(sandbox: httpx.Client) -> None:
    put(sandbox, "/sandbox/apps/douyin/ck", {"secret": "cs"})

    wrong = oauth(sandbox, "client_token", client_secret="no", grant_type="client_credential")
    unknown = oauth(sandbox, "client_token", client_key="other", grant_type="client_credential")

    assert (wrong["error_code"], unknown["error_code"]) == (10005, 10005)
    assert "access_token" not in wrong


def test_access_token_expires_and_refreshing_keeps_the_refresh_tokens_end(
    sandbox: httpx.Client,
) -> None:
    seller = register(sandbox)
    advance(sandbox, 15 * DAY)
    assert videos(sandbox, seller)["error_code"] == 2190008

    fresh = oauth(
        sandbox,
        "refresh_token",
        grant_type="refresh_token",
        refresh_token=seller["refresh_token"],
    )

    assert fresh["error_code"] == 0
    assert fresh["refresh_token"] == seller["refresh_token"]
    assert 15 * DAY - 60 < fresh["refresh_expires_in"] <= 15 * DAY
    assert videos(sandbox, {**seller, **fresh})["error_code"] == 0
    advance(sandbox, 15 * DAY)
    late = oauth(
        sandbox,
        "refresh_token",
        grant_type="refresh_token",
        refresh_token=seller["refresh_token"],
    )
    assert late["error_code"] == 10010


def test_refresh_token_renews_five_times_and_the_old_one_dies(sandbox: httpx.Client) -> None:
    first = register(sandbox)["refresh_token"]
    token = first

    for _ in range(5):
        renewed = oauth(sandbox, "renew_refresh_token", refresh_token=token)
        assert renewed["error_code"] == 0
        assert renewed["expires_in"] == str(30 * DAY)
        token = renewed["refresh_token"]

    assert oauth(sandbox, "renew_refresh_token", refresh_token=token)["error_code"] == 10020
    assert oauth(sandbox, "renew_refresh_token", refresh_token=first)["error_code"] == 10010


def test_lifetimes_can_be_short(sandbox: httpx.Client) -> None:
    seller = register(sandbox, access_seconds=5)
    assert seller["expires_in"] == 5

    advance(sandbox, 5)

    assert videos(sandbox, seller)["error_code"] == 2190008


def test_client_token_lives_on_for_five_minutes_after_the_next(sandbox: httpx.Client) -> None:
    register(sandbox)

    answers = [
        oauth(sandbox, "client_token", client_secret="cs", grant_type="client_credential")
        for _ in range(2)
    ]

    assert [a["expires_in"] for a in answers] == ["7200", "7200"]
    assert answers[0]["access_token"] != answers[1]["access_token"]


def test_another_sellers_open_id_is_not_permitted(sandbox: httpx.Client) -> None:
    seller = register(sandbox)

    assert videos(sandbox, {**seller, "open_id": "_000other"})["error_code"] == 10004
    assert videos(sandbox, {**seller, "access_token": "act.none"})["error_code"] == 28001003


def test_video_is_reviewed_then_public_and_its_figures_grow(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    item_id = create(sandbox, seller, "周末试驾体验", upload(sandbox, seller))["item_id"]

    [fresh] = videos(sandbox, seller)["list"]
    advance(sandbox, 60)
    [public] = videos(sandbox, seller)["list"]
    advance(sandbox, 600)
    [later] = videos(sandbox, seller)["list"]

    assert (fresh["item_id"], fresh["title"]) == (item_id, "周末试驾体验")
    assert (fresh["video_status"], fresh["is_reviewed"]) == (4, False)
    assert fresh["statistics"]["play_count"] == 0
    assert (public["video_status"], public["is_reviewed"]) == (5, True)
    assert 0 < public["statistics"]["play_count"] < later["statistics"]["play_count"]
    assert public["statistics"]["digg_count"] < later["statistics"]["digg_count"]
    assert sandbox.get(later["share_url"]).status_code == 200


def test_unfit_text_does_not_pass_the_review(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    create(sandbox, seller, "审核不通过的内容", upload(sandbox, seller))

    advance(sandbox, 60)

    [video] = videos(sandbox, seller)["list"]
    assert (video["video_status"], video["is_reviewed"]) == (2, True)
    assert sandbox.get(video["share_url"]).status_code == 404


def test_video_list_pages_newest_first(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    for n in range(5):
        create(sandbox, seller, f"第{n}条", upload(sandbox, seller))

    first = videos(sandbox, seller, count=3)
    second = videos(sandbox, seller, count=3, cursor=first["cursor"])

    assert [v["title"] for v in first["list"]] == ["第4条", "第3条", "第2条"]
    assert [v["title"] for v in second["list"]] == ["第1条", "第0条"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert videos(sandbox, seller, count=21)["error_code"] == 10005


def test_video_data_finds_what_became_of_an_upload(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    published, unused = upload(sandbox, seller), upload(sandbox, seller)
    item_id = create(sandbox, seller, "一条", published)["item_id"]

    def found(body: dict[str, Any]) -> list[str]:
        data = call(sandbox, "POST", "/api/douyin/v1/video/video_data/", seller, json=body)
        return [video["item_id"] for video in data["list"]]

    assert found({"video_ids": [published]}) == [item_id]
    assert found({"video_ids": [unused]}) == []
    assert found({"item_ids": [item_id]}) == [item_id]


def test_creating_twice_shows_as_a_repeated_post(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    video_id = upload(sandbox, seller)
    for _ in range(2):
        create(sandbox, seller, "同一条", video_id)

    listing = get(sandbox, "/sandbox/posts", platform="douyin")

    assert listing["total"] == 2
    assert listing["repeated"] == [
        {"platform": "douyin", "account_handle": "kos_007", "text": "同一条", "count": 2}
    ]


def test_publish_that_times_out_after_success_is_found_by_look_up(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    video_id = upload(sandbox, seller)
    post(
        sandbox,
        "/sandbox/faults",
        {
            "kind": "timeout_after_success",
            "route": "/api/douyin/v1/video/create_video/",
            "count": 1,
            "hold_seconds": 0.2,
        },
    )

    with (
        httpx.Client(base_url=sandbox.base_url, timeout=0.1) as impatient,
        pytest.raises(httpx.ReadTimeout),
    ):
        create(impatient, seller, "结果未知", video_id)

    assert [video["title"] for video in videos(sandbox, seller)["list"]] == ["结果未知"]
    assert create(sandbox, seller, "下一条", video_id)["error_code"] == 0


def test_comments_list_and_replies(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    item_id = create(sandbox, seller, "一条", upload(sandbox, seller))["item_id"]

    reply = call(
        sandbox,
        "POST",
        "/item/comment/reply/",
        seller,
        json={"item_id": item_id, "content": "欢迎到店"},
    )
    listing = call(
        sandbox,
        "GET",
        "/item/comment/list/",
        seller,
        query={"item_id": item_id, "cursor": 0, "count": 10},
    )

    assert [(c["comment_id"], c["content"]) for c in listing["list"]] == [
        (reply["comment_id"], "欢迎到店")
    ]
    assert (listing["has_more"], listing["error_code"]) == (False, 0)


def test_item_figures_by_kind(sandbox: httpx.Client) -> None:
    seller = register(sandbox)
    item_id = create(sandbox, seller, "一条", upload(sandbox, seller))["item_id"]
    advance(sandbox, 3600)

    base = call(
        sandbox,
        "GET",
        "/data/external/item/base/",
        seller,
        query={"item_id": item_id, "date_type": 7},
    )
    wrong = call(
        sandbox,
        "GET",
        "/data/external/item/base/",
        seller,
        query={"item_id": item_id, "date_type": 9},
    )

    [video] = videos(sandbox, seller)["list"]
    assert base["result"]["total_play"] == video["statistics"]["play_count"]
    assert wrong["error_code"] == 10005
