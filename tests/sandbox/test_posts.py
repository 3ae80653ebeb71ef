import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.harness import get, post, put, running_sandbox

PATHS = {"xiaohongshu": "/xhs/explore/", "channels": "/channels/feed/"}


def publish(sandbox: httpx.Client, platform: str = "xiaohongshu", **overrides: Any) -> Any:
    return post(
        sandbox,
        "/sandbox/publish-handoff",
        {
            "platform": platform,
            "account_handle": "xiaowen_store007",
            "title": "周末试驾",
            "text": "带着孩子去店里转了转",
            **overrides,
        },
    )


def note_behind(sandbox: httpx.Client, url: str) -> Any:
    answer = sandbox.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    data = re.search(r'<script type="application/json" id="note">(.*?)</script>', answer.text)
    assert data is not None
    return json.loads(data[1])


@pytest.mark.parametrize("platform", ["xiaohongshu", "channels"])
def test_handoff_link_shows_author_text_and_figures(sandbox: httpx.Client, platform: str) -> None:
    published = publish(sandbox, platform)

    note = note_behind(sandbox, published["url"])

    assert published["url"].startswith(f"{sandbox.base_url}".rstrip("/") + PATHS[platform])
    assert note["author"]["handle"] == "xiaowen_store007"
    assert (note["title"], note["text"]) == ("周末试驾", "带着孩子去店里转了转")
    assert note["published_at"] == published["published_at"]
    assert set(note["metrics"]) == {"views", "likes", "saves", "comments", "shares", "follows"}


def test_figures_grow_and_never_fall(sandbox: httpx.Client) -> None:
    url = publish(sandbox)["url"]
    seen = []
    for _ in range(4):
        post(sandbox, "/sandbox/clock", {"advance_seconds": 45})
        seen.append(note_behind(sandbox, url)["metrics"])

    for figure in ("views", "likes", "saves", "shares", "follows"):
        values = [metrics[figure] for metrics in seen]
        assert values == sorted(values)
    assert seen[0]["views"] < seen[-1]["views"]


def test_text_cannot_break_out_of_the_page(sandbox: httpx.Client) -> None:
    text = '</script><script>alert("x")</script> & "引号"'

    url = publish(sandbox, text=text, title="<b>题目</b>")["url"]

    assert note_behind(sandbox, url)["text"] == text
    page = sandbox.get(url).text
    assert "<script>alert" not in page
    description = re.search(r'<meta property="og:description" content="([^"]*)">', page)
    assert description is not None
    assert unescape(description[1]) == text


def test_withdrawn_note_is_gone(sandbox: httpx.Client) -> None:
    published = publish(sandbox)

    answer = sandbox.post("/sandbox/posts/withdraw", json={"post_id": published["post_id"]})

    assert answer.status_code == 204
    assert sandbox.get(published["url"]).status_code == 404
    assert [p["status"] for p in get(sandbox, "/sandbox/posts")["posts"]] == ["withdrawn"]


def test_registered_nickname_and_id_stand_on_the_page(sandbox: httpx.Client) -> None:
    [account] = post(
        sandbox,
        "/sandbox/accounts",
        {
            "accounts": [
                {"platform": "xiaohongshu", "handle": "xiaowen_store007", "nickname": "晓雯在店里"}
            ]
        },
    )["accounts"]

    note = note_behind(sandbox, publish(sandbox)["url"])

    assert note["author"] == {
        "user_id": account["platform_id"],
        "handle": "xiaowen_store007",
        "nickname": "晓雯在店里",
    }


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as first:
        put(first, "/sandbox/apps/douyin/ck", {"secret": "cs"})
        post(first, "/sandbox/clock", {"advance_seconds": 1000})
        put(first, "/sandbox/scrm/main", {"secrets": ["whsec_AAAAAAAAAAAAAAAA"]})
        before = publish(first)
    with running_sandbox(tmp_path) as second:
        after = publish(second, text="另一条")
        listing = get(second, "/sandbox/posts")
        clock = get(second, "/sandbox/clock")

        assert [p["post_id"] for p in listing["posts"]] == [before["post_id"], after["post_id"]]
        assert before["post_id"] != after["post_id"]
        assert clock["offset_seconds"] == pytest.approx(1000, abs=0.01)
        assert get(second, "/scrm/main/ledger")["summary"]["received"] == 0


def test_reset_forgets_everything(sandbox: httpx.Client) -> None:
    first = publish(sandbox)

    answer = sandbox.post("/sandbox/reset")

    assert answer.status_code == 204
    assert get(sandbox, "/sandbox/posts")["total"] == 0
    assert publish(sandbox)["post_id"] == first["post_id"]


def test_process_endpoints(sandbox: httpx.Client) -> None:
    assert get(sandbox, "/healthz") == {"status": "alive"}
    assert get(sandbox, "/readyz") == {"status": "ready"}
    assert "sandbox_faults_applied_total" in sandbox.get("/metrics").text
