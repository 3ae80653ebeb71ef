"""The other sides of the intake's rows: the endpoint as usually written, a bare transaction."""

import asyncio
import base64
import hmac
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lead_svc.models import Lead, LeadStatus, Receipt, ReceiptStatus
from lead_svc.models.intake import PAYLOAD
from shared import outbox
from shared.clock import now
from shared.database import enter_brand
from shared.events.lead import LeadCaptured
from shared.ids import uuid7
from shared.sealing import LocalKeyEncryption, Vault, seal
from shared.settings import read_key
from shared.tables import DataKeyRow
from tests.bench.usual import serve, usual_sessions


class ConsentIn(BaseModel):
    purpose: str
    notice_version: str
    at: AwareDatetime


class LeadIn(BaseModel):
    model_config = ConfigDict(extra="allow")

    lead_id: Annotated[str, Field(min_length=1, max_length=200)]
    name: str | None = None
    phone: str | None = None
    wechat: str | None = None
    email: str | None = None
    city: str | None = None
    product: str | None = None
    note: str | None = None
    store_code: str | None = None
    account_handle: str | None = None
    post_url: str | None = None
    campaign: str | None = None
    keyword: str | None = None
    channel_code: str | None = None
    consent: ConsentIn | None = None
    submitted_at: AwareDatetime | None = None


class EventIn(BaseModel):
    type: str
    timestamp: AwareDatetime
    data: LeadIn


class Accepted(BaseModel):
    status: str


def usual_app(url: str, key_dir: Path, connection_id: UUID, brand_id: UUID, key: bytes) -> FastAPI:
    """The same rows as the hook's, one transaction a request, through the ORM."""
    vault = Vault(
        LocalKeyEncryption({1: read_key(key_dir / "lead-kek")}), read_key(key_dir / "lead-index")
    )
    sessions = usual_sessions(url, pool_size=20, max_overflow=20)
    app = FastAPI()

    @app.post("/")
    async def receive(
        request: Request,
        event: EventIn,
        webhook_id: Annotated[str, Header()],
        webhook_timestamp: Annotated[str, Header()],
        webhook_signature: Annotated[str, Header()],
    ) -> Accepted:
        body = await request.body()
        signed = f"{webhook_id}.{webhook_timestamp}.".encode() + body
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        sent_at = datetime.fromtimestamp(int(webhook_timestamp), UTC)
        if not hmac.compare_digest(webhook_signature, f"v1,{expected}"):
            raise HTTPException(401)
        if abs(datetime.now(UTC) - sent_at) > timedelta(minutes=5):
            raise HTTPException(401)
        received_at = now()
        receipt_id = uuid7()
        data_key, wrapped, kek_version = vault.wrap_new(brand_id, receipt_id)
        submitted_at = event.data.submitted_at or received_at
        lead = Lead(
            id=uuid7(),
            brand_id=brand_id,
            connection_id=connection_id,
            source="generic",
            source_lead_id=event.data.lead_id,
            receipt_id=receipt_id,
            status=LeadStatus.CAPTURED,
            submitted_at=submitted_at,
            captured_at=received_at,
        )
        async with sessions.begin() as session:
            await enter_brand(session, brand_id)
            session.add(
                Receipt(
                    id=receipt_id,
                    brand_id=brand_id,
                    connection_id=connection_id,
                    platform="generic",
                    kind=event.type,
                    dedupe_key=webhook_id,
                    status=ReceiptStatus.ACCEPTED,
                    payload=seal(data_key, body, brand_id, receipt_id, PAYLOAD),
                    received_at=received_at,
                )
            )
            session.add(
                DataKeyRow(
                    brand_id=brand_id,
                    subject_id=receipt_id,
                    kek_version=kek_version,
                    wrapped=wrapped,
                    created_at=received_at,
                )
            )
            session.add(lead)
            outbox.add(
                session,
                lead,
                LeadCaptured(
                    lead_id=lead.id,
                    connection_id=connection_id,
                    receipt_id=receipt_id,
                    source="generic",
                    source_lead_id=lead.source_lead_id,
                    submitted_at=submitted_at,
                ),
            )
        return Accepted(status="accepted")

    return app


def serve_usual(port: int, *arguments: Any) -> None:
    serve(usual_app(*arguments), port)


class Bare:
    """The bench's end of the process that runs bare transactions."""

    def __init__(self, pid: int, pipe: Pipe, connection_id: UUID, brand_id: UUID) -> None:
        self.pid = pid
        self.connection_id = connection_id
        self.brand_id = brand_id
        self._pipe = pipe

    async def store(self, count: int) -> list[float]:
        self._pipe.send(count)
        seconds: list[float] = await asyncio.to_thread(self._pipe.recv)
        return seconds


def serve_bare(pipe: Pipe, url: str, connection_id: UUID, brand_id: UUID, connections: int) -> None:
    """Store as many leads as each message says, with an outbox row each; answer with the seconds
    of each transaction."""
    import uvloop  # noqa: PLC0415 - in this process alone

    uvloop.run(_serve_bare(pipe, url, connection_id, brand_id, connections))


_LEAD = """insert into lead (id, brand_id, version, connection_id, source, source_lead_id,
    receipt_id, status, submitted_at, captured_at)
    values ($1, $2, 1, $3, 'generic', $4, $5, 'captured', $6, $6)"""
_OUTBOX = """insert into outbox (event_id, brand_id, topic, key, version, payload, headers,
    created_at) values ($1, $2, 'kos.lead', $3, 1, $4, $5, $6)"""
_HEADERS = orjson.dumps(
    {
        "ce_type": "kos.lead.captured.v1",
        "content-type": "application/json",
        # as long as the real ones
        "others": "x" * 300,
    }
).decode()


async def _serve_bare(
    pipe: Pipe, url: str, connection_id: UUID, brand_id: UUID, connections: int
) -> None:
    loop = asyncio.get_running_loop()
    pool = [await asyncpg.connect(url) for _ in range(connections)]
    stored = 0

    async def work(connection: asyncpg.Connection, left: Any, seconds: list[float]) -> None:
        for number in left:
            started = time.perf_counter()
            at, lead_id, receipt_id = now(), uuid7(), uuid7()
            payload = orjson.dumps(
                {
                    "lead_id": str(lead_id),
                    "connection_id": str(connection_id),
                    "receipt_id": str(receipt_id),
                    "source": "generic",
                    "source_lead_id": f"form-{number}",
                    "submitted_at": at,
                }
            )
            async with connection.transaction():
                await connection.execute(
                    _LEAD, lead_id, brand_id, connection_id, f"form-{number}", receipt_id, at
                )
                await connection.execute(
                    _OUTBOX, uuid7(), brand_id, str(lead_id), payload, _HEADERS, at
                )
            seconds.append(time.perf_counter() - started)

    while True:
        count = await loop.run_in_executor(None, pipe.recv)
        left = iter(range(stored + 1, stored + count + 1))
        stored += count
        seconds: list[float] = []
        await asyncio.gather(*(work(one, left, seconds) for one in pool))
        pipe.send(seconds)
