import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from lead_svc.hooks import MAX_BODY_BYTES, Request
from lead_svc.intake import Intake
from lead_svc.intake.connections import KEEP_SECONDS
from lead_svc.models import Connection, ConnectionStatus
from lead_svc.models.intake import PAYLOAD
from shared.clock import now
from shared.database import brand_session
from shared.events.lead import LeadCaptured
from shared.ids import typed, uuid7
from shared.sealing import Vault, unseal
from tests.lead_svc.hooks.platforms import (
    douyin_push,
    generic_push,
    to_json,
    wecom_encrypt,
    wecom_query,
    xiaohongshu_push,
)
from tests.lead_svc.intake.conftest import NOTHING, Database, MakeConnection, path_of


def lead_event(lead_id: str = "crm-1", type_: str = "lead.created", **data: Any) -> bytes:
    return to_json(
        {"type": type_, "timestamp": now().isoformat(), "data": {"lead_id": lead_id, **data}}
    )


def generic(body: bytes, webhook_id: str = "msg_1") -> Request:
    return generic_push(body, webhook_id=webhook_id, at=now())


async def post(client: httpx.AsyncClient, path: str, request: Request) -> httpx.Response:
    return await client.post(
        path,
        params=dict(request.query),
        headers=dict(request.headers),
        content=request.body,
    )


async def test_l1_a_new_lead_is_durable_and_announced_before_the_answer(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection, vault: Vault
) -> None:
    connection = await make_connection()
    body = lead_event(name="林女士", phone="13800138000", submitted_at="2026-03-01T02:00:00Z")

    answer = await post(client, path_of(connection), generic(body))

    assert (answer.status_code, answer.content) == (200, b'{"status":"accepted"}')
    assert len(answer.headers["x-request-id"]) == 36
    [receipt] = await database.rows("select * from receipt")
    assert (receipt["status"], receipt["kind"], receipt["dedupe_key"], receipt["reason"]) == (
        "accepted",
        "lead.created",
        "msg_1",
        None,
    )
    assert b"13800138000" not in receipt["payload"]
    async with brand_session(database.app, database.brand_id) as session:
        keys = await vault.keys(session, database.brand_id, [receipt["id"]])
    key = keys[receipt["id"]]
    opened = unseal(key, receipt["payload"], database.brand_id, receipt["id"], PAYLOAD)
    assert opened == body
    [lead] = await database.rows("select * from lead")
    assert {name: lead[name] for name in ("status", "version", "source", "source_lead_id")} == {
        "status": "captured",
        "version": 1,
        "source": "generic",
        "source_lead_id": "crm-1",
    }
    assert (lead["receipt_id"], lead["connection_id"]) == (receipt["id"], connection.id)
    assert lead["submitted_at"].isoformat() == "2026-03-01T02:00:00+00:00"
    [event] = await database.rows("select * from outbox")
    assert LeadCaptured.model_validate_json(event["payload"]) == LeadCaptured(
        lead_id=lead["id"],
        connection_id=connection.id,
        receipt_id=receipt["id"],
        source="generic",
        source_lead_id="crm-1",
        submitted_at=lead["submitted_at"],
    )
    assert (event["topic"], event["key"], event["version"]) == (
        "kos.lead",
        typed("lead", lead["id"]),
        1,
    )
    assert event["headers"]["ce_aggregateversion"] == "1"
    assert await database.count("timer") == 0


async def test_l1_any_delivery_repeated_in_any_order_gives_one_lead(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())
    deliveries = [generic(lead_event(), f"msg_{number % 3}") for number in range(30)]

    answers = await asyncio.gather(*(post(client, path, each) for each in deliveries))
    again = [await post(client, path, each) for each in reversed(deliveries)]

    assert {answer.status_code for answer in [*answers, *again]} == {200}
    assert await database.counts() == {
        "receipt": 3,
        "data_key": 3,
        "lead": 1,
        "outbox": 1,
        "timer": 2,
    }


async def test_deliveries_without_leads_are_kept_as_receipts(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection("douyin"))
    said = {"message_type": "text", "text": "多少钱", "server_message_id": "1"}
    body = to_json({"event": "im_receive_msg", "from_user_id": "c", "content": said})

    answer = await post(client, path, douyin_push(body))

    assert answer.status_code == 200
    [receipt] = await database.rows("select status, kind, dedupe_key from receipt")
    assert receipt == {"status": "accepted", "kind": "im_receive_msg", "dedupe_key": "msg-1"}
    assert await database.counts() == {**NOTHING, "receipt": 1, "data_key": 1}


