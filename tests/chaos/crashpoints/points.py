"""Sees every I/O of this process on its way, and stops the process at the one that is ordered.

It stands where the drivers meet the network: asyncpg's protocol (SQLAlchemy's adapter ends there,
too), aiokafka's client, the transport of httpx, the sessions of aiohttp.
"""

import hashlib
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import aiohttp
import asyncpg
import httpx
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.produce import ProduceRequest
from yarl import URL

from tests.chaos.crashpoints.control import (
    Kind,
    Order,
    Point,
    Side,
    hit_file,
    order_file,
    points_file,
)

_TOP = Path(__file__).parents[3]
_PRODUCT = (f"{_TOP}/services/", f"{_TOP}/shared/")
_STARTING = ("/__main__.py", "/shared/service.py", "/shared/worker.py", "/shared/web/serving.py")
"""What runs around everything and so tells nothing."""
_DRIVER = "asyncpg"
_DRIVERS_OWN = ("WITH RECURSIVE typeinfo_tree(", "SELECT current_setting('jit') AS cur")
"""What the driver asks of its own, once in the life of a connection."""
_FRAMES = 2
_SHOWN = 72
_ID = re.compile(r"([a-z]+_)?[0-9a-z-]*\d[0-9a-z-]*", re.IGNORECASE)


class Watch:
    """Follows the orders of one process."""

    def __init__(self, folder: Path, process: str) -> None:
        self._folder = folder
        self._process = process
        self._file = order_file(folder, process)
        self._stamp = 0
        self._order = Order(0)
        self._seen: Counter[Point] = Counter()

    async def around(
        self, kind: Kind, shape: str, run: Callable[[], Awaitable[Any]], place: str | None = None
    ) -> Any:
        """Do an I/O of the caller's, or of what it does it for (`place`)."""
        order = self._current()
        if order.stop is None and not order.records:
            return await run()
        point = Point(self._process, kind, place_of_caller() if place is None else place, shape)
        self._seen[point] += 1
        occurrence = self._seen[point]
        if order.records:
            self._record(point)
        self._stop_if_ordered(order, point, occurrence, "before")
        result = await run()
        self._stop_if_ordered(order, point, occurrence, "after")
        return result

    def _current(self) -> Order:
        try:
            stamp = self._file.stat().st_ino
        except FileNotFoundError:
            return self._order
        if stamp != self._stamp:
            order = Order.from_json(self._file.read_text())
            self._stamp = stamp
            if order.number != self._order.number:
                self._order = order
                self._seen.clear()
        return self._order

    def _record(self, point: Point) -> None:
        line = {"kind": point.kind, "place": point.place, "shape": point.shape}
        with points_file(self._folder, self._process).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _stop_if_ordered(self, order: Order, point: Point, occurrence: int, side: Side) -> None:
        stop = order.stop
        if stop is not None and (stop.point, stop.occurrence, stop.side) == (
            point,
            occurrence,
            side,
        ):
            hit = hit_file(self._folder, self._process)
            if not hit.exists() or hit.read_text() != str(order.number):
                # once: the next life of the process, under the same order, passes
                hit.write_text(str(order.number))
                die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL did not end the process")


def install(watch: Watch) -> None:
    """Put the watch into the drivers of this process."""
    _watch_postgres(watch)
    _watch_kafka(watch)
    _watch_http(watch)


