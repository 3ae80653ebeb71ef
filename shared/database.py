"""Engines, sessions and brand isolation: every transaction names its brand first.

Row-level security compares `brand_id` with the transaction-local setting `app.brand`
(docs/security.md): unset means no rows, and the setting ends with the transaction, so that a
pooled connection never carries one brand into the next request.
"""

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, BigInteger, DateTime, Enum, LargeBinary, Text, Uuid, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Mapped, mapped_column

type_annotation_map: dict[Any, Any] = {
    datetime: DateTime(timezone=True),
    str: Text(),
    bytes: LargeBinary(),
    dict[str, Any]: JSONB(),
    list[dict[str, Any]]: JSONB(),
    list[str]: ARRAY(Text()),
    list[UUID]: ARRAY(Uuid()),
    list[datetime]: ARRAY(DateTime(timezone=True)),
    # Stored as text: a new member must not need a migration.
    enum.Enum: Enum(
        enum.Enum,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda kind: [member.value for member in kind],
    ),
}
"""For a service's declarative base: how Python annotations become columns."""

naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

_OUTAGE_STATES = ("08", "53", "57P")
_UNFIT_TEXT_STATES = ("22021", "22P05")  # in a text, in a jsonb
# asyncpg raises these unwrapped when its backend dies between two statements.
_DRIVER_LOST = asyncpg.InternalClientError | asyncpg.InterfaceError

Sessions = async_sessionmaker[AsyncSession]

_COMMAND_SECONDS = 12.0
"""A little more than `statement_timeout`, which nobody keeps when the server has gone silently:
without it a statement on a half-open connection waits for ever."""

_ENTER = text("select set_config('app.brand', :brand, true)")

_SERVER_SETTINGS = {
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "5s",
    "timezone": "UTC",
    # Compiling a plan costs more than any of our statements, and estimates of what is stopped early
    # are high.
    "jit": "off",
}


class Aggregate:
    """Mixin: a row whose changes are announced. `version` rises by one with every event."""

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID] = mapped_column(index=False)
    version: Mapped[int] = mapped_column(BigInteger)


def create_engine(url: str, *, pool_size: int = 5, application: str = "kos") -> AsyncEngine:
    """An engine for a `postgresql://` URL with the platform's time limits."""
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        connect_args={
            "timeout": 5,
            "command_timeout": _COMMAND_SECONDS,
            "server_settings": {**_SERVER_SETTINGS, "application_name": application},
        },
    )
    event.listen(engine.sync_engine, "handle_error", _empty_pool_of_a_silent_server)
    return engine


def _empty_pool_of_a_silent_server(context: ExceptionContext) -> None:
    """Where one connection has gone silent the pool's others have, too: each would cost as long."""
    if isinstance(context.original_exception, TimeoutError):
        # SQLAlchemy takes it for our own cancellation, and would drop this one connection only
        context.invalidate_pool_on_disconnect = True


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


async def reach_database(engine: AsyncEngine) -> None:
    """A check of readiness: raises while the database does not answer."""
    async with engine.connect() as connection:
        await connection.execute(text("select 1"))


def is_outage(error: BaseException) -> bool:
    """Whether the database is away, as opposed to a statement that fails.

    A pooled connection is not tried before use, which would cost three round trips each time: the
    first statement after an outage fails with such an error and empties the pool.
    """
    if isinstance(error, OSError | PoolTimeout | _DRIVER_LOST):
        return True
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith(_OUTAGE_STATES)
    return False


def is_unfit_text(error: BaseException) -> bool:
    """Whether the statement holds a text that PostgreSQL has no place for: one with U+0000."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) in _UNFIT_TEXT_STATES


def is_out_of_range(error: BaseException) -> bool:
    """Whether the driver could not send a value: a time before year 1 as UTC, a number too long.

    Such values fit their types, so only the driver finds them.
    """
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while cause is not None:
        if isinstance(cause, OverflowError):
            return True
        cause = cause.__cause__
    return False


async def enter_brand(session: AsyncSession, brand_id: UUID) -> None:
    """Make the rest of the session's transaction see and write this brand's rows only."""
    await session.execute(_ENTER, {"brand": str(brand_id)})


@asynccontextmanager
async def brand_session(sessions: Sessions, brand_id: UUID) -> AsyncIterator[AsyncSession]:
    """One transaction of one brand: committed at the end, rolled back on any exception."""
    async with sessions.begin() as session:
        await enter_brand(session, brand_id)
        yield session


async def create_read_pool(url: str, *, size: int = 5, application: str = "kos") -> "asyncpg.Pool":
    """A driver-level pool for the page and by-ids endpoints, which need no ORM."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=size,
        timeout=5,
        command_timeout=10,
        server_settings={**_SERVER_SETTINGS, "application_name": application},
        reset=_end_transaction,
    )


async def _end_transaction(connection: asyncpg.Connection) -> None:
    """All that a read leaves behind on its connection, and only when it was cancelled: the driver's
    own reset is a statement after every read."""
    if connection.is_in_transaction():
        await connection.execute("rollback")


@asynccontextmanager
async def brand_read(pool: "asyncpg.Pool", brand_id: UUID) -> AsyncIterator[asyncpg.Connection]:
    """A read-only transaction of one brand on the driver's connection."""
    async with pool.acquire() as connection:
        # One message for both; a UUID has no quotes.
        await connection.execute(
            f"begin read only; set local app.brand = '{UUID(int=brand_id.int)}'"
        )
        try:
            yield connection
        except BaseException:
            await connection.execute("rollback")
            raise
        await connection.execute("commit")
