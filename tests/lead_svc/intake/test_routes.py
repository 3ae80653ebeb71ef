from typing import Any

import httpx
import pytest

from lead_svc.intake import Intake
from shared.access import Role
from shared.clock import now
from shared.ids import typed, uuid7
from tests.lead_svc.hooks.platforms import (
    GENERIC_SECRET,
    OTHER_GENERIC_SECRET,
    generic_push,
    oceanengine_push,
    to_json,
)
from tests.lead_svc.intake.conftest import (
    NOTHING,
    Database,
    MakeConnection,
    authorization,
    path_of,
)

GENERIC = {"platform": "generic", "name": "Our site", "secrets": {"keys": [GENERIC_SECRET]}}


def lead_event(lead_id: str = "crm-1") -> bytes:
    return to_json(
        {"type": "lead.created", "timestamp": now().isoformat(), "data": {"lead_id": lead_id}}
    )


async def deliver(
    client: httpx.AsyncClient, path: str, *, secret: str = GENERIC_SECRET, webhook_id: str = "m"
) -> int:
    push = generic_push(lead_event(), secrets=(secret,), webhook_id=webhook_id, at=now())
    answer = await client.post(path, headers=dict(push.headers), content=push.body)
    return answer.status_code


async def test_a_connection_is_added_and_takes_deliveries(
    api: httpx.AsyncClient, client: httpx.AsyncClient, database: Database
) -> None:
    answer = await api.post("/connections", json=GENERIC)

    assert answer.status_code == 201
    connection = answer.json()
    assert connection == {
        "id": connection["id"],
        "platform": "generic",
        "name": "Our site",
        "settings": {},
        "status": "active",
        "hook_path": f"/hooks/generic/{connection['id']}",
        "created_at": connection["created_at"],
    }
    assert await deliver(client, connection["hook_path"]) == 200
    [row] = await database.rows("select secrets from connection")
    assert GENERIC_SECRET.encode() not in row["secrets"]
    audits = await database.rows("select action, subject, actor from audit")
    assert audits == [
        {"action": "connection.add", "subject": connection["id"], "actor": "staff_test"}
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"platform": "orkut"}, "/platform"),
        ({"secrets": {}}, "/secrets"),
        ({"secrets": {"keys": ["whsec_short"]}}, "/secrets/keys"),
        ({"settings": {"colour": "red"}}, "/settings"),
        ({"name": ""}, "/name"),
    ],
)
async def test_a_connection_that_could_not_work_is_refused_with_its_field(
    api: httpx.AsyncClient, database: Database, changes: dict[str, Any], field: str
) -> None:
    answer = await api.post("/connections", json={**GENERIC, **changes})

    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert await database.count("connection") == 0
    assert await database.count("audit") == 0


async def test_rotated_secrets_verify_new_deliveries(
    api: httpx.AsyncClient, database: Database, intake: Intake
) -> None:
    connection = (await api.post("/connections", json=GENERIC)).json()

    answer = await api.post(
        f"/connections/{connection['id']}/rotate-secrets",
        json={"secrets": {"keys": [OTHER_GENERIC_SECRET]}},
    )

    assert (answer.status_code, answer.json()) == (200, connection)
    found = await intake.connections.find(connection["id"])
    assert found is not None
    old, new = (
        found.hook.receive(generic_push(lead_event(), secrets=(secret,), at=now()), now())
        for secret in (GENERIC_SECRET, OTHER_GENERIC_SECRET)
    )
    assert (type(old).__name__, type(new).__name__) == ("Refusal", "Delivery")


async def test_a_disabled_connection_takes_no_deliveries(
    api: httpx.AsyncClient, client: httpx.AsyncClient, database: Database
) -> None:
    connection = (await api.post("/connections", json=GENERIC)).json()

    answer = await api.post(f"/connections/{connection['id']}/disable")

    assert (answer.status_code, answer.json()["status"]) == (200, "disabled")
    assert await deliver(client, connection["hook_path"]) == 404
    assert await database.counts() == NOTHING


