"""A tiny round robin over copies of a process, as a cluster's service is one: connections, not
requests, and new ones only to copies whose `/readyz` says yes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

_LOOK_SECONDS = 0.3
_CHUNK = 65_536


@dataclass
class Balancer:
    """`ports` are the copies; add and remove them as they come and go."""

    port: int
    ports: list[int]
    ready: set[int] = field(default_factory=set)
    _turn: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def wait_until_ready(self, copies: int) -> None:
        async with asyncio.timeout(60):
            while len(self.ready) < copies:
                await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Ask every copy, for ever."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            while True:
                for port in list(self.ports):
                    # a connection of its own each time, as a probe makes it
                    headers = {"connection": "close"}
                    is_ready = False
                    with suppress(httpx.TransportError):
                        url = f"http://127.0.0.1:{port}/readyz"
                        is_ready = (await client.get(url, headers=headers)).is_success
                    (self.ready.add if is_ready else self.ready.discard)(port)
                await asyncio.sleep(_LOOK_SECONDS)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client to the next ready copy, until either side closes."""
        async with asyncio.timeout(30):
            while not self.ready:
                await asyncio.sleep(0.01)
        ready = sorted(self.ready)
        self._turn += 1
        there = await asyncio.open_connection("127.0.0.1", ready[self._turn % len(ready)])
        await asyncio.gather(_pipe(reader, there[1]), _pipe(there[0], writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def balancing(port: int, ports: list[int]) -> AsyncIterator[Balancer]:
    balancer = Balancer(port, list(ports))
    server = await asyncio.start_server(balancer.carry, "127.0.0.1", port)
    looking = asyncio.create_task(balancer.look())
    try:
        yield balancer
    finally:
        looking.cancel()
        server.close()
        await asyncio.gather(looking, return_exceptions=True)
