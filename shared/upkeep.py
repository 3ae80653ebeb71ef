"""What a service's database sheds by itself: stored answers and inbox rows past their use."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import delete

from shared.clock import now
from shared.database import Sessions
from shared.tables import IdempotencyRow, InboxRow

_EVERY_SECONDS = 3600
_ANSWERS_KEPT = timedelta(hours=48)
# Longer than any topic keeps its records plus the replay window: an old event must stay a repeat.
_INBOX_KEPT = timedelta(days=400)

log = structlog.get_logger(__name__)


async def run_upkeep(sessions: Sessions, stopping: asyncio.Event) -> None:
    """Once an hour, with the worker's role; harmless when several workers do it."""
    while not stopping.is_set():
        try:
            async with sessions.begin() as session:
                await session.execute(
                    delete(IdempotencyRow).where(IdempotencyRow.created_at < now() - _ANSWERS_KEPT)
                )
                await session.execute(
                    delete(InboxRow).where(InboxRow.received_at < now() - _INBOX_KEPT)
                )
        except Exception:
            log.exception("upkeep")
        try:
            await asyncio.wait_for(stopping.wait(), _EVERY_SECONDS)
        except TimeoutError:
            continue
