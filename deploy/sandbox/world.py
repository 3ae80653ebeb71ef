"""What every part of the sandbox shares: settings, ledger, clock, ids, the client for hooks."""

import asyncio
import hashlib
import random
import sqlite3
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
from fastapi import Depends, Request

from deploy.sandbox.settings import Settings


@dataclass
class World:
    settings: Settings
    db: sqlite3.Connection
    http: httpx.AsyncClient
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def now(self) -> float:
        """Unix seconds of the sandbox clock, which the control API can put forward."""
        row = self.db.execute("SELECT value FROM meta WHERE name = 'clock_offset'").fetchone()
        return time.time() + (row["value"] if row else 0.0)

    def fresh(self, kind: str) -> str:
        """A new id of 32 hex digits; the n-th of its kind is the same for the same seed."""
        row = self.db.execute(
            "INSERT INTO counter VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET n = n + 1"
            " RETURNING n",
            (kind,),
        ).fetchone()
        return digest(self.settings.seed, kind, row["n"])

    def dice(self, *key: object) -> random.Random:
        """Chance that depends on the seed and the key alone, for draws about one thing."""
        return random.Random(digest(self.settings.seed, *key))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def stop_tasks(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def digest(*key: object) -> str:
    return hashlib.blake2b(
        "\x1f".join(str(part) for part in key).encode(), digest_size=16
    ).hexdigest()


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def get_world(request: Request) -> World:
    world: World = request.state.world
    return world


InWorld = Annotated[World, Depends(get_world)]
