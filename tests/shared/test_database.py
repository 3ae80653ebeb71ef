"""Sessions over connections that break."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import text

from deploy.local.databases import ServiceUrls
from shared import database
from tests.chaos.proxy import Edge


async def test_statement_ends_although_the_server_has_gone_silently(
    account_database: ServiceUrls,
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "_COMMAND_SECONDS", 2.0)
    parts = urlsplit(account_database.app)
    assert parts.port is not None
    edge = Edge("test-postgres", free_port(), parts.port)
    url = urlunsplit(parts._replace(netloc=parts.netloc.replace(str(parts.port), str(edge.port))))
    engine = database.create_engine(url)
    sessions = database.create_sessions(engine)

    async def ask(both: asyncio.Barrier) -> None:
        async with sessions.begin() as session:
            await session.execute(text("select 1"))
            await both.wait()

    async with await edge.listen():
        both = asyncio.Barrier(2)
        await asyncio.gather(ask(both), ask(both))
        edge.leave_half_open("server")
        with pytest.raises(TimeoutError) as failure:
            await ask(both)
        assert database.is_outage(failure.value)
        # nor does the other connection of the pool cost as long again
        async with sessions.begin() as session:
            assert await session.scalar(text("select 3")) == 3
        await engine.dispose()
        edge.reset()
        await asyncio.sleep(0.01)
