"""The audit trail: one row per change, in the same transaction, chained by HMAC per brand.

Each row's hash covers its fields and the hash of the row before, so a changed, removed or
inserted row breaks the chain; `verify` finds the first break.
"""

import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.tables import AuditHead, AuditRow
from shared.tracing import request_id

_PENDING = "audit_pending"
GENESIS = bytes(32)


def record(session: AsyncSession, *, actor: str, action: str, subject: str, **details: Any) -> None:
    """Note that `actor` did `action` to `subject` (a typed id); written just before the commit.

    Details hold ids and enumerated values, never personal data. `flush` writes them: the edge
    calls it last, so the brand's chain is locked only for the moment of the commit.
    """
    pending: list[dict[str, Any]] = session.info.setdefault(_PENDING, [])
    pending.append({"actor": actor, "action": action, "subject": subject, "details": details})


async def flush(session: AsyncSession, brand_id: UUID, key: bytes) -> None:
    """Append what `record` noted in this transaction to the brand's chain."""
    pending: list[dict[str, Any]] = session.info.pop(_PENDING, [])
    if not pending:
        return
    await session.flush()
    head = await _lock_head(session, brand_id)
    if head is None:
        await session.execute(
            insert(AuditHead)
            .values(brand_id=brand_id, sequence=0, hash=GENESIS)
            .on_conflict_do_nothing()
        )
        head = await _lock_head(session, brand_id)
        assert head is not None
    for entry in pending:
        head.sequence += 1
        row = AuditRow(
            brand_id=brand_id,
            sequence=head.sequence,
            at=now(),
            request_id=request_id.get(),
            previous_hash=head.hash,
            **entry,
        )
        row.hash = head.hash = chain_hash(key, row)
        session.add(row)
    await session.flush()


async def _lock_head(session: AsyncSession, brand_id: UUID) -> AuditHead | None:
    return await session.get(AuditHead, brand_id, with_for_update=True, populate_existing=True)


def discard(session: AsyncSession) -> None:
    """Forget what was noted: the change it belongs to was refused and rolled back."""
    session.info.pop(_PENDING, None)


def chain_hash(key: bytes, row: AuditRow) -> bytes:
    """HMAC over all that the row says and over the hash of the row before it."""
    canonical = orjson.dumps(
        {
            "brand_id": str(row.brand_id),
            "sequence": row.sequence,
            "at": _instant(row.at),
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "details": row.details,
            "request_id": row.request_id,
            "previous_hash": row.previous_hash.hex(),
        },
        option=orjson.OPT_SORT_KEYS,
    )
    return hmac.digest(key, canonical, "sha256")


async def verify(session: AsyncSession, brand_id: UUID, key: bytes) -> int | None:
    """The sequence number of the first row that breaks the brand's chain, or None.

    A missing tail shows against the head row: its sequence is then one past the last row.
    """
    previous, expected = GENESIS, 1
    rows = await session.stream_scalars(
        select(AuditRow).where(AuditRow.brand_id == brand_id).order_by(AuditRow.sequence)
    )
    async for row in rows:
        if row.sequence != expected or row.previous_hash != previous:
            return expected
        if not hmac.compare_digest(row.hash, chain_hash(key, row)):
            return expected
        previous, expected = row.hash, expected + 1
    head = await session.get(AuditHead, brand_id)
    if head is not None and (head.sequence != expected - 1 or head.hash != previous):
        return expected
    return None


def _instant(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")
