"""Rows of the lead intake: signed requests over HTTP, answered when their rows are on disk.

The limit of `intake-bare` is what a driver does in the same PostgreSQL for two inserts, a lead and
its outbox row, in a transaction of their own: no HTTP, no signature, no receipt, nothing sealed.
The other side of `intake-orm` does the whole job the usual way (`intake_usual.py`). All sides have
as many deliveries under way. CPU counts the side's process and PostgreSQL's.
"""

import base64
import hmac
import json
import multiprocessing
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from deploy.local.process import find_free_port
from lead_svc.models import Connection, ConnectionStatus
from lead_svc.models.intake import PAYLOAD
from shared.clock import now
from shared.database import brand_session, create_engine, create_sessions
from shared.ids import typed, uuid7
from shared.sealing import unseal
from tests.bench.installation import Installation, installed
from tests.bench.intake_usual import Bare, serve_bare, serve_usual
from tests.bench.load import request, send_many
from tests.bench.rounds import Work, alternate, cores, process, until_open
from tests.bench.row import Options, Result, Row, compare

BARE = Row("intake-bare", "a lead stored: over the signed hook, bare transaction", 1.2, 2.6)
ORM = Row("intake-orm", "a lead stored: over the signed hook, FastAPI + pydantic + ORM", 6, 12)
ROWS = (BARE, ORM)

UNDER_WAY = 64
"""Deliveries at the same time, on each side."""
_COMPARED = 50


async def measure(options: Options, wanted: Collection[str]) -> list[Result]:
    others = {"bare": BARE.id, "usual": ORM.id}
    names = ["hook", *(name for name, row in others.items() if row in wanted)]
    async with AsyncExitStack() as stack:
        installation = await stack.enter_async_context(installed("lead"))
        sides = await _start(installation, stack, names)
        await _same_rows(installation, sides)
        works = {
            name: (
                [side.pid, installation.postgres_pid],
                # the usual way takes ten times as long, and its figures settle as soon
                _load(side, options.requests // (4 if name == "usual" else 1)),
            )
            for name, side in sides.items()
        }
        samples = await alternate(works, options.rounds)
        size = await _bytes_per_lead(installation, sides["hook"])
    results = []
    if BARE.id in wanted:
        results.append(compare(BARE, samples["hook"], samples["bare"], size))
    if ORM.id in wanted:
        results.append(compare(ORM, samples["hook"], samples["usual"]))
    return results


def lead_body(lead_id: str, **other: str) -> bytes:
    """What a form tells; `other` fields replace these."""
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    data = {
        "lead_id": lead_id,
        "name": "王小明",
        "phone": "13800138000",
        "city": "杭州",
        "product": "星驰E5",
        "note": "周末想试驾",
        "store_code": "S-0001",
        "consent": {"purpose": "sales", "notice_version": "3", "at": at},
        "submitted_at": at,
        "utm_source": "autumn",
        **other,
    }
    event = {"type": "lead.created", "timestamp": at, "data": data}
    return json.dumps(event, ensure_ascii=False).encode()


class Sender:
    """A source that signs what it sends; every delivery is a lead of its own."""

    def __init__(
        self,
        connection_id: UUID,
        brand_id: UUID,
        key: bytes,
        path: str,
        fields_of: Callable[[int], dict[str, str]] = lambda _: {},
    ) -> None:
        """`fields_of` says what the lead of a number tells that is its own."""
        self.connection_id = connection_id
        self.brand_id = brand_id
        self.key = key
        self._path = path
        self._fields_of = fields_of
        self._sent = 0

    def requests(self, count: int) -> list[bytes]:
        return [self._request() for _ in range(count)]

    def last_ids(self, count: int) -> list[str]:
        """What the sender calls the leads of the last so many requests."""
        return [f"form-{number}" for number in range(self._sent - count + 1, self._sent + 1)]

    def _request(self) -> bytes:
        self._sent += 1
        body = lead_body(f"form-{self._sent}", **self._fields_of(self._sent))
        message_id, at = f"msg-{self._sent}", str(int(time.time()))
        signed = f"{message_id}.{at}.".encode() + body
        signature = base64.b64encode(hmac.digest(self.key, signed, "sha256")).decode()
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature}",
        }
        return request("POST", self._path, body, headers)


@dataclass(frozen=True)
class Http:
    """A side that is reached over HTTP."""

    pid: int
    port: int
    sender: Sender

    async def store(self, count: int) -> list[float]:
        return await send_many(self.port, self.sender.requests(count), count, connections=UNDER_WAY)


Side = Http | Bare


