"""Sessions over connections that break."""

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
    monkeypatch.setattr(database, "_COMMAND_SECONDS", 0.5)
    parts = urlsplit(account_database.app)
    assert parts.port is not None
    edge = Edge("test-postgres", free_port(), parts.port)
    url = urlunsplit(parts._replace(netloc=parts.netloc.replace(str(parts.port), str(edge.port))))
    engine = database.create_engine(url)
    sessions = database.create_sessions(engine)

    async def ask_a_server_that_goes() -> None:
        async with sessions.begin() as session:
            await session.execute(text("select 1"))
            edge.leave_half_open("server")
            await session.execute(text("select 2"))

    async with await edge.listen():
        with pytest.raises(TimeoutError) as failure:
            await ask_a_server_that_goes()
        assert database.is_outage(failure.value)
        async with sessions.begin() as session:
            assert await session.scalar(text("select 3")) == 3
        await engine.dispose()
