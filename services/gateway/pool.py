"""Keep-alive HTTP/1.1 connections to one server: a request's bytes in, status and body out.

It does what the gateway needs of an HTTP client and nothing more, at a quarter of the cost of one
that does everything (docs/adr/0015-speed-of-the-gateway.md). llhttp reads the answers.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import httptools

Outcome: TypeAlias = tuple[int, bytes] | Exception
"""Status and body, Unreachable, or TimeoutError."""

Finish = Callable[[Outcome], bytes]
"""Makes of the outcome what the caller gets, or raises what the caller gets raised."""

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again: less than the services keep theirs."""


class Unreachable(Exception):
    """The server does not take the connection, hangs up, or does not speak HTTP."""


class QueueFull(Exception):
    """Too many calls wait already."""


class _Call:
    """A request on its way. It ends once: with an answer, a failure, or at its deadline."""

    __slots__ = ("connection", "future", "has_ended", "is_repeatable", "message", "timer")

    def __init__(self, message: bytes, future: asyncio.Future[bytes], is_repeatable: bool) -> None:
        self.message = message
        self.future = future
        self.is_repeatable = is_repeatable
        self.has_ended = False
        self.connection: _Connection | None = None
        self.timer: asyncio.TimerHandle | None = None


class Pool:
    """At most `connections` open ones and `waiting` calls behind them; a call has `seconds`."""

    def __init__(
        self, url: str, finish: Finish, *, connections: int, waiting: int, seconds: float
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError(f"not an http(s) URL with a host: {url}")
        self._address = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (80 if self._tls is None else 443)
        self._finish = finish
        self._most_open = connections
        self._most_calls = connections + waiting
        self._seconds = seconds
        self._calls = 0
        self._open = 0
        """Connections that are open or being opened."""
        self._idle: list[_Connection] = []
        self._waiting: deque[_Call] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()

    def send(self, message: bytes, *, is_repeatable: bool) -> asyncio.Future[bytes]:
        """Send a whole request now, or as soon as a connection is free; raises QueueFull.

        The future gives what `finish` makes of the outcome. A repeatable call is sent once more
        when the server hangs up before it has begun to answer.
        """
        if self._calls >= self._most_calls:
            raise QueueFull
        self._calls += 1
        loop = asyncio.get_running_loop()
        call = _Call(message, loop.create_future(), is_repeatable)
        call.timer = loop.call_later(self._seconds, self._expire, call)
        while self._idle:
            connection = self._idle.pop()
            if loop.time() - connection.idle_since < IDLE_SECONDS:
                connection.start(call)
                return call.future
            connection.close()
        self._waiting.append(call)
        self._open_more()
        return call.future

    async def close(self) -> None:
        """Cut all connections; calls on their way fail."""
        for task in self._connecting:
            task.cancel()
        for connection in list(self._connections):
            connection.close()

    def opened(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        self.release(connection)

    def release(self, connection: "_Connection") -> None:
        """The connection is free for the next call."""
        while self._waiting:
            call = self._waiting.popleft()
            if self._is_awaited(call):
                connection.start(call)
                return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)

    def lost(self, connection: "_Connection") -> None:
        self._open -= 1
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._open_more()

    def end(self, call: _Call, outcome: Outcome) -> None:
        if not self._count_out(call):
            return
        try:
            call.future.set_result(self._finish(outcome))
        except Exception as error:
            call.future.set_exception(error)

    def repeat(self, call: _Call) -> None:
        # Never on an idle connection: the server may have closed that one, too.
        call.is_repeatable = False
        call.connection = None
        self._waiting.appendleft(call)

    def _open_more(self) -> None:
        while len(self._connecting) < len(self._waiting) and self._open < self._most_open:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                await loop.create_connection(
                    lambda: _Connection(self), self._address, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError):
            self._open -= 1
            while self._waiting:
                call = self._waiting.popleft()
                if self._is_awaited(call):
                    self.end(call, Unreachable("no connection"))
                    break
        finally:
            self._connecting.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self._open_more()

    def _is_awaited(self, call: _Call) -> bool:
        """Whether it is to be sent; one whose caller went away while it waited ends here."""
        return not call.future.done() or self._count_out(call)

    def _count_out(self, call: _Call) -> bool:
        """Count the call out; whether its caller still waits."""
        if call.has_ended:
            return False
        call.has_ended = True
        self._calls -= 1
        if call.timer is not None:
            call.timer.cancel()
        return not call.future.done()

    def _expire(self, call: _Call) -> None:
        self.end(call, TimeoutError())
        if call.connection is not None:
            # The answer that may still come would be taken for the next call's.
            call.connection.close()


class _Connection(asyncio.Protocol):
    """One call at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._call: _Call | None = None
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        self._body: list[bytes] = []
        self._has_begun = False
        self._has_headers = False
        self._has_length = False
        self._is_whole = False
        self._is_kept = False
        self._is_spoilt = False

    def start(self, call: _Call) -> None:
        assert self._transport is not None
        self._call = call
        call.connection = self
        self._transport.write(call.message)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._call is None:
            self.close()
            return
        self._has_begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._is_spoilt = True
            if not self._is_whole:
                self._pool.end(self._call, Unreachable("not HTTP"))
        if self._is_whole or self._is_spoilt:
            self._conclude(keep=self._is_kept and not self._is_spoilt)

    def connection_lost(self, error: Exception | None) -> None:
        call = self._call
        if call is not None:
            if self._has_headers and not self._has_length and error is None:
                self._conclude(keep=False)  # it ends where the connection does
            elif call.is_repeatable and not self._has_begun and not call.has_ended:
                self._pool.repeat(call)
            else:
                self._pool.end(call, Unreachable("hung up"))
        self._call = None
        self._pool.lost(self)

    def on_message_begin(self) -> None:
        # More than one answer to one request: nobody knows whose the next would be.
        self._is_spoilt = self._is_whole

    def on_header(self, name: bytes, _: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        self._has_headers = True

    def on_body(self, body: bytes) -> None:
        if not self._is_spoilt:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._has_headers = self._has_length = False
        else:
            self._is_whole = True
            self._is_kept = self._parser.should_keep_alive()

    def _conclude(self, *, keep: bool) -> None:
        """The answer is there: hand it over, and take the next call."""
        call, body = self._call, b"".join(self._body)
        status = self._parser.get_status_code()
        self._call = None
        self._reset()
        if call is not None:
            call.connection = None
            self._pool.end(call, (status, body))
        if keep:
            self._pool.release(self)
        else:
            self.close()
