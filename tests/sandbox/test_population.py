import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.sandbox.population.plan import phone_number
from tests.sandbox.harness import Product, get, post, put, running_sandbox

AES_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CONNECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "c_wecom": ("wecom", {"corp_id": "ww1", "token": "tk", "encoding_aes_key": AES_KEY}),
    "c_douyin": ("douyin", {"client_key": "ck", "client_secret": "cs"}),
    "c_oe": ("oceanengine", {"app_secret": "os", "advertiser_ids": [1, 2]}),
    "c_xhs": ("xiaohongshu", {"app_id": "xa", "key": "0" * 32, "user_id": "brand"}),
    "c_form": ("generic", {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
}
WAVE = {"seed": 42, "consumers": 200, "lead_rate": 0.4}


def furnish(sandbox: httpx.Client, handles: list[str]) -> None:
    """Connections of every platform and public posts on all four."""
    for connection_id, (platform, settings) in CONNECTIONS.items():
        put(
            sandbox,
            f"/sandbox/connections/{connection_id}",
            {"platform": platform, "settings": settings},
        )
    put(sandbox, "/sandbox/apps/douyin/ck", {"secret": "cs"})
    put(sandbox, "/sandbox/apps/wecom/ww1", {"secret": "ws", "confirm_seconds": 0})
    token = get(sandbox, "/cgi-bin/gettoken", corpid="ww1", corpsecret="ws")["access_token"]
    for handle in handles:
        accounts = [
            {
                "platform": platform,
                "handle": handle,
                "app_id": {"douyin": "ck", "wecom": "ww1"}.get(platform, ""),
                "store_code": f"store-{handle}",
                "channel_code": f"k:{handle}" if platform == "wecom" else "",
                "city": "杭州市",
            }
            for platform in ("douyin", "wecom", "xiaohongshu", "channels")
        ]
        [douyin, *_] = post(sandbox, "/sandbox/accounts", {"accounts": accounts})["accounts"]
        publish_video(sandbox, douyin["tokens"], f"{handle} 的视频")
        for platform in ("xiaohongshu", "channels"):
            post(
                sandbox,
                "/sandbox/publish-handoff",
                {
                    "platform": platform,
                    "account_handle": handle,
                    "title": "笔记",
                    "text": f"{handle} 的笔记",
                },
            )
    sandbox.post(
        "/cgi-bin/externalcontact/add_moment_task",
        params={"access_token": token},
        json={"text": {"content": "朋友圈"}},
    )
    post(sandbox, "/sandbox/clock", {"advance_seconds": 120})


def publish_video(sandbox: httpx.Client, tokens: dict[str, Any], text: str) -> None:
    owner = {"open_id": tokens["open_id"]}
    headers = {"access-token": tokens["access_token"]}
    uploaded = sandbox.post(
        "/api/douyin/v1/video/upload_video/",
        params=owner,
        headers=headers,
        files={"video": b"bytes"},
    ).json()
    sandbox.post(
        "/api/douyin/v1/video/create_video/",
        params=owner,
        headers=headers,
        json={"video_id": uploaded["data"]["video_id"], "text": text},
    )


def run(sandbox: httpx.Client, **overrides: Any) -> Any:
    return post(sandbox, "/sandbox/population/run", {**WAVE, **overrides})


def ledger(sandbox: httpx.Client) -> Any:
    return get(sandbox, "/sandbox/population/ledger")


def without_addresses(leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Links name the port of this run."""
    return [
        {k: v for k, v in lead.items() if k not in {"post_url", "note"}}
        | {"page": lead["post_url"].rpartition("/")[2]}
        for lead in leads
    ]


def test_same_seed_gives_the_same_ledger(tmp_path: Path, product: Product) -> None:
    ledgers = []
    for folder in ("first", "second"):
        with running_sandbox(tmp_path / folder, lead_url=product.url) as sandbox:
            furnish(sandbox, ["chen", "wu"])
            run(sandbox)
            ledgers.append(ledger(sandbox))

    first, second = ledgers
    assert first["waves"] == second["waves"]
    assert without_addresses(first["leads"]) == without_addresses(second["leads"])


def test_other_seed_gives_other_people(sandbox: httpx.Client) -> None:
    furnish(sandbox, ["chen"])

    run(sandbox, seed=1)
    run(sandbox, seed=2)

    phones = [{lead["phone"] for lead in get_wave(sandbox, wave)} for wave in (1, 2)]
    assert phones[0] != phones[1]


def get_wave(sandbox: httpx.Client, wave: int) -> list[dict[str, Any]]:
    leads: list[dict[str, Any]] = get(sandbox, "/sandbox/population/ledger", wave=wave)["leads"]
    return leads


def test_ledger_agrees_with_what_the_product_received(
    sandbox: httpx.Client, product: Product
) -> None:
    furnish(sandbox, ["chen", "wu", "lin"])

    wave = run(sandbox)

    leads = ledger(sandbox)["leads"]
    expected = wave["expected"]
    told = [lead for lead in leads if lead["kind"] != "message"]
    assert (wave["status"], wave["outcomes"]) == ("done", {"accepted": len(leads)})
    assert len(product.received) == expected["deliveries"] == sum(x["copies"] for x in leads)
    assert expected["duplicates"] == expected["deliveries"] - len(leads) > 0
    assert expected["messages"] == len(leads) - len(told) > 0
    assert expected["leads"] == len({(x["connection_id"], x["external_id"]) for x in told})
    assert set(expected["by_platform"]) == {
        "wecom",
        "douyin",
        "oceanengine",
        "xiaohongshu",
        "generic",
    }
    by_path = Counter(hook.path.split("/")[3] for hook in product.received)
    sent = Counter[str]()
    for lead in leads:
        sent[lead["connection_id"]] += lead["copies"]
    assert by_path == sent


def test_some_people_come_twice_with_the_number_written_differently(
    sandbox: httpx.Client, product: Product
) -> None:
    furnish(sandbox, ["chen"])

    wave = run(sandbox, two_platform_rate=1, update_rate=0, message_rate=0)

    leads = ledger(sandbox)["leads"]
    people = Counter(lead["person"] for lead in leads)
    assert wave["expected"]["people"] == len(people) < len(leads)
    twice = {person for person, times in people.items() if times == 2}
    assert twice
    assert all(
        len({x["phone"] for x in leads if x["person"] == person}) == 1
        and len({x["platform"] for x in leads if x["person"] == person}) == 2
        for person in twice
    )
    written = {
        data["phone"]
        for hook in product.received
        if hook.path.startswith("/hooks/generic/")
        for data in [hook.json["data"]]
    }
    assert any(not phone.isdigit() for phone in written)


def test_leads_name_the_post_they_came_from(sandbox: httpx.Client, product: Product) -> None:
    furnish(sandbox, ["chen", "wu"])

    run(sandbox)

    urls = {post["url"] for post in get(sandbox, "/sandbox/posts")["posts"]}
    leads = ledger(sandbox)["leads"]
    assert {lead["post_url"] for lead in leads} <= urls
    assert {lead["store_code"] for lead in leads} == {"store-chen", "store-wu"}
    forms = [
        hook.json["data"] for hook in product.received if hook.path.startswith("/hooks/generic/")
    ]
    assert forms
    assert {form["post_url"] for form in forms} <= urls


def test_wave_keeps_to_the_named_sellers(sandbox: httpx.Client) -> None:
    furnish(sandbox, ["chen", "wu"])

    run(sandbox, account_handles=["wu"])

    leads = ledger(sandbox)["leads"]
    assert {lead["account_handle"] for lead in leads} == {"wu"}


def test_consumers_raise_the_figures_of_what_they_saw(sandbox: httpx.Client) -> None:
    furnish(sandbox, ["chen"])

    wave = run(sandbox, lead_rate=0)

    posts = get(sandbox, "/sandbox/posts")["posts"]
    comments = sum(post["statistics"]["comments"] for post in posts)
    assert wave["expected"]["leads"] == 0
    assert wave["views"] >= 200
    assert comments == wave["comments"] > 0


def test_messages_carry_the_link_and_no_number(sandbox: httpx.Client, product: Product) -> None:
    furnish(sandbox, ["chen"])

    wave = run(
        sandbox,
        connections=["c_douyin"],
        post_platforms=["douyin"],
        message_rate=1,
        two_platform_rate=0,
        lead_rate=1,
    )

    contents = [json.loads(hook.json["content"]) for hook in product.received]
    assert {content["message_type"] for content in contents} == {"text"}
    assert all("/douyin/share/video/" in content["text"] for content in contents)
    assert wave["expected"]["messages"] == 200
    assert [wave["expected"][name] for name in ("leads", "people", "phones")] == [0, 0, 0]


def test_updates_tell_more_of_the_same_lead(sandbox: httpx.Client, product: Product) -> None:
    furnish(sandbox, ["chen"])

    wave = run(sandbox, connections=["c_form"], update_rate=1, lead_rate=1, duplicate_rate=0)

    kinds: dict[str, list[str]] = {}
    for hook in product.received:
        kinds.setdefault(hook.json["data"]["lead_id"], []).append(hook.json["type"])
    assert len(kinds) == wave["expected"]["leads"]
    assert {tuple(sorted(types)) for types in kinds.values()} == {("lead.created", "lead.updated")}
    assert ["lead.updated", "lead.created"] in kinds.values()
    assert len({hook.headers["webhook-id"] for hook in product.received}) == 2 * len(kinds)


def test_refusing_product_shows_in_the_outcomes(sandbox: httpx.Client, product: Product) -> None:
    furnish(sandbox, ["chen"])
    product.answer = lambda _: (401, b"")

    wave = run(sandbox, connections=["c_form"], update_rate=0)

    assert wave["outcomes"] == {"refused": wave["expected"]["leads"]}


def test_repeating_failed_deliveries_completes_the_wave(
    sandbox: httpx.Client, product: Product
) -> None:
    furnish(sandbox, ["chen"])
    product.answer = lambda _: (503, b"")
    wave = run(sandbox, connections=["c_form"], consumers=40)
    product.answer = None

    post(sandbox, "/sandbox/deliveries/repeat", {})

    leads = ledger(sandbox)["leads"]
    assert wave["outcomes"] == {"failed": len(leads)}
    assert ledger(sandbox)["waves"][0]["outcomes"] == {"accepted": len(leads)}


def test_wave_without_posts_comes_through_forms_and_advertising(sandbox: httpx.Client) -> None:
    for connection_id in ("c_oe", "c_form", "c_douyin"):
        platform, settings = CONNECTIONS[connection_id]
        put(
            sandbox,
            f"/sandbox/connections/{connection_id}",
            {"platform": platform, "settings": settings},
        )

    wave = run(sandbox)

    assert set(wave["expected"]["by_platform"]) == {"oceanengine", "generic"}
    assert {lead["post_url"] for lead in ledger(sandbox)["leads"]} == {""}


def test_wave_runs_in_the_background_on_request(sandbox: httpx.Client) -> None:
    furnish(sandbox, ["chen"])

    answer = sandbox.post("/sandbox/population/run", json={**WAVE, "wait": False})

    assert answer.status_code == 202
    wave = answer.json()
    deadline = time.monotonic() + 20
    while wave["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
        [wave] = ledger(sandbox)["waves"]
    assert wave["status"] == "done"
    assert wave["outcomes"] == {"accepted": len(ledger(sandbox)["leads"])}


def test_unknown_connection_is_refused_and_nothing_runs(sandbox: httpx.Client) -> None:
    answer = sandbox.post("/sandbox/population/run", json={**WAVE, "connections": ["none"]})

    assert answer.status_code == 422
    assert ledger(sandbox) == {"waves": [], "leads": []}


@pytest.mark.parametrize("seed", [1, 2, 99])
def test_phone_numbers_of_a_wave_are_all_different(seed: int) -> None:
    numbers = {phone_number(seed, n) for n in range(50_000)}

    assert len(numbers) == 50_000
    assert all(len(number) == 11 and number.startswith("199000") for number in numbers)
