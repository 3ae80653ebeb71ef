"""A consumer in a process of its own. Arguments: url, bootstrap, topic, group, ordinal."""

import asyncio
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.consumer import Consumer
from shared.database import create_engine, create_sessions
from shared.events import Received
from shared.events.account import StaffReturned

_SLOW_SECONDS = 0.01


async def note(session: AsyncSession, received: Received[StaffReturned]) -> None:
    await session.execute(
        text("insert into seen (brand_id, key, version) values (:brand, :key, :version)"),
        {"brand": received.brand_id, "key": received.event.subject, "version": received.version},
    )
    await asyncio.sleep(_SLOW_SECONDS)


async def main(url: str, bootstrap: str, topic: str, group: str, ordinal: int) -> None:
    consumer = Consumer(
        name=group,
        topics=[topic],
        handlers={StaffReturned: note},
        sessions=create_sessions(create_engine(url)),
        bootstrap=bootstrap,
        audit_key=bytes(32),
        ordinal=ordinal,
    )
    await consumer.run(asyncio.Event())


if __name__ == "__main__":
    url, bootstrap, topic, group, ordinal = sys.argv[1:]
    asyncio.run(main(url, bootstrap, topic, group, int(ordinal)))
