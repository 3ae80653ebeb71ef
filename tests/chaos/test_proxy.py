"""An edge does to a connection what it was told, and undoes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.chaos.proxy import Edge

SOON = 10.0
SILENCE = 0.3


@asynccontextmanager
async def through_edge(
    free_port: Callable[[], int],
) -> AsyncIterator[tuple[Edge, list[asyncio.StreamWriter]]]:
    """An edge to a server that says back what it hears; and the server's ends of connections."""
    accepted: list[asyncio.StreamWriter] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    edge = Edge("client-server", free_port(), free_port())
    async with (
        await asyncio.start_server(echo, "127.0.0.1", edge.target),
        await edge.listen(),
    ):
        yield edge, accepted
        edge.heal()
        edge.reset()
        await asyncio.sleep(0)


async def dial(edge: Edge) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", edge.port)


async def say(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes = b"hello"
) -> bytes:
    """What comes back."""
    writer.write(word)
    return await asyncio.wait_for(reader.readexactly(len(word)), SOON)


async def hear_nothing(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes
) -> None:
    writer.write(word)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), SILENCE)


async def test_edge_carries_both_ways_and_the_end(free_port: Callable[[], int]) -> None:
    async with through_edge(free_port) as (edge, _):
        reader, writer = await dial(edge)
        assert await say(reader, writer) == b"hello"
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), SOON) == b""
        writer.close()


async def test_reset_ends_every_connection_and_admits_new_ones(
    free_port: Callable[[], int],
) -> None:
    async with through_edge(free_port) as (edge, _):
        reader, writer = await dial(edge)
        await say(reader, writer)
        edge.reset()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON)
        writer.close()
        reader, writer = await dial(edge)
        assert await say(reader, writer) == b"hello"
        writer.close()


@pytest.mark.parametrize("way", ["up", "down"])
async def test_cut_holds_what_is_sent_until_it_heals(
    free_port: Callable[[], int], way: str
) -> None:
    async with through_edge(free_port) as (edge, _):
        reader, writer = await dial(edge)
        await say(reader, writer)
        edge.cut(["up" if way == "up" else "down"])
        await hear_nothing(reader, writer, b"again")
        edge.heal()
        assert await asyncio.wait_for(reader.readexactly(5), SOON) == b"again"
        writer.close()


async def test_client_never_hears_of_a_server_that_is_gone(free_port: Callable[[], int]) -> None:
    async with through_edge(free_port) as (edge, accepted):
        reader, writer = await dial(edge)
        await say(reader, writer)
        edge.leave_half_open("server")
        await until_closing(accepted[0])
        await hear_nothing(reader, writer, b"hello")
        other_reader, other_writer = await dial(edge)
        assert await say(other_reader, other_writer) == b"hello"
        edge.heal()
        await hear_nothing(reader, writer, b"hello")
        writer.close()
        other_writer.close()


async def test_server_hears_of_a_client_that_is_gone_when_it_heals(
    free_port: Callable[[], int],
) -> None:
    async with through_edge(free_port) as (edge, accepted):
        reader, writer = await dial(edge)
        await say(reader, writer)
        edge.leave_half_open("client")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON)
        assert not accepted[0].is_closing()
        edge.heal()
        await until_closing(accepted[0])
        writer.close()


async def until_closing(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(SOON):
        while not writer.is_closing():
            await asyncio.sleep(0.01)


async def test_delay_takes_its_time_both_ways(free_port: Callable[[], int]) -> None:
    async with through_edge(free_port) as (edge, _):
        reader, writer = await dial(edge)
        await say(reader, writer)
        edge.delay(0.1)
        began = asyncio.get_running_loop().time()
        assert await say(reader, writer) == b"hello"
        assert asyncio.get_running_loop().time() - began >= 0.2
        writer.close()
