"""How a serving process ends: unready first, then each connection's last answer, then nothing."""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
DRAIN_SECONDS = 1.5
LONG_SECONDS = 8.0


@asynccontextmanager
async def serving(
    port: int, drain_seconds: float = DRAIN_SECONDS
) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.shared.serving_process",
        str(port),
        str(drain_seconds),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            async with asyncio.timeout(60):
                while not await _answers(http):
                    await asyncio.sleep(0.05)
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_on_sigterm_it_is_unready_serves_on_finishes_and_ends_well(
    free_port: Callable[[], int],
) -> None:
    async with serving(free_port()) as (process, http):
        before = await http.get("/readyz")
        slow = asyncio.create_task(http.get("/slow"))
        await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        after = await http.get("/readyz")
        still = await http.get("/")
        async with asyncio.timeout(20):
            finished = await slow
            output, _ = await process.communicate()

    assert (before.status_code, before.headers.get("connection")) == (200, None)
    assert (after.status_code, after.json()["checks"]) == (503, {"process": "draining"})
    assert (still.status_code, still.headers["connection"]) == (200, "close")
    assert finished.text == "finished"
    assert (process.returncode, output) == (0, b"closed\n")


async def test_sigint_closes_at_once(free_port: Callable[[], int]) -> None:
    async with serving(free_port(), LONG_SECONDS) as (process, _):
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            await process.wait()

    assert loop.time() - asked_at < LONG_SECONDS


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/")).status_code == 200
    except httpx.TransportError:
        return False
