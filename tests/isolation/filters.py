"""Take the application's own filters away, from outside: what is left is row-level security.

Every statement goes through the driver. There each comparison of `brand_id` with a parameter is
made true, whatever the parameter says; joins between tables stay as they are. SQLAlchemy keeps what
it has prepared on a connection: it is met before it looks there, or it would go on with statements
that were prepared with their filters.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection as Adapter

_FILTER = re.compile(
    r"(?:\b\w+\.)?\bbrand_id\s*=\s*\$\d++(?:::\w++)?+(?! or true\))", re.IGNORECASE
)


@dataclass
class Removed:
    statements: set[str] = field(default_factory=set)
    """Those that had a filter, as they were."""


def without_filters(statement: str) -> str:
    # The parameter stays, and with it its type and its place.
    return _FILTER.sub(r"(\g<0> or true)", statement)


@contextmanager
def filters_removed(user: str = "kos_") -> Iterator[Removed]:
    """For every connection in this process whose user's name begins so, until the block ends.

    The tests' own connections are a superuser's and keep their filters.
    """
    removed = Removed()
    of_driver, of_dialect = asyncpg.Connection._get_statement, Adapter._prepare

    def change(connection: asyncpg.Connection, query: str) -> str:
        changed = without_filters(query) if connection._params.user.startswith(user) else query
        if changed != query:
            removed.statements.add(query)
        return changed

    async def get_statement(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
        return await of_driver(self, change(self, query), *args, **more)

    async def prepare(self: Any, operation: str, at: Any) -> Any:
        return await of_dialect(self, change(self._connection, operation), at)  # type: ignore[no-untyped-call]

    with (
        mock.patch.object(asyncpg.Connection, "_get_statement", get_statement),
        mock.patch.object(Adapter, "_prepare", prepare),
    ):
        yield removed
