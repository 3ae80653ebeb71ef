"""`kos replay` on parked events that really are in the database."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from rich.console import Console
from sqlalchemy import delete, insert, select

from deploy.local import identity, replay
from deploy.local.databases import ServiceUrls
from deploy.local.postgres import PostgresServer
from deploy.local.settings import StackSettings
from shared.clock import now
from shared.database import enter_brand
from shared.ids import uuid7
from shared.parked import NotFirstParked, ParkedNotFound
from shared.tables import AuditRow, ParkedRow

CONSUMER = "lead_svc"


@pytest.fixture
async def settings(
    tmp_path: Path, postgres_server: PostgresServer, lead_database: ServiceUrls
) -> AsyncIterator[StackSettings]:
    """A stack on the test server, whose folder of keys knows the roles' passwords."""
    made = StackSettings(home=tmp_path, postgres_url=postgres_server.admin_url)
    passwords = identity.ensure_secrets(made.key_dir)
    worker = urlsplit(lead_database.worker)
    passwords[str(worker.username)] = str(worker.password)
    (made.key_dir / "passwords.json").write_text(json.dumps(passwords))
    yield made
    async with replay.worker_sessions(made, "lead") as sessions, sessions.begin() as session:
        await session.execute(delete(ParkedRow))


async def park(settings: StackSettings, *, key: str, version: int, brand_id: UUID | None) -> UUID:
    event_id = uuid7()
    row = {
        "id": uuid7(),
        "consumer": CONSUMER,
        "key": key,
        "version": version,
        "event_id": event_id,
        "brand_id": brand_id,
        "topic": "kos.staff",
        "headers": {"ce_type": "kos.staff.joined.v1"},
        "payload": b"{}",
        "status": "dead",
        "attempt": 7,
        "next_at": now(),
        "reason": "no such unit",
        "parked_at": now(),
    }
    async with replay.worker_sessions(settings, "lead") as sessions, sessions.begin() as session:
        await session.execute(insert(ParkedRow), row)
    return event_id


async def find(settings: StackSettings, event_id: UUID) -> tuple[str, int] | None:
    async with replay.worker_sessions(settings, "lead") as sessions, sessions() as session:
        row = await session.scalar(select(ParkedRow).where(ParkedRow.event_id == event_id))
        return None if row is None else (row.status, row.attempt)


async def audited(settings: StackSettings, brand_id: UUID) -> list[tuple[str, str, str]]:
    async with replay.worker_sessions(settings, "lead") as sessions, sessions.begin() as session:
        await enter_brand(session, brand_id)
        rows = await session.scalars(select(AuditRow).order_by(AuditRow.sequence))
        return [(row.actor, row.action, row.subject) for row in rows]


async def test_a_dead_event_is_tried_again_and_the_trail_says_so(settings: StackSettings) -> None:
    brand_id = uuid7()
    event_id = await park(settings, key="staff-1", version=4, brand_id=brand_id)

    await replay.handle_parked(settings, "lead", event_id, "replay")

    assert await find(settings, event_id) == ("waiting", 0)
    assert await audited(settings, brand_id) == [("operator", "parked.replay", "staff-1")]


async def test_a_discarded_event_is_gone_and_the_trail_says_so(settings: StackSettings) -> None:
    brand_id = uuid7()
    event_id = await park(settings, key="staff-2", version=1, brand_id=brand_id)

    await replay.handle_parked(settings, "lead", event_id, "discard")

    assert await find(settings, event_id) is None
    assert await audited(settings, brand_id) == [("operator", "parked.discard", "staff-2")]


async def test_an_event_behind_another_is_refused_and_stays(settings: StackSettings) -> None:
    brand_id = uuid7()
    await park(settings, key="staff-3", version=1, brand_id=brand_id)
    behind = await park(settings, key="staff-3", version=2, brand_id=brand_id)

    with pytest.raises(NotFirstParked):
        await replay.handle_parked(settings, "lead", behind, "replay")

    assert await find(settings, behind) == ("dead", 7)
    assert await audited(settings, brand_id) == []


async def test_an_unreadable_event_of_no_brand_can_be_discarded(settings: StackSettings) -> None:
    event_id = await park(settings, key="staff-4", version=1, brand_id=None)

    await replay.handle_parked(settings, "lead", event_id, "discard")

    assert await find(settings, event_id) is None


async def test_an_unknown_event_is_refused(settings: StackSettings) -> None:
    with pytest.raises(ParkedNotFound):
        await replay.handle_parked(settings, "lead", uuid7(), "replay")


async def test_the_list_shows_what_is_parked(settings: StackSettings) -> None:
    event_id = await park(settings, key="staff-5", version=4, brand_id=uuid7())
    screen = io.StringIO()

    await replay.show_parked(settings, Console(file=screen, width=200), "lead")

    cells = [cell.strip() for cell in screen.getvalue().splitlines()[3].split("│")[1:-1]]
    assert cells == [
        str(event_id),
        CONSUMER,
        "kos.staff.joined.v1",
        "staff-5",
        "dead",
        "7",
        "no such unit",
    ]
