"""Take the application's own filters away, from outside: what is left is row-level security.

Every statement goes through the driver. There each comparison of `brand_id` with a parameter is
made true, whatever the parameter says; joins between tables stay as they are.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import asyncpg

_FILTER = re.compile(r"(?:\b\w+\.)?\bbrand_id\s*=\s*\$\d+(?:::\w+)?", re.IGNORECASE)


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
    prepare = asyncpg.Connection._get_statement

    async def get_statement(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
        changed = without_filters(query) if self._params.user.startswith(user) else query
        if changed != query:
            removed.statements.add(query)
        return await prepare(self, changed, *args, **more)

    with mock.patch.object(asyncpg.Connection, "_get_statement", get_statement):
        yield removed
