"""Calls to a service: repeated when that is safe, bounded, cut off, told apart when refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from gateway.credentials import Caller
from gateway.pool import IDLE_SECONDS
from gateway.upstream import Refused, Service, Unavailable, Upstream
from shared.access import Principal, Role
from shared.web.serving import KEEP_ALIVE_SECONDS

CALLER = Caller(
    Principal(brand_id=UUID(int=1), actor="test", roles=frozenset({Role.BRAND_ADMIN})), b"k" * 32
)


class Server:
    """Speaks raw HTTP, so that it can hang up where it likes."""

    def __init__(self, *, hang_up_on: frozenset[int] = frozenset(), delay: float = 0) -> None:
        self.requests: list[bytes] = []
        self.hang_up_on = hang_up_on
        self.delay = delay
        self.status = b"200 OK"
        self.body = b'{"items": []}'

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                await reader.readexactly(length)
                self.requests.append(head.partition(b"\r\n")[0])
                if len(self.requests) in self.hang_up_on:
                    return
                await asyncio.sleep(self.delay)
                writer.write(
                    b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s"
                    % (self.status, len(self.body), self.body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def upstream(
    server: Server, *, connections: int = 8, waiting: int = 8, seconds: float = 2.0
) -> AsyncIterator[Upstream]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        made = Upstream(
            {Service.LEAD: f"http://127.0.0.1:{port}"},
            connections=connections,
            waiting=waiting,
            seconds=seconds,
        )
        try:
            yield made
        finally:
            await made.close()


async def read(up: Upstream) -> bytes:
    return await up.fetch(Service.LEAD, "POST", "/leads/by-ids", CALLER, b"{}", is_read=True)


async def write(up: Upstream, *, key: str | None = None) -> bytes:
    return await up.fetch(
        Service.LEAD, "POST", "/leads", CALLER, b"{}", is_read=False, idempotency_key=key
    )


async def test_a_read_on_a_connection_that_the_service_closed_is_sent_once_more() -> None:
    server = Server(hang_up_on=frozenset({2}))
    async with upstream(server) as up:
        await read(up)

        answer = await read(up)

    assert answer == b'{"items": []}'
    assert len(server.requests) == 3


async def test_a_read_is_repeated_only_once() -> None:
    server = Server(hang_up_on=frozenset({1, 2, 3}))
    async with upstream(server) as up:
        with pytest.raises(Unavailable, match="unreachable"):
            await read(up)

    assert len(server.requests) == 2


async def test_a_command_with_a_key_is_sent_once_more_too() -> None:
    server = Server(hang_up_on=frozenset({2}))
    async with upstream(server) as up:
        await write(up)

        answer = await write(up, key="the-same")

    assert answer == b'{"items": []}'
    assert len(server.requests) == 3


async def test_a_command_without_a_key_is_never_repeated() -> None:
    server = Server(hang_up_on=frozenset({2}))
    async with upstream(server) as up:
        await write(up)

        with pytest.raises(Unavailable, match="unreachable"):
            await write(up)

    assert len(server.requests) == 2


async def test_a_service_that_is_too_slow_is_given_up() -> None:
    server = Server(delay=5)
    async with upstream(server, seconds=0.1) as up:
        with pytest.raises(Unavailable, match="too slow"):
            await read(up)


async def test_waiting_calls_are_bounded_and_the_rest_refused_at_once() -> None:
    server = Server(delay=0.2)
    async with upstream(server, connections=2, waiting=1) as up:
        outcomes = await asyncio.gather(*(read(up) for _ in range(5)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, Unavailable)]
    assert [outcome.reason for outcome in refused] == ["overloaded", "overloaded"]
    assert len(server.requests) == 3


async def test_a_refusal_carries_code_message_and_field() -> None:
    server = Server()
    server.status = b"409 Conflict"
    server.body = b'{"code":"deal_voided","detail":"it is void","field":"/id","status":409}'
    async with upstream(server) as up:
        with pytest.raises(Refused) as caught:
            await write(up)

    refused = caught.value
    assert (refused.status, refused.code, refused.message, refused.field) == (
        409,
        "deal_voided",
        "it is void",
        "/id",
    )


@pytest.mark.parametrize(
    "status", [b"500 Oh", b"503 Later", b"401 Who", b"302 There", b"404 Plain"]
)
async def test_an_answer_without_a_reason_is_an_outage(status: bytes) -> None:
    server = Server()
    server.status, server.body = status, b"<html>"
    async with upstream(server) as up:
        with pytest.raises(Unavailable):
            await read(up)

    assert len(server.requests) == 1


def test_the_gateway_gives_an_idle_connection_up_before_the_service_does() -> None:
    """Else a mutation could be sent on a connection that is being closed, and fail."""
    assert IDLE_SECONDS < KEEP_ALIVE_SECONDS
