"""graphql-sse, distinct mode: one operation per request, its results as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import orjson
from graphql import ExecutionResult
from starlette.types import Receive, Send

from gateway.edge.refusals import nothing_ran

_QUIET_SECONDS = 12.0
"""After so long without an event a comment keeps proxies from closing the stream."""


async def send_events(
    results: AsyncGenerator[ExecutionResult, None],
    receive: Receive,
    send: Send,
    headers: dict[str, str],
) -> None:
    """Send every result as `next` and then `complete`; stop when the client goes away."""
    raw = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        *((name.encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    sending = asyncio.create_task(_send_all(results, send))
    leaving = asyncio.create_task(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _send_all(results: AsyncGenerator[ExecutionResult, None], send: Send) -> None:
    async with aclosing(results):
        while True:
            coming = asyncio.ensure_future(anext(results, None))
            try:
                while not (await asyncio.wait({coming}, timeout=_QUIET_SECONDS))[0]:
                    await _write(send, b":\n\n")
            except asyncio.CancelledError:
                coming.cancel()
                with suppress(asyncio.CancelledError):
                    await coming
                raise
            result = coming.result()
            if result is None:
                break
            await _write(send, b"event: next\ndata: " + orjson.dumps(formatted(result)) + b"\n\n")
    await _write(send, b"event: complete\ndata:\n\n")
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def formatted(result: ExecutionResult) -> dict[str, Any]:
    answer: dict[str, Any] = {} if nothing_ran(result) else {"data": result.data}
    if result.errors:
        answer["errors"] = [error.formatted for error in result.errors]
    return answer


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
