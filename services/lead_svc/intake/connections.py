"""Connections as the edge needs them: looked up by id, opened once, kept for a few seconds."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import orjson
import structlog

from lead_svc import hooks
from lead_svc.intake.deliveries import Source
from lead_svc.models import Connection, ConnectionStatus
from shared.ids import parse_id
from shared.sealing import Unreadable, Vault

KEEP_SECONDS = 5.0
"""How long a change of settings, secrets or status takes to reach every process."""

MOST_KEPT = 10_000

_FIND = """
select id, brand_id, platform, settings, secrets, wrapped_key, kek_version, status
from connection where id = $1
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenConnection:
    source: Source
    hook: hooks.Hook


class Connections:
    def __init__(self, pool: "asyncpg.Pool", vault: Vault) -> None:
        self.pool = pool
        self._vault = vault
        self._kept: OrderedDict[str, tuple[float, asyncio.Task[OpenConnection | None]]] = (
            OrderedDict()
        )

    async def find(self, connection_id: str) -> OpenConnection | None:
        """The active connection with this typed id. Concurrent callers share one query; that
        there is none is remembered too."""
        now = time.monotonic()
        kept = self._kept.get(connection_id)
        if kept is None or kept[0] < now:
            try:
                key = parse_id("conn", connection_id)
            except ValueError:
                return None
            kept = (now + KEEP_SECONDS, asyncio.create_task(self._load(key)))
            self._kept[connection_id] = kept
            self._kept.move_to_end(connection_id)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        try:
            # A caller that goes away must not cancel the query of the others.
            return await asyncio.shield(kept[1])
        except Exception:
            self._kept.pop(connection_id, None)
            raise

    async def _load(self, connection_id: UUID) -> OpenConnection | None:
        row = await self.pool.fetchrow(_FIND, connection_id)
        if row is None or row["status"] != ConnectionStatus.ACTIVE.value:
            return None
        connection = Connection(**{**row, "settings": orjson.loads(row["settings"])})
        try:
            secrets = connection.open_secrets(self._vault)
            hook = hooks.open_hook(connection.platform, secrets, connection.settings)
        except (Unreadable, hooks.BadConnection):
            log.exception("connection_unusable", connection_id=str(connection_id))
            return None
        return OpenConnection(Source(row["brand_id"], connection_id, row["platform"]), hook)
