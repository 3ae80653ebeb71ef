"""What the other sides of the rows have in common: how an application is served and reaches its
database when nobody thinks about it."""

from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

UsualSessions = async_sessionmaker[AsyncSession]


def usual_sessions(url: str, **pool: int) -> UsualSessions:
    """Sessions on a `postgresql://` URL, as SQLAlchemy makes them unless told otherwise."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), **pool)
    return async_sessionmaker(engine, expire_on_commit=False)


def serve(app: Any, port: int) -> None:
    """Serve on loopback until the process ends, without a log."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
    )
