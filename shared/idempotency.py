"""Idempotency keys on writes: one effect per key, and the stored answer for every repeat.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07, with the decisions of
docs/architecture.md (idempotency): a refusal is an answer and is stored; a failure (5xx) is not.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import orjson
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import now
from shared.errors import Conflict, Invalid
from shared.tables import IdempotencyRow

_LONGEST_KEY = 255
_WAIT_SECONDS = 5


class KeyReused(Invalid):
    code = "idempotency_key_reused"


class KeyInUse(Conflict):
    """The first request with this key still runs; repeat after `Retry-After`."""

    code = "idempotency_key_in_use"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    status: int
    media_type: str
    body: bytes


def parse_key(header: str) -> str:
    """The key of an `Idempotency-Key` header, quoted (structured field) or bare."""
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise Invalid(f"must be 1 to {_LONGEST_KEY} printable characters", field="/Idempotency-Key")
    return key


def fingerprint(actor: str, method: str, path: str, body: bytes) -> bytes:
    """SHA-256 over caller, method, path and body; JSON is compared by value, not by spelling."""
    try:
        canonical = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS) if body else b""
    except orjson.JSONDecodeError:
        canonical = body
    parts = (actor.encode(), method.encode(), path.encode(), canonical)
    return hashlib.sha256(b"\n".join(parts)).digest()


async def claim(
    session: AsyncSession, brand_id: UUID, key: str, request_fingerprint: bytes
) -> StoredAnswer | None:
    """Take the key for this transaction, or return the answer that an earlier one stored.

    A concurrent twin waits here for the first to commit. Raises KeyReused when the key belongs to
    another request and KeyInUse when the wait takes over five seconds.
    """
    await session.execute(text(f"set local lock_timeout = '{int(_WAIT_SECONDS * 1000)}ms'"))
    try:
        inserted = await session.scalar(
            insert(IdempotencyRow)
            .values(brand_id=brand_id, key=key, fingerprint=request_fingerprint, created_at=now())
            .on_conflict_do_nothing()
            .returning(IdempotencyRow.key)
        )
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
            raise KeyInUse("a request with this key is still running") from error
        raise
    if inserted is not None:
        return None
    stored = (
        await session.scalars(
            select(IdempotencyRow).where(
                IdempotencyRow.brand_id == brand_id, IdempotencyRow.key == key
            )
        )
    ).one()
    if stored.fingerprint != request_fingerprint:
        raise KeyReused("the key was used for another request", field="/Idempotency-Key")
    if stored.status is None or stored.body is None or stored.media_type is None:
        raise RuntimeError("an idempotency row was committed without its answer")
    return StoredAnswer(stored.status, stored.media_type, stored.body)


async def store(session: AsyncSession, brand_id: UUID, key: str, answer: StoredAnswer) -> None:
    """Keep the answer under the key that this transaction has claimed; `body` is sealed already."""
    await session.execute(
        update(IdempotencyRow)
        .where(IdempotencyRow.brand_id == brand_id, IdempotencyRow.key == key)
        .values(status=answer.status, media_type=answer.media_type, body=answer.body)
    )