async def test_l1_broken_content_is_answered_as_success_and_quarantined(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())

    answer = await post(client, path, generic(lead_event(phone=["13800138000"])))

    assert answer.status_code == 200
    [receipt] = await database.rows("select status, kind, reason from receipt")
    assert receipt["status"] == "quarantined"
    assert receipt["kind"] is None
    assert receipt["reason"] == (
        "body: Expected `int | str | null`, got `array` - at `$.data.phone`"
    )
    assert await database.counts() == {**NOTHING, "receipt": 1, "data_key": 1}


async def test_an_unknown_kind_is_answered_as_success_and_quarantined(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())

    answer = await post(client, path, generic(lead_event(type_="lead.smelled")))

    assert answer.status_code == 200
    [receipt] = await database.rows("select status, kind, reason from receipt")
    assert receipt == {"status": "quarantined", "kind": "lead.smelled", "reason": "unknown kind"}


async def test_l1_a_bad_signature_is_refused_counted_logged_and_leaves_nothing(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())
    good = generic(lead_event())
    labels = {"platform": "generic", "reason": "signature"}
    before = REGISTRY.get_sample_value("kos_hook_refused_total", labels) or 0

    with capture_logs() as logs:
        answer = await client.post(path, headers=dict(good.headers), content=good.body + b" ")

    assert answer.status_code == 401
    assert [log for log in logs if log["event"].startswith("hook_")] == [
        {
            "event": "hook_refused",
            "log_level": "warning",
            "platform": "generic",
            "connection_id": path.rpartition("/")[2],
            "reason": "signature",
        }
    ]
    assert answer.headers["content-type"] == "application/problem+json"
    assert REGISTRY.get_sample_value("kos_hook_refused_total", labels) == before + 1
    assert await database.counts() == NOTHING


async def test_the_address_check_is_answered_and_leaves_nothing(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection("wecom"))
    encrypted = wecom_encrypt(b"echo 9")

    answer = await client.get(path, params=wecom_query(encrypted, echostr=encrypted))

    assert (answer.status_code, answer.content) == (200, b"echo 9")
    assert await database.counts() == NOTHING


async def test_what_follows_the_connection_id_reaches_the_platform(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection("xiaohongshu"))
    push = xiaohongshu_push("", to_json({"phone": "13800138000"}))

    answer = await client.post(f"{path}/api/open/im/third/data", content=push.body)
    nowhere = await client.post(f"{path}/api/open/im", content=push.body)

    assert (answer.status_code, answer.json()) == (
        200,
        {"code": 0, "msg": "success", "success": True},
    )
    assert nowhere.status_code == 404
    assert await database.count("lead") == 1


@pytest.mark.parametrize(
    "rest",
    [
        "generic/conn_01h455vb4pex5vsknk084sn02q",
        "generic/lead_01h455vb4pex5vsknk084sn02q",
        "generic/x",
        "generic",
        "",
        "generic/%00",
    ],
)
async def test_an_unknown_connection_is_not_found(client: httpx.AsyncClient, rest: str) -> None:
    answer = await client.post(f"/hooks/{rest}", content=b"{}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_connection_of_another_platform_is_not_found(
    client: httpx.AsyncClient, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection("kuaishou")).replace("kuaishou", "generic")

    assert (await post(client, path, generic(lead_event()))).status_code == 404


async def test_a_disabled_connection_is_not_found(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection(status=ConnectionStatus.DISABLED))

    assert (await post(client, path, generic(lead_event()))).status_code == 404
    assert await database.counts() == NOTHING


