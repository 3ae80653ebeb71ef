"""What the client ledger says of an operation that faults interrupt."""

import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.checker.collecting import read_client_ledger
from tests.chaos.ledger import Ledger, Reading

Replies = list[httpx.Response | Exception]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "clients.jsonl", random.Random(1), repeat_rate=0)
    found.note(
        "brand",
        "a",
        brand_id="brand_x",
        connections={},
        endpoint_id="e",
        endpoint_secret="s",
        sink="a",
    )
    found.until = time.monotonic() + 30
    yield found
    found.close()


def replying(replies: Replies) -> Callable[[], Awaitable[httpx.Response]]:
    left = iter(replies)

    async def send() -> httpx.Response:
        reply = next(left)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return send


def read(answer: httpx.Response) -> Reading:
    if answer.status_code == 500:
        return Reading(None)
    return Reading("ok" if answer.is_success else "failed", answer.json())


async def run(ledger: Ledger, replies: Replies, **more: Any) -> Reading:
    return await ledger.run("persona", "a", "key-1", b"{}", replying(replies), read, **more)


async def test_operation_is_repeated_until_it_is_answered(ledger: Ledger) -> None:
    replies: Replies = [
        httpx.ReadError(""),
        httpx.Response(500, text="broken"),
        httpx.Response(200, json={"id": 1}),
    ]

    assert (await run(ledger, replies, name="x")).outcome == "ok"

    (operation,) = read_client_ledger(ledger.path)[1]
    assert (operation.outcome, operation.result, operation.facts) == (
        "ok",
        {"id": 1},
        {"name": "x"},
    )
    assert [each.get("error") or each["status"] for each in operation.attempts] == [
        "ReadError",
        500,
        200,
    ]
    assert operation.attempts[1]["body"] == "broken"
    assert operation.answers == ['{"id":1}']


async def test_answered_operation_is_sent_again_under_its_key(ledger: Ledger) -> None:
    ledger.repeat_rate = 1

    await run(ledger, [httpx.Response(200, json=1), httpx.Response(200, json=2)])

    (operation,) = read_client_ledger(ledger.path)[1]
    assert operation.answers == ["1", "2"]
    assert len(set(operation.answer_hashes)) == 2


async def test_refusal_is_an_answer(ledger: Ledger) -> None:
    assert (await run(ledger, [httpx.Response(409, json={"code": "taken"})])).outcome == "failed"


async def test_no_answer_in_time_leaves_the_outcome_unknown(ledger: Ledger) -> None:
    ledger.until = time.monotonic()

    assert (await run(ledger, [httpx.ReadError("")])).outcome == "unknown"


async def test_reads_are_asked_once(ledger: Ledger) -> None:
    assert (await run(ledger, [httpx.ReadError("")], once=True)).outcome == "unknown"


async def test_line_that_broke_off_is_left_out(ledger: Ledger) -> None:
    await run(ledger, [httpx.Response(200, json=1)])
    with ledger.path.open("a") as file:
        file.write(json.dumps({"kind": "persona"})[:-3])

    assert len(read_client_ledger(ledger.path)[1]) == 1
