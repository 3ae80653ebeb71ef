"""What the edge holds while the process lives: connections, keys and the writer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from lead_svc.intake.connections import Connections
from lead_svc.intake.writer import Writer
from shared.sealing import Vault

DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Intake:
    connections: Connections
    writer: Writer
    vault: Vault


@asynccontextmanager
async def open_intake(dsn: str, vault: Vault) -> AsyncIterator[Intake]:
    """`dsn` logs in as the intake role. At the end no more is taken, and what waits is written."""
    pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=2,
        timeout=3,
        command_timeout=3,
        server_settings={"application_name": "lead_svc-connections"},
    )
    writer = Writer(dsn)
    running = asyncio.create_task(writer.run(), name="intake-writer")
    try:
        yield Intake(Connections(pool, vault), writer, vault)
    finally:
        writer.stop()
        try:
            await asyncio.wait_for(running, DRAIN_SECONDS)
        finally:
            pool.terminate()