class _Protocol:
    """asyncpg's protocol of one connection, watched."""

    def __init__(self, protocol: Any, watch: Watch) -> None:
        self._real = protocol
        self._watch = watch
        self._last = ("", "")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def query(self, query: str, *rest: Any, **named: Any) -> Any:
        return await self._around(query, lambda: self._real.query(query, *rest, **named))

    async def bind_execute(self, state: Any, *rest: Any, **named: Any) -> Any:
        return await self._around(
            state.query, lambda: self._real.bind_execute(state, *rest, **named)
        )

    async def bind_execute_many(self, state: Any, *rest: Any, **named: Any) -> Any:
        return await self._around(
            state.query, lambda: self._real.bind_execute_many(state, *rest, **named)
        )

    async def copy_in(self, statement: str, *rest: Any, **named: Any) -> Any:
        return await self._watch.around(
            "copy", shape_of(statement), lambda: self._real.copy_in(statement, *rest, **named)
        )

    async def copy_out(self, statement: str, *rest: Any, **named: Any) -> Any:
        return await self._watch.around(
            "copy", shape_of(statement), lambda: self._real.copy_out(statement, *rest, **named)
        )

    async def _around(self, statement: str, run: Callable[[], Awaitable[Any]]) -> Any:
        shape = shape_of(statement)
        if statement.strip().upper().startswith("COMMIT"):
            # SQLAlchemy commits in a task of its own: what was done last says whose commit it is
            place, before = self._last
            return await self._watch.around("commit", f"after {before}", run, place)
        # which statement a new connection meets a type with first is a matter of time
        place = _DRIVER if shape.startswith(_DRIVERS_OWN) else place_of_caller()
        self._last = (place, shape)
        return await self._watch.around("statement", shape, run, place)


def _watch_postgres(watch: Watch) -> None:
    real = asyncpg.Connection.__init__

    def init(self: Any, protocol: Any, *rest: Any) -> None:
        real(self, _Protocol(protocol, watch), *rest)

    asyncpg.Connection.__init__ = init


def _watch_kafka(watch: Watch) -> None:
    real = AIOKafkaClient.send

    async def send(self: Any, node_id: Any, request: Any, **named: Any) -> Any:
        kind: Kind
        if isinstance(request, ProduceRequest):
            kind = "kafka send"
        elif isinstance(request, OffsetCommitRequest):
            kind = "offset commit"
        else:
            return await real(self, node_id, request, **named)
        # which topics share a request is a matter of time: it is a point of each of them
        run: Callable[[], Awaitable[Any]] = partial(real, self, node_id, request, **named)
        for topic in sorted({topic for topic, _ in request._topics}):
            run = partial(watch.around, kind, topic, run)
        return await run()

    AIOKafkaClient.send = send


def _watch_http(watch: Watch) -> None:
    real_httpx = httpx.AsyncHTTPTransport.handle_async_request

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        shape = f"{request.method} {path_shape(request.url.path)}"
        response: httpx.Response = await watch.around(
            "http call", shape, lambda: real_httpx(self, request)
        )
        return response

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]

    real_aiohttp = aiohttp.ClientSession._request

    async def request(
        self: aiohttp.ClientSession, method: str, url: Any, **arguments: Any
    ) -> aiohttp.ClientResponse:
        shape = f"{method} {path_shape(URL(url).path)}"
        response: aiohttp.ClientResponse = await watch.around(
            "http call", shape, lambda: real_aiohttp(self, method, url, **arguments)
        )
        return response

    aiohttp.ClientSession._request = request  # type: ignore[assignment,method-assign]


def shape_of(statement: str) -> str:
    """What the statement is, without what differs from run to run; a digest of all of it follows
    the beginning that a person can read."""
    text = " ".join(statement.split())
    text = re.sub(r"\$\d+(::\w+(\(\d+\))?( WITH(OUT)? TIME ZONE)?(\[\])?)?", "?", text)
    text = re.sub(r"\?(, \?)+", "?", text)
    text = re.sub(r"\(\?\)(, \(\?\))+", "(?)", text)
    text = re.sub(r"(savepoint_)\d+", r"\1n", text)
    if len(text) <= _SHOWN:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{text[:_SHOWN]}… {digest}"


def path_shape(path: str) -> str:
    """The path with every part that holds a digit, an id that is, replaced."""
    return "/".join("*" if _ID.fullmatch(part) else part for part in path.split("/"))


def place_of_caller() -> str:
    """The innermost product functions that wait for this I/O, outermost first."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and len(found) < _FRAMES:
        file = frame.f_code.co_filename
        if file.startswith(_PRODUCT) and not file.endswith(_STARTING):
            found.append(f"{Path(file).relative_to(_TOP)}:{frame.f_code.co_name}")
        frame = frame.f_back
    return " > ".join(reversed(found)).replace("services/", "")
