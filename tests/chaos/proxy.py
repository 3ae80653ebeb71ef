"""Loopback TCP proxies, one per edge of the stack, that do to a connection what networks do.

    python -m tests.chaos.proxy CONTROL_PORT EDGES.json

`EDGES.json` maps an edge's name to [its port, the target's port]. Commands come as JSON lines on
the control port and are answered with one line each: see `Edge` for what can be done.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import uvloop

Way = Literal["up", "down"]
"""`up` runs from the client of an edge to its server."""

Side = Literal["client", "server"]

WAYS: tuple[Way, ...] = ("up", "down")
_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Link:
    """One connection through an edge: a writer to either side."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    gone: Side | None = None
    """The side that went without the other being told."""

    def reset(self) -> None:
        for writer in (self.client, self.server):
            reset(writer)


@dataclass
class Edge:
    """Connections of one client to one server, and the faults they have now."""

    name: str
    port: int
    target: int
    links: set[Link] = field(default_factory=set)
    delay_seconds: float = 0.0
    open_ways: dict[Way, asyncio.Event] = field(default_factory=dict)
    accepted: int = 0

    async def listen(self) -> asyncio.Server:
        for way in WAYS:
            self.open_ways[way] = asyncio.Event()
            self.open_ways[way].set()
        return await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def reset(self) -> None:
        """Every connection ends with a reset on both sides."""
        for link in list(self.links):
            link.reset()

    def delay(self, seconds: float) -> None:
        """Each piece of data takes so much longer, both ways."""
        self.delay_seconds = seconds

    def cut(self, ways: list[Way]) -> None:
        """Nothing gets through these ways; nobody is told. New connections fare the same."""
        for way in ways:
            self.open_ways[way].clear()

    def leave_half_open(self, gone: Side) -> None:
        """One side of every connection is gone, and the other hears nothing of it.

        New connections are not affected.
        """
        for link in list(self.links):
            if link.gone is None:
                link.gone = gone
                reset(link.client if gone == "client" else link.server)

    def heal(self) -> None:
        """Undo every fault.

        A server whose client is gone now hears of it, as keep-alive probes would tell it (this
        kernel answers them). A client whose server is gone never does: it must not wait for ever.
        """
        self.delay_seconds = 0.0
        for way in WAYS:
            self.open_ways[way].set()
        for link in list(self.links):
            if link.gone == "client":
                link.reset()
                self.links.discard(link)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            reset(writer)
            return
        link = Link(writer, server_writer)
        self.links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, "up", reader, server_writer),
                self._pump(link, "down", server_reader, writer),
            )
        finally:
            if link.gone is None:
                self.links.discard(link)
                writer.close()
                server_writer.close()

    async def _pump(
        self, link: Link, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        try:
            while data := await source.read(_CHUNK):
                await self.open_ways[way].wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if link.gone is not None:
                    return
                sink.write(data)
                await sink.drain()
            await self.open_ways[way].wait()
            if link.gone is None and sink.can_write_eof():
                sink.write_eof()
        except (OSError, RuntimeError):
            # one side ended unasked (uvloop raises RuntimeError on a closed transport)
            if link.gone is None:
                link.reset()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once and with a reset, not in an orderly way."""
    if writer.transport.is_closing():
        return
    sock = writer.get_extra_info("socket")
    # ValueError: uvloop's, for a socket that has just gone
    with contextlib.suppress(OSError, ValueError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def obey(edges: dict[str, Edge], command: dict[str, Any]) -> dict[str, Any]:
    """Do what a command says; the answer to it."""
    edge = edges[command["edge"]]
    match command["do"]:
        case "reset":
            edge.reset()
        case "delay":
            edge.delay(command["seconds"])
        case "cut":
            edge.cut(command["ways"])
        case "half_open":
            edge.leave_half_open(command["gone"])
        case "heal":
            edge.heal()
        case unknown:
            return {"error": f"cannot {unknown}"}
    return {"links": len(edge.links), "accepted": edge.accepted}


async def serve(control_port: int, edges: dict[str, Edge]) -> None:
    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(obey(edges, json.loads(line))).encode() + b"\n")
            await writer.drain()
        writer.close()

    async with contextlib.AsyncExitStack() as servers:
        for edge in edges.values():
            await servers.enter_async_context(await edge.listen())
        server = await servers.enter_async_context(
            await asyncio.start_server(control, "127.0.0.1", control_port)
        )
        await server.serve_forever()


class Proxy:
    """The other end of the control port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def tell(self, edge: str, do: str, **more: Any) -> dict[str, Any]:
        """Have an edge do something; how many connections it has."""
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(json.dumps({"edge": edge, "do": do, **more}).encode() + b"\n")
            await writer.drain()
            answer: dict[str, Any] = json.loads(await reader.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


def main() -> None:
    control_port, path = sys.argv[1:]
    edges = {
        name: Edge(name, port, target)
        for name, (port, target) in json.loads(Path(path).read_text()).items()
    }
    uvloop.run(serve(int(control_port), edges))


if __name__ == "__main__":
    main()
