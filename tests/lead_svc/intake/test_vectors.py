"""The published vectors of the protocols, over HTTP as they stand on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.lead_svc.intake.conftest import NOTHING, Database, MakeConnection, path_of

ECHOSTR = (
    "P9nAzCzyDtyTWESHep1vC5X9xho%2FqYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp%2B4RPcs8TgAE7OaBO"
    "%2BFZXvnaqQ%3D%3D"
)
KUAISHOU = (
    b'{"app_id":"ks700000000000000001","event":"UN_AUTHORIZE","timestamp":1772331360000,'
    b'"message_id":"ChKosDemo02","data":{"open_id":"f19kosdemo","scope":["user_video_info"]}}'
)
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Wire:
    """A request of a platform and its answer."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    content_type: str
    answer: bytes
    kept: dict[str, int]
    settings: dict[str, Any] | None = None
    at: datetime = field(default=datetime(2026, 3, 1, 2, 16, tzinfo=UTC))


KEPT = NOTHING | {"receipt": 1, "data_key": 1}

VECTORS = {
    "wecom": Wire(
        "GET",
        "?msg_signature=5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3&timestamp=1409659589"
        f"&nonce=263014780&echostr={ECHOSTR}",
        b"",
        {},
        TEXT,
        b"1616140317555161061",
        NOTHING,
        {"receive_ids": ["wx5823bf96d3bd56c7"]},
    ),
    "douyin": Wire(
        "POST",
        "",
        b'{"event":"verify_webhook","client_key":"abc","content":{"challenge":12345}}',
        {"X-Douyin-Signature": "5edcc6efdf159ec10f0b40e879bc4e21e5572a15"},
        JSON,
        b'{"challenge":12345}',
        NOTHING,
    ),
    "oceanengine": Wire(
        "POST",
        "",
        '{"name":"张三"}'.encode(),
        {"X-Open-Signature": "312a31e593f9354593e3732aaff3c80bcc38d1f2eadb0d16b47c961c8cf46dc4"},
        JSON,
        b'{"base_resp":{"status_code":200,"status_message":"ok"}}',
        KEPT,
    ),
    "kuaishou": Wire(
        "POST",
        "",
        KUAISHOU,
        {"kwaisign": "45c3d6bf2326cb846e594aaea1ab3b09"},
        JSON,
        b'{"result":1,"message_id":"ChKosDemo02"}',
        KEPT,
    ),
    "xiaohongshu": Wire(
        "POST",
        "/api/open/im/send",
        b'{"message_id":"m-1","message_type":"TEXT","from_user_id":"a","to_user_id":"b",'
        b'"timestamp":1772331300000,"content":"AAAAAAAAAAAAAAAAAAAAAA==~split~'
        b'G8h9bDtjL3TSwKC5pmKi5PfaL9pGiyPjNFl9a3jYkg8="}',
        {},
        JSON,
        b'{"code":0,"msg":"success","success":true}',
        KEPT,
    ),
    "generic": Wire(
        "POST",
        "",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        JSON,
        b'{"status":"accepted"}',
        KEPT,
        at=datetime.fromtimestamp(1614265330, UTC),
    ),
}


@pytest.mark.parametrize("platform", VECTORS)
async def test_l1_the_published_vector_is_answered_as_the_platform_wants(
    client: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
) -> None:
    wire = VECTORS[platform]
    path = path_of(await make_connection(platform, wire.settings)) + wire.path
    monkeypatch.setattr("lead_svc.intake.edge.now", lambda: wire.at)

    first = await client.request(wire.method, path, content=wire.body, headers=wire.headers)
    again = await client.request(wire.method, path, content=wire.body, headers=wire.headers)

    for answer in (first, again):
        assert (answer.status_code, answer.content) == (200, wire.answer)
        assert answer.headers["content-type"] == wire.content_type
    assert await database.counts() == wire.kept


@pytest.mark.parametrize("platform", ["wecom", "douyin", "oceanengine", "kuaishou", "generic"])
async def test_l1_the_vector_with_another_signature_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
) -> None:
    wire = VECTORS[platform]
    path = path_of(await make_connection(platform, wire.settings))
    monkeypatch.setattr("lead_svc.intake.edge.now", lambda: wire.at)
    headers = {name: value.replace("5", "6") for name, value in wire.headers.items()}

    answer = await client.request(
        wire.method,
        path + wire.path.replace("msg_signature=5", "msg_signature=6"),
        content=wire.body,
        headers=headers,
    )

    assert answer.status_code == 401
    assert await database.counts() == NOTHING


async def test_l1_the_vector_of_the_standard_is_too_old_today(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    wire = VECTORS["generic"]

    answer = await client.post(
        path_of(await make_connection()), content=wire.body, headers=wire.headers
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "hook_timestamp")
    assert await database.counts() == NOTHING


async def test_l1_the_get_check_of_oceanengine_is_answered_with_its_number(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection("oceanengine"))

    answer = await client.get(f"{path}?event=verify_webhook&challenge=90210")

    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    assert answer.content == (
        b'{"base_resp":{"status_code":200,"status_message":"ok"},"challenge":90210}'
    )
    assert await database.counts() == NOTHING
