"""The audit trail: one row per change in its transaction, and every tampering shows."""

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from shared import audit
from shared.database import brand_session
from shared.ids import uuid7
from shared.tables import AuditRow
from tests.shared.conftest import AUDIT_KEY, Plumbing


async def write_rows(plumbing: Plumbing, count: int) -> None:
    for number in range(count):
        async with brand_session(plumbing.app, plumbing.brand_id) as session:
            audit.record(
                session, actor="staff_x", action="lead.accept", subject="lead_x", number=number
            )
            await audit.flush(session, plumbing.brand_id, AUDIT_KEY)


async def first_break(plumbing: Plumbing) -> int | None:
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        return await audit.verify(session, plumbing.brand_id, AUDIT_KEY)


async def tamper(plumbing: Plumbing, statement: str) -> None:
    """Change the table as nobody but the server's administrator could."""
    admin = await asyncpg.connect(plumbing.urls.owner)
    await admin.execute("alter table audit no force row level security")
    await admin.execute(statement)
    await admin.execute("alter table audit force row level security")
    await admin.close()


async def test_g5_an_untouched_chain_verifies(plumbing: Plumbing) -> None:
    await write_rows(plumbing, 4)

    assert await first_break(plumbing) is None
    async with brand_session(plumbing.app, plumbing.brand_id) as session:
        rows = list(await session.scalars(select(AuditRow).order_by(AuditRow.sequence)))
    assert [(row.sequence, row.details) for row in rows] == [
        (number + 1, {"number": number}) for number in range(4)
    ]


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("update audit set actor = 'someone else' where sequence = 2", 2),
        ("update audit set details = '{}' where sequence = 3", 3),
        ("delete from audit where sequence = 2", 2),
        ("delete from audit where sequence = 4", 4),
        ("update audit set at = at + interval '1 hour' where sequence = 1", 1),
    ],
)
async def test_g5_a_changed_removed_or_cut_row_shows(
    plumbing: Plumbing, statement: str, broken_at: int
) -> None:
    await write_rows(plumbing, 4)

    await tamper(plumbing, statement)

    assert await first_break(plumbing) == broken_at


@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit"])
async def test_g5_the_services_may_only_append(plumbing: Plumbing, statement: str) -> None:
    await write_rows(plumbing, 1)

    with pytest.raises(ProgrammingError, match="permission denied"):
        async with brand_session(plumbing.app, plumbing.brand_id) as session:
            await session.execute(text(statement))

    assert await first_break(plumbing) is None


async def test_g5_a_brand_sees_its_own_trail_only(plumbing: Plumbing) -> None:
    await write_rows(plumbing, 2)

    async with brand_session(plumbing.app, uuid7()) as session:
        assert list(await session.scalars(select(AuditRow))) == []
