import asyncio

import httpx
import pytest

from lead_svc.intake import TELL_MORE, telling_more
from shared.clock import now
from shared.events.lead import LeadUpdated
from shared.ids import typed
from shared.sealing import Vault
from shared.timers import Due, TimerHandler, run_timers
from tests.lead_svc.hooks.platforms import oceanengine_push, to_json
from tests.lead_svc.intake.conftest import Database, MakeConnection, path_of

SETTINGS = {"lead_labels": {"clue.push": {"external_lead_id": "clue_id", "phone": "tel"}}}


@pytest.fixture
def tell_more(database: Database, vault: Vault) -> TimerHandler:
    return telling_more(database.worker, vault)


@pytest.fixture
async def told_twice(
    client: httpx.AsyncClient, database: Database, make_connection: MakeConnection
) -> Due:
    """One lead, told of by two receipts; the timer of the second one."""
    connection = await make_connection("oceanengine", SETTINGS)
    for message_id, phone in (("m-1", "13800138000"), ("m-2", "13900139000")):
        clue = {"clue_id": 7, "tel": phone, "more": []}
        push = oceanengine_push(
            to_json({"message_id": message_id, "service_label": "clue.push", "data": clue})
        )
        answer = await client.post(
            path_of(connection), headers=dict(push.headers), content=push.body
        )
        assert answer.status_code == 200
    [timer] = await database.rows("select subject_id, due_at from timer")
    return Due(database.brand_id, TELL_MORE, timer["subject_id"], timer["due_at"], 0)


async def test_the_receipt_is_announced_as_the_next_version_of_the_lead(
    database: Database, told_twice: Due, tell_more: TimerHandler
) -> None:
    assert await tell_more(told_twice) is None

    [lead] = await database.rows("select id, version from lead")
    assert lead["version"] == 2
    [_, event] = await database.rows("select * from outbox order by id")
    assert (event["version"], event["key"]) == (2, typed("lead", lead["id"]))
    assert LeadUpdated.model_validate_json(event["payload"]) == LeadUpdated(
        lead_id=lead["id"], receipt_id=told_twice.subject_id
    )
    assert await database.count("timer") == 0


async def test_a_repeated_run_announces_nothing(
    database: Database, told_twice: Due, tell_more: TimerHandler
) -> None:
    await asyncio.gather(tell_more(told_twice), tell_more(told_twice))
    await tell_more(told_twice)

    assert await database.count("outbox") == 2


async def test_a_receipt_that_new_settings_make_unreadable_is_quarantined(
    database: Database, told_twice: Due, tell_more: TimerHandler
) -> None:
    await database.execute(
        """update connection set settings = '{"lead_labels": {"clue.push": {"phone": "more"}}}'"""
    )

    await tell_more(told_twice)

    receipts = await database.rows("select status, reason from receipt order by id")
    assert receipts == [
        {"status": "accepted", "reason": None},
        {"status": "quarantined", "reason": "phone: expected text"},
    ]
    assert await database.count("timer") == 0
    assert await database.count("outbox") == 1


async def test_an_erased_receipt_is_left_alone(
    database: Database, told_twice: Due, tell_more: TimerHandler
) -> None:
    await database.execute("delete from data_key")

    await tell_more(told_twice)

    assert await database.count("outbox") == 1
    assert await database.count("timer") == 0


async def test_the_worker_finds_the_timer_by_itself(
    database: Database, told_twice: Due, tell_more: TimerHandler
) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(run_timers(database.worker, {TELL_MORE: tell_more}, stopping))
    deadline = now().timestamp() + 60
    while await database.count("outbox") < 2 and now().timestamp() < deadline:
        await asyncio.sleep(0.05)
    stopping.set()
    await running

    assert await database.count("outbox") == 2
