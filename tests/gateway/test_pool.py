"""The keep-alive client: every way an answer can end, and nobody gets another call's answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.pool import Outcome, Pool, Unreachable

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def finish(outcome: Outcome) -> bytes:
    if isinstance(outcome, Exception):
        raise outcome
    status, body = outcome
    return b"%d %s" % (status, body)


class Script:
    """A server that answers each request with the next of its lines; None hangs up."""

    def __init__(self, *answers: bytes | Callable[[], bytes] | None) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                answer = self.answers.pop(0)
                if answer is None:
                    break
                if callable(answer):
                    await asyncio.sleep(0.3)
                    answer = answer()
                for part in answer.split(b"|"):
                    writer.write(part)
                    await asyncio.sleep(0.01)
                if b"close" in answer or answer.startswith(b"HTTP/1.0"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def pool(
    script: Script, *, connections: int = 1, seconds: float = 2.0
) -> AsyncIterator[Pool]:
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        made = Pool(
            f"http://127.0.0.1:{port}",
            finish,
            connections=connections,
            waiting=10,
            seconds=seconds,
        )
        try:
            yield made
        finally:
            await made.close()


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nContent-Le|ngth: 2\r\n\r\no|k",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n|1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n|" + OK,
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\no|k",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_every_form_of_an_answer_is_read_and_the_next_call_goes_on(answer: bytes) -> None:
    script = Script(answer, OK)
    async with pool(script) as made:
        first = await made.send(ASK, is_repeatable=False)
        second = await made.send(ASK, is_repeatable=False)

    assert (first, second) == (b"200 ok", b"200 ok")


async def test_calls_one_after_the_other_share_a_connection() -> None:
    script = Script(OK, OK, OK)
    async with pool(script, connections=8) as made:
        for _ in range(3):
            await made.send(ASK, is_repeatable=False)

    assert (script.connections, script.requests) == (1, 3)


async def test_more_calls_than_connections_wait_their_turn() -> None:
    script = Script(*[OK] * 5)
    async with pool(script) as made:
        answers = await asyncio.gather(*(made.send(ASK, is_repeatable=False) for _ in range(5)))

    assert answers == [b"200 ok"] * 5
    assert script.connections == 1


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 9, close\r\n\r\nok", b"SSH-2.0-x content-length", None],
)
async def test_half_an_answer_and_nonsense_are_failures_and_the_next_call_is_not_hurt(
    answer: bytes | None,
) -> None:
    script = Script(answer, OK)
    async with pool(script) as made:
        with pytest.raises(Unreachable):
            await made.send(ASK, is_repeatable=False)
        after = await made.send(ASK, is_repeatable=False)

    assert after == b"200 ok"
    assert script.connections == 2


async def test_a_second_answer_to_one_request_is_never_given_to_the_next_call() -> None:
    forged = OK.replace(b"ok", b"no")
    script = Script(OK + forged, OK)
    async with pool(script) as made:
        first = await made.send(ASK, is_repeatable=False)
        second = await made.send(ASK, is_repeatable=False)

    assert (first, second) == (b"200 ok", b"200 ok")
    assert script.connections == 2


async def test_an_answer_after_the_deadline_is_never_given_to_the_next_call() -> None:
    script = Script(lambda: OK.replace(b"ok", b"no"), OK)
    async with pool(script, seconds=0.1) as made:
        with pytest.raises(TimeoutError):
            await made.send(ASK, is_repeatable=True)
        after = await made.send(ASK, is_repeatable=False)

    assert after == b"200 ok"


async def test_an_answer_to_a_caller_who_went_away_is_never_given_to_the_next_call() -> None:
    script = Script(lambda: OK.replace(b"ok", b"no"), OK)
    async with pool(script) as made:
        going = made.send(ASK, is_repeatable=False)
        await asyncio.sleep(0.05)
        going.cancel()
        after = await made.send(ASK, is_repeatable=False)

    assert after == b"200 ok"
    assert script.connections == 1


async def test_a_caller_who_went_away_while_waiting_is_never_sent() -> None:
    script = Script(lambda: OK, OK)
    async with pool(script) as made:
        first = made.send(ASK, is_repeatable=False)
        waiting = made.send(ASK, is_repeatable=False)
        waiting.cancel()
        await first
        await made.send(ASK, is_repeatable=False)

    assert script.requests == 2


async def test_a_server_that_is_not_there_fails_every_call_at_once() -> None:
    script = Script()
    async with pool(script, connections=2) as made:
        pass  # its port is closed now
    calls = [made.send(ASK, is_repeatable=True) for _ in range(5)]

    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 1)

    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 5


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://x", "http://"])
def test_what_is_no_address_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Pool(url, finish, connections=1, waiting=1, seconds=1)
