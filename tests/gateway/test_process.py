"""`python -m gateway` as an operator runs it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from shared.ids import typed, uuid7
from tests.gateway.conftest import AUDIENCE, ISSUER, MakeToken
from tests.gateway.services import Services

ROOT = Path(__file__).parents[2]


def environment(services: Services, key_files: Path, port: int) -> dict[str, str]:
    values = {
        "ENVIRONMENT": "development",
        "PORT": str(port),
        "DRAIN_SECONDS": "0.5",
        "KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "SERVICE_SECRET_FILE": str(key_files / "service_secret"),
        "OIDC_ISSUER": ISSUER,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_FILE": str(key_files / "jwks.json"),
        "ACCOUNT_URL": f"{services.url}/account",
        "CONTENT_URL": f"{services.url}/content",
        "LEAD_URL": f"{services.url}/lead",
    }
    return {**os.environ, **{f"GATEWAY_{name}": value for name, value in values.items()}}


@asynccontextmanager
async def gateway(
    services: Services, key_files: Path, port: int, *, log: int = asyncio.subprocess.DEVNULL
) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    """A pipe for its log is full after some hundred requests, and then it waits for a reader."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        cwd=ROOT,
        env=environment(services, key_files, port),
        stderr=log,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            async with asyncio.timeout(60):
                while not await _is_alive(http):
                    await asyncio.sleep(0.1)
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_it_serves_and_ends_on_sigterm_though_a_subscription_is_open(
    services: Services, key_files: Path, make_token: MakeToken, free_port: Callable[[], int]
) -> None:
    headers = {"authorization": f"Bearer {make_token(brand=typed('brand', uuid7()))}"}
    pipe = asyncio.subprocess.PIPE
    async with gateway(services, key_files, free_port(), log=pipe) as (process, http):
        answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        async with http.stream(
            "POST",
            "/graphql",
            json={"query": "subscription { offers { id } }"},
            headers={**headers, "accept": "text/event-stream"},
        ):
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                _, log = await process.communicate()

    assert answer.json() == {"data": {"__typename": "Query"}}
    assert process.returncode == 0
    assert "/graphql" in {orjson.loads(line).get("route") for line in log.splitlines()}
    assert headers["authorization"].removeprefix("Bearer ").encode() not in log


async def test_a_websocket_message_may_be_as_large_as_a_request_and_no_larger(
    services: Services, key_files: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    address = f"ws://127.0.0.1:{port}/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with (
        gateway(services, key_files, port),
        connect(address, subprotocols=[protocol]) as socket,
    ):
        await socket.send(f'{{"type": "ping", "payload": "{"a" * (100 * 1024)}"}}')
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG


async def _is_alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_the_schema_check_says_whether_the_file_is_up_to_date() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "schema", "--check", cwd=ROOT
    )

    assert await process.wait() == 0