async def test_a_change_of_a_connection_arrives_within_seconds(
    client: httpx.AsyncClient,
    intake: Intake,
    database: Database,
    make_connection: MakeConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = await make_connection()
    clock = [1000.0]
    monkeypatch.setattr("lead_svc.intake.connections.time.monotonic", lambda: clock[0])
    assert (await post(client, path_of(connection), generic(lead_event()))).status_code == 200
    async with brand_session(database.app, database.brand_id) as session:
        stored = await session.get_one(Connection, connection.id)
        stored.status = ConnectionStatus.DISABLED

    clock[0] += KEEP_SECONDS + 0.1

    assert (await post(client, path_of(connection), generic(lead_event()))).status_code == 404


async def test_l1_a_body_over_the_cap_is_refused_declared_or_not(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(MAX_BODY_BYTES // 4)

    declared = await client.post(path, content=bytes(MAX_BODY_BYTES + 1))
    streamed = await client.post(path, content=chunks())

    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert declared.json()["code"] == "too_large"
    assert await database.counts() == NOTHING


async def test_l1_a_lead_with_nul_in_its_texts_is_kept_without_it(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())
    body = lead_event("crm-\0a", name="林\0女士", note="\0", phone="13800138000")

    answer = await post(client, path, generic(body))

    assert answer.status_code == 200
    assert await database.count("lead") == 1


async def test_l1_a_type_with_nul_is_kept_for_somebody_to_see(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())

    answer = await post(client, path, generic(lead_event(type_="lead\0")))

    assert answer.status_code == 200
    assert await database.count("receipt") == 1
    assert await database.count("lead") == 0


async def test_a_body_at_the_cap_is_read(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())
    body = lead_event(more="x" * (MAX_BODY_BYTES - 200))

    assert (await post(client, path, generic(body))).status_code == 200
    assert await database.count("lead") == 1


async def test_the_trace_of_the_sender_goes_on_in_the_announcement(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    path = path_of(await make_connection())
    trace = "0af7651916cd43dd8448eb211c80319c"
    request = generic(lead_event())
    headers = {**request.headers, "traceparent": f"00-{trace}-b7ad6b7169203331-01"}

    await client.post(path, headers=headers, content=request.body)

    [event] = await database.rows("select headers from outbox")
    assert event["headers"]["ce_traceparent"].split("-")[1] == trace


async def test_a_delivery_that_cannot_be_stored_in_time_is_to_be_repeated_and_not_dropped(
    client: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = path_of(await make_connection())
    assert (await post(client, path, generic(lead_event("warm")))).status_code == 200
    monkeypatch.setattr("lead_svc.intake.writer.DEADLINE_SECONDS", 0.2)

    async with brand_session(database.app, database.brand_id) as session:
        await session.execute(text("lock table lead in exclusive mode"))
        late = await post(client, path, generic(lead_event("crm-2"), "msg_2"))
    monkeypatch.setattr("lead_svc.intake.writer.DEADLINE_SECONDS", 60.0)
    repeat = await post(client, path, generic(lead_event("crm-2"), "msg_2"))

    assert (late.status_code, late.json()["code"]) == (503, "intake_unavailable")
    assert late.headers["retry-after"] == "1"
    assert repeat.status_code == 200
    leads = await database.rows("select source_lead_id from lead order by id")
    assert [lead["source_lead_id"] for lead in leads] == ["warm", "crm-2"]
    assert await database.count("timer") == 0


async def test_other_paths_go_to_the_application(client: httpx.AsyncClient) -> None:
    answer = await client.get("/hook")

    assert answer.status_code == 204


async def test_what_a_brand_delivers_no_other_brand_sees(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> None:
    other = uuid7()
    mine, theirs = await make_connection(), await make_connection(brand_id=other)

    answers = await asyncio.gather(
        post(client, path_of(mine), generic(lead_event("same"))),
        post(client, path_of(theirs), generic(lead_event("same"))),
    )

    assert [answer.status_code for answer in answers] == [200, 200]
    for brand_id, connection in ((database.brand_id, mine), (other, theirs)):
        [lead] = await database.rows("select connection_id from lead", brand_id)
        assert lead["connection_id"] == connection.id


async def test_a_lost_database_is_answered_with_repeat_later(
    client: httpx.AsyncClient, intake: Intake, make_connection: MakeConnection
) -> None:
    connection = await make_connection()
    intake.connections.pool.terminate()

    answer = await post(client, path_of(connection), generic(lead_event()))

    assert (answer.status_code, answer.json()["code"]) == (503, "intake_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert orjson.loads(answer.content)["request_id"] == answer.headers["x-request-id"]


async def test_a_bug_is_answered_as_one_and_with_the_request_id(
    client: httpx.AsyncClient,
    make_connection: MakeConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = path_of(await make_connection())
    monkeypatch.setattr("lead_svc.intake.edge.new_receipt", lambda *_: 1 / 0)

    answer = await post(client, path, generic(lead_event(name="林女士")))

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "division" not in answer.text
