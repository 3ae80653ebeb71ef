"""`kos replay`: look at parked events, try or discard one, rewind a whole consumer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Literal
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from deploy.local import databases, identity, postgres
from deploy.local.databases import Service
from deploy.local.settings import StackSettings
from shared import audit, parked
from shared.database import Sessions, create_engine, create_sessions, enter_brand
from shared.settings import read_key
from shared.tables import ParkedRow

ACTOR = "operator"
PAGE = 500

Verb = Literal["replay", "discard"]


class NothingRead(Exception):
    """There is no such consumer group; the message is one sentence."""


@asynccontextmanager
async def worker_sessions(settings: StackSettings, service: Service) -> AsyncIterator[Sessions]:
    """Sessions of the service's worker role, which sees the parked events of every brand."""
    passwords = identity.ensure_secrets(settings.key_dir)
    admin_url = settings.postgres_url or postgres.admin_url(
        settings.ports.postgres, passwords["postgres"]
    )
    urls = databases.urls_of(admin_url, service, passwords)
    engine = create_engine(urls.worker, pool_size=1, application="kos-replay")
    try:
        yield create_sessions(engine)
    finally:
        await engine.dispose()


async def show_parked(settings: StackSettings, console: Console, service: Service) -> None:
    async with worker_sessions(settings, service) as sessions, sessions() as session:
        rows = await parked.list_parked(session, first=PAGE, after=None)
    table = Table("event", "consumer", "type", "key", "status", "attempt", "reason")
    for row in rows:
        kind = str(row.headers.get("ce_type", ""))
        attempt = str(row.attempt)
        table.add_row(
            str(row.event_id), row.consumer, kind, row.key, row.status, attempt, row.reason
        )
    console.print(table if rows else f"{service}_svc has no parked events")


async def handle_parked(
    settings: StackSettings, service: Service, event_id: UUID, verb: Verb
) -> None:
    """Replay or discard one parked event, with its line in the brand's audit trail."""
    key = read_key(settings.key_dir / f"{service}-audit")
    async with worker_sessions(settings, service) as sessions, sessions.begin() as session:
        row = await session.scalar(select(ParkedRow).where(ParkedRow.event_id == event_id))
        if row is None:
            raise parked.ParkedNotFound(f"no parked event {event_id}")
        if row.brand_id is not None:
            await enter_brand(session, row.brand_id)
        act = parked.replay if verb == "replay" else parked.discard
        await act(session, row.consumer, event_id, actor=ACTOR)
        if row.brand_id is None:
            # an unreadable record belongs to no brand, so it is in no brand's trail
            audit.discard(session)
        else:
            await audit.flush(session, row.brand_id, key)


async def rewind(settings: StackSettings, service: Service, consumer: str, since: datetime) -> int:
    """Make a stopped consumer take in again what was published since; the number of events."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(consumer)
    finally:
        await admin.close()
    topics = sorted({partition.topic for partition in offsets})
    if not topics:
        raise NothingRead(f"no consumer {consumer} has ever read anything")
    async with worker_sessions(settings, service) as sessions:
        return await parked.rewind(
            sessions, settings.bootstrap, consumer=consumer, topics=topics, since=since
        )
