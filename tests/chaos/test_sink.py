"""The subscriber writes down what it gets before it answers, and fails as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.chaos import sink
from tests.chaos.checker.collecting import read_sink_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "sink.jsonl"


@pytest.fixture
async def client(ledger: Path, free_port: Callable[[], int]) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    with ledger.open("a") as file:
        runner = web.AppRunner(sink.create_app(file))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield http
        await runner.cleanup()


async def test_call_is_written_down_with_its_bytes(client: httpx.AsyncClient, ledger: Path) -> None:
    answer = await client.post("/in/a", content=b"\x00raw", headers={"Webhook-Id": "7"})

    (call,) = read_sink_ledger(ledger)
    assert (answer.status_code, call.status, call.is_taken) == (204, 204, True)
    assert (call.name, call.body, call.headers["webhook-id"]) == ("a", b"\x00raw", "7")


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("rate_limited", 429)])
async def test_told_failure_is_answered_and_written_down(
    client: httpx.AsyncClient, ledger: Path, kind: str, status: int
) -> None:
    await client.put("/fault", json={"kind": kind})
    assert (await client.post("/in/a")).status_code == status
    await client.delete("/fault")
    assert (await client.post("/in/a")).status_code == 204

    assert [(call.status, call.is_taken) for call in read_sink_ledger(ledger)] == [
        (status, False),
        (204, True),
    ]


async def test_garbage_is_no_answer(client: httpx.AsyncClient, ledger: Path) -> None:
    await client.put("/fault", json={"kind": "garbage"})
    with pytest.raises(httpx.TransportError):
        await client.post("/in/a")

    assert [call.is_taken for call in read_sink_ledger(ledger)] == [False]


async def test_late_success_is_taken_although_the_caller_gave_up(
    client: httpx.AsyncClient, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink, "LATE_SECONDS", 0.3)
    await client.put("/fault", json={"kind": "late_success"})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.post("/in/a"), 0.1)

    assert [call.is_taken for call in read_sink_ledger(ledger)] == [True]