async def test_connections_are_listed_newest_first_and_by_ids(
    api: httpx.AsyncClient, make_connection: MakeConnection
) -> None:
    ids = [typed("conn", (await make_connection()).id) for _ in range(3)]
    theirs = typed("conn", (await make_connection(brand_id=uuid7())).id)

    first = (await api.get("/connections", params={"first": 2})).json()
    second = (
        await api.get("/connections", params={"first": 2, "after": first["page"]["end_cursor"]})
    ).json()
    some = (await api.post("/connections/by-ids", json={"ids": [ids[0], theirs]})).json()

    assert [row["id"] for row in first["items"]] == [ids[2], ids[1]]
    assert first["page"]["has_next"] is True
    assert [row["id"] for row in second["items"]] == [ids[0]]
    assert second["page"]["has_next"] is False
    assert ([row["id"] for row in some["items"]], some["missing"]) == ([ids[0]], [theirs])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/connections"),
        ("POST", "/connections"),
        ("GET", "/receipts"),
        ("POST", "/receipts/rcpt_01h455vb4pex5vsknk084sn02q/replay"),
    ],
)
async def test_a_seller_may_do_nothing_here(
    api: httpx.AsyncClient, database: Database, method: str, path: str
) -> None:
    answer = await api.request(
        method, path, json=GENERIC, headers=authorization(database.brand_id, Role.KOS)
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert await database.count("connection") == 0


CLUE = {
    "message_id": "m-1",
    "service_label": "clue.push",
    "data": {"clue_id": 7, "tel": "138", "more": []},
}
MAPPING = {"lead_labels": {"clue.push": {"external_lead_id": "clue_id", "phone": "tel"}}}


async def quarantine(
    client: httpx.AsyncClient, api: httpx.AsyncClient, make_connection: MakeConnection
) -> tuple[str, dict[str, Any]]:
    """A clue whose label no setting names: the connection's id and the receipt."""
    connection = await make_connection("oceanengine")
    push = oceanengine_push(to_json(CLUE))
    answer = await client.post(path_of(connection), headers=dict(push.headers), content=push.body)
    assert answer.status_code == 200
    [receipt] = (await api.get("/receipts", params={"status": "quarantined"})).json()["items"]
    return typed("conn", connection.id), receipt


async def test_l1_a_quarantined_receipt_is_visible(
    client: httpx.AsyncClient, api: httpx.AsyncClient, make_connection: MakeConnection
) -> None:
    connection_id, receipt = await quarantine(client, api, make_connection)

    assert receipt == {
        "id": receipt["id"],
        "connection_id": connection_id,
        "platform": "oceanengine",
        "kind": "clue.push",
        "status": "quarantined",
        "reason": "unknown kind",
        "received_at": receipt["received_at"],
    }
    accepted = await api.get("/receipts", params={"status": "accepted"})
    by_connection = await api.get("/receipts", params={"connection_id": connection_id})
    assert accepted.json()["items"] == []
    assert by_connection.json()["items"] == [receipt]


async def test_l1_a_replay_after_a_change_of_settings_captures_the_lead(
    client: httpx.AsyncClient,
    api: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
) -> None:
    connection_id, receipt = await quarantine(client, api, make_connection)
    changed = await api.post(
        f"/connections/{connection_id}/change-settings", json={"settings": MAPPING}
    )
    assert changed.json()["settings"] == MAPPING

    answer = await api.post(f"/receipts/{receipt['id']}/replay")

    assert (answer.status_code, answer.json()) == (
        200,
        {**receipt, "status": "replayed", "reason": None},
    )
    [lead] = await database.rows("select source_lead_id, version, status from lead")
    assert lead == {"source_lead_id": "7", "version": 1, "status": "captured"}
    [event] = await database.rows("select headers, version from outbox")
    assert (event["headers"]["ce_type"], event["version"]) == ("kos.lead.captured.v1", 1)
    audits = await database.rows("select action, details from audit order by sequence")
    assert audits[-1] == {"action": "receipt.replay", "details": {"status": "replayed"}}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "unknown kind"),
        ({"lead_labels": {"clue.push": {"phone": "more"}}}, "phone: expected text"),
    ],
)
async def test_a_replay_without_a_cure_stays_in_quarantine(
    client: httpx.AsyncClient,
    api: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
    settings: dict[str, Any],
    reason: str,
) -> None:
    connection_id, receipt = await quarantine(client, api, make_connection)
    await api.post(f"/connections/{connection_id}/change-settings", json={"settings": settings})

    answer = await api.post(f"/receipts/{receipt['id']}/replay")

    assert (answer.status_code, answer.json()) == (200, {**receipt, "reason": reason})
    assert await database.count("lead") == 0
    assert await database.count("outbox") == 0


async def test_a_replayed_receipt_is_not_replayed_again(
    client: httpx.AsyncClient,
    api: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
) -> None:
    connection_id, receipt = await quarantine(client, api, make_connection)
    await api.post(f"/connections/{connection_id}/change-settings", json={"settings": MAPPING})
    await api.post(f"/receipts/{receipt['id']}/replay")

    answer = await api.post(f"/receipts/{receipt['id']}/replay")

    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_not_quarantined")
    assert await database.count("lead") == 1
    assert await database.count("outbox") == 1


async def test_a_replay_of_a_lead_that_came_otherwise_tells_more_of_it(
    client: httpx.AsyncClient,
    api: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
) -> None:
    connection_id, receipt = await quarantine(client, api, make_connection)
    await api.post(f"/connections/{connection_id}/change-settings", json={"settings": MAPPING})
    await api.post(f"/receipts/{receipt['id']}/replay")
    await database.execute("update receipt set status = 'quarantined'")

    answer = await api.post(f"/receipts/{receipt['id']}/replay")

    assert answer.json()["status"] == "replayed"
    events = await database.rows("select headers, version from outbox order by id")
    assert [(event["headers"]["ce_type"], event["version"]) for event in events] == [
        ("kos.lead.captured.v1", 1),
        ("kos.lead.updated.v1", 2),
    ]
    assert await database.count("lead") == 1


async def test_an_erased_receipt_cannot_be_replayed(
    client: httpx.AsyncClient,
    api: httpx.AsyncClient,
    database: Database,
    make_connection: MakeConnection,
) -> None:
    _, receipt = await quarantine(client, api, make_connection)
    await database.execute("delete from data_key")

    answer = await api.post(f"/receipts/{receipt['id']}/replay")

    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_erased")


async def test_a_receipt_of_another_brand_does_not_exist(
    client: httpx.AsyncClient, api: httpx.AsyncClient, make_connection: MakeConnection
) -> None:
    _, receipt = await quarantine(client, api, make_connection)

    answer = await api.post(f"/receipts/{receipt['id']}/replay", headers=authorization(uuid7()))

    assert (answer.status_code, answer.json()["code"]) == (404, "receipt_not_found")


async def test_g1_a_receipt_is_found_by_its_id(
    api: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    connection = (await api.post("/connections", json=GENERIC)).json()
    await deliver(client, connection["hook_path"])
    [receipt] = (await api.get("/receipts")).json()["items"]
    other = typed("rcpt", uuid7())

    found = await api.post("/receipts/by-ids", json={"ids": [receipt["id"], other]})

    assert found.json() == {"items": [receipt], "missing": [other]}
