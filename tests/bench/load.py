"""A small HTTP client and a server of fixed bytes: they cost little beside what they measure."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

CONNECTIONS = 16
_END = b"\r\n\r\n"


class Failed(Exception):
    """The server did not answer 200."""


def request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "host: bench", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + _END + body


async def ask(port: int, message: bytes) -> bytes:
    """The body of the answer to one request."""
    connection = await _connect(port)
    try:
        return await connection.ask(message)
    finally:
        connection.close()


async def send_many(
    port: int, messages: Sequence[bytes], count: int, *, connections: int = CONNECTIONS
) -> list[float]:
    """Send `count` requests, the messages in turn, over so many connections without a pause;
    the seconds that each took. Raises Failed at the first that is not answered with 200."""
    seconds: list[float] = []
    left = iter(range(count))

    async def drive() -> None:
        connection = await _connect(port)
        try:
            for number in left:
                started = time.perf_counter()
                await connection.ask(messages[number % len(messages)])
                seconds.append(time.perf_counter() - started)
        finally:
            connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(drive())
    return seconds


async def _connect(port: int) -> "_Connection":
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
    return connection


class _Connection(asyncio.Protocol):
    """Keep-alive HTTP/1.1, one request at a time; answers have a Content-Length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._buffer = bytearray()

    async def ask(self, message: bytes) -> bytes:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._answer

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Failed("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        taken = _take(self._buffer)
        if taken is None or self._answer is None or self._answer.done():
            return
        head, body = taken
        if head.startswith(b"HTTP/1.1 200 "):
            self._answer.set_result(body)
        else:
            self._answer.set_exception(Failed(f"{head[:40]!r} {body[:500]!r}"))


def _take(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Head and body of the message that the buffer begins with, if it is whole."""
    end = buffer.find(_END)
    if end < 0:
        return None
    head = bytes(buffer[:end])
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    start = end + len(_END)
    stop = start + int(after.partition(b"\r\n")[0] or 0)
    if len(buffer) < stop:
        return None
    body = bytes(buffer[start:stop])
    del buffer[:stop]
    return head, body


class _Fixed(asyncio.Protocol):
    """Answers each path (without its query) with its bytes, anything else with 404."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self._answers = {
            path.encode(): b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            + f"content-length: {len(body)}\r\n\r\n".encode()
            + body
            for path, body in answers.items()
        }
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (taken := _take(self._buffer)) is not None:
            path = taken[0].split(b" ", 2)[1].partition(b"?")[0]
            missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
            self._transport.write(self._answers.get(path, missing))


def serve_fixed(port: int, answers: Mapping[str, bytes]) -> None:
    """Serve until the process ends; to be run in a process of its own."""
    import uvloop  # noqa: PLC0415 - in this process alone

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Fixed(answers), "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(run())