async def _start(
    installation: Installation, stack: AsyncExitStack, names: Sequence[str]
) -> dict[str, Side]:
    server, _ = cores()
    sides: dict[str, Side] = {}
    for name in names:
        sender = await add_sender(installation, "/" if name == "usual" else None)
        if name == "hook":
            pid, port = await installation.start("lead")
            sides[name] = Http(pid, port, sender)
        elif name == "usual":
            port = find_free_port()
            url, keys = installation.urls["lead"].app, installation.settings.key_dir
            source = (sender.connection_id, sender.brand_id, sender.key)
            pid = stack.enter_context(process(serve_usual, port, url, keys, *source, on=server))
            await until_open(port)
            sides[name] = Http(pid, port, sender)
        else:
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            target = (installation.urls["lead"].intake, sender.connection_id, sender.brand_id)
            pid = stack.enter_context(process(serve_bare, theirs, *target, UNDER_WAY, on=server))
            sides[name] = Bare(pid, ours, sender.connection_id, sender.brand_id)
    return sides


async def add_sender(installation: Installation, path: str | None = None) -> Sender:
    """Connect a generic source of a new brand; its requests go to its hook or to `path`."""
    key = secrets.token_bytes(32)
    connection = Connection(
        id=uuid7(),
        brand_id=uuid7(),
        platform="generic",
        name="bench",
        settings={},
        status=ConnectionStatus.ACTIVE,
        created_at=now(),
    )
    connection.seal_secrets(
        installation.vault("lead"), {"keys": [f"whsec_{base64.b64encode(key).decode()}"]}
    )
    engine = create_engine(installation.urls["lead"].app)
    async with brand_session(create_sessions(engine), connection.brand_id) as session:
        session.add(connection)
    await engine.dispose()
    hook = f"/hooks/generic/{typed('conn', connection.id)}"
    return Sender(connection.id, connection.brand_id, key, path or hook)


def _load(side: Side, count: int) -> Work:
    async def send() -> list[float]:
        return await side.store(count)

    return send


async def _same_rows(installation: Installation, sides: dict[str, Side]) -> None:
    """Every side stores the same deliveries as the same rows, or this raises. It warms up, too."""
    found: dict[str, Any] = {}
    database = await installation.connect("lead")
    try:
        for name, side in sides.items():
            await side.store(_COMPARED)
            brand_id = side.brand_id if isinstance(side, Bare) else side.sender.brand_id
            found[name] = await _rows(installation, database, brand_id)
            if len(found[name]["lead"]) != _COMPARED:
                raise RuntimeError(f"{name} did not store every lead: {found[name]}")
    finally:
        await database.close()
    for name, rows in found.items():
        for table in rows:
            if rows[table] != found["hook"][table]:
                raise RuntimeError(f"{name} stores other rows: {rows[table][0]}")


async def _rows(
    installation: Installation, database: asyncpg.Connection, brand_id: UUID
) -> dict[str, list[Any]]:
    """What the tables hold of a brand, without what differs by nature: ids and times."""
    vault = installation.vault("lead")
    leads = await database.fetch(
        "select source, source_lead_id, status, version from lead where brand_id = $1 order by 2",
        brand_id,
    )
    events = await database.fetch(
        """select topic, version, headers ->> 'ce_type', headers ->> 'content-type',
            convert_from(payload, 'utf8')::jsonb ->> 'source_lead_id' as told
        from outbox where brand_id = $1 order by told""",
        brand_id,
    )
    found = {"lead": [tuple(row) for row in leads], "outbox": [tuple(row) for row in events]}
    receipts = await database.fetch(
        """select r.id, r.platform, r.kind, r.dedupe_key, r.status, r.payload, k.wrapped,
            k.kek_version
        from receipt r join data_key k on k.brand_id = r.brand_id and k.subject_id = r.id
        where r.brand_id = $1 order by r.dedupe_key""",
        brand_id,
    )
    if receipts:
        found["receipt"] = []
    for row in receipts:
        key = vault.unwrap(row["wrapped"], row["kek_version"], brand_id, row["id"])
        data = json.loads(unseal(key, row["payload"], brand_id, row["id"], PAYLOAD))["data"]
        told = {name: data[name] for name in data if name not in ("consent", "submitted_at")}
        found["receipt"].append((*row[1:5], told))
    return found


async def _bytes_per_lead(installation: Installation, side: Side) -> str:
    """What one more lead adds to the database and to its log, in a thousand of them."""
    database = await installation.connect("lead")
    try:
        before = await _sizes(database)
        await side.store(1000)
        after = await _sizes(database)
    finally:
        await database.close()
    size, log = ((new - old) / 1000 for new, old in zip(after, before, strict=True))
    return f"{size:.0f} bytes of database and {log:.0f} bytes of WAL a lead at the hook"


async def _sizes(database: asyncpg.Connection) -> tuple[int, int]:
    row = await database.fetchrow(
        """select sum(pg_total_relation_size(c.oid))::bigint,
            (pg_current_wal_insert_lsn() - '0/0')::bigint
        from pg_class c where c.relname in ('receipt', 'data_key', 'lead', 'outbox')"""
    )
    return row[0], row[1]
