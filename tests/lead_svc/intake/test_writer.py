import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from lead_svc.hooks import Answer, Content, Delivery, LeadForm
from lead_svc.intake import writer as writing
from lead_svc.intake.deliveries import NewReceipt, Source, new_receipt
from lead_svc.intake.writer import IntakeFull, IntakeUnavailable, NotStorable, Writer
from shared.clock import now
from shared.database import brand_session
from shared.ids import uuid7
from shared.sealing import Vault
from tests.lead_svc.intake.conftest import NOTHING, Database


@pytest.fixture
def source(database: Database) -> Source:
    return Source(database.brand_id, uuid7(), "generic")


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[Writer]:
    opened = Writer(database.intake_url)
    running = asyncio.create_task(opened.run())
    yield opened
    opened.stop()
    await running


def receipt(vault: Vault, source: Source, key: str, *lead_ids: str) -> NewReceipt:
    delivery = Delivery(
        dedupe_key=key,
        payload=b"{}",
        answer=Answer(200),
        content=Content(
            kind="lead.created",
            occurred_at=None,
            leads=tuple(LeadForm(external_lead_id=lead_id) for lead_id in lead_ids),
        ),
    )
    return new_receipt(vault, source, delivery, now())


async def test_what_gathers_during_a_commit_shares_the_next_one(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    receipts = [receipt(vault, source, f"k{n}", f"lead {n}") for n in range(600)]

    outcomes = await asyncio.gather(*(writer.write(each) for each in receipts))

    assert outcomes == [True] * 600
    [commits] = await database.rows("select count(distinct xmin::text) as n from receipt")
    assert commits["n"] == 2
    assert await database.counts() == {
        "receipt": 600,
        "data_key": 600,
        "lead": 600,
        "outbox": 600,
        "timer": 0,
    }


async def test_repeats_inside_and_across_batches_are_told_and_write_nothing(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    inside = await asyncio.gather(
        *(writer.write(receipt(vault, source, "k", "a")) for _ in range(3))
    )
    across = await writer.write(receipt(vault, source, "k", "b"))

    assert (sorted(inside), across) == ([False, False, True], False)
    assert await database.counts() == {
        "receipt": 1,
        "data_key": 1,
        "lead": 1,
        "outbox": 1,
        "timer": 0,
    }


async def test_a_receipt_about_a_known_lead_is_left_to_the_worker(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    first, second = receipt(vault, source, "k1", "a"), receipt(vault, source, "k2", "a", "b")

    await writer.write(first)
    await writer.write(second)

    leads = await database.rows("select source_lead_id, receipt_id from lead order by 1")
    assert leads == [
        {"source_lead_id": "a", "receipt_id": first.id},
        {"source_lead_id": "b", "receipt_id": second.id},
    ]
    timers = await database.rows("select kind, subject_id, due_at from timer")
    assert timers == [{"kind": "receipt", "subject_id": second.id, "due_at": second.received_at}]
    assert await database.count("outbox") == 2


async def test_of_a_lead_told_twice_in_one_batch_one_receipt_makes_it(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    receipts = [receipt(vault, source, f"k{n}", "a") for n in range(4)]

    outcomes = await asyncio.gather(*(writer.write(each) for each in receipts))

    assert outcomes == [True] * 4
    [lead] = await database.rows("select receipt_id from lead")
    assert lead["receipt_id"] == receipts[0].id
    timers = await database.rows("select subject_id from timer")
    assert {row["subject_id"] for row in timers} == {each.id for each in receipts[1:]}


def poisoned(good: NewReceipt) -> NewReceipt:
    [lead] = good.leads
    return replace(good, leads=(replace(lead, source_lead_id="a\0b"),))


async def test_a_row_the_database_refuses_is_quarantined_alone(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    receipts = [receipt(vault, source, f"k{n:02}", f"lead {n}") for n in range(20)]
    receipts[7] = poisoned(receipts[7])

    outcomes = await asyncio.gather(*(writer.write(each) for each in receipts))

    assert outcomes == [True] * 20
    assert await database.count("lead") == 19
    set_aside = await database.rows("select id, reason from receipt where status = 'quarantined'")
    assert set_aside == [{"id": receipts[7].id, "reason": "not storable: 22021"}]


async def test_a_receipt_refused_even_alone_fails_alone(
    writer: Writer, database: Database, vault: Vault, source: Source
) -> None:
    receipts = [receipt(vault, source, f"k{n}") for n in range(5)]
    receipts[2] = replace(receipts[2], dedupe_key="k\0")

    outcomes = await asyncio.gather(
        *(writer.write(each) for each in receipts), return_exceptions=True
    )

    assert [outcome for outcome in outcomes if outcome is not True] == [outcomes[2]]
    assert isinstance(outcomes[2], NotStorable)
    assert await database.count("receipt") == 4


async def test_a_full_queue_refuses_and_writes_nothing(
    database: Database, vault: Vault, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING", 2)
    idle = Writer(database.intake_url)
    waiting = [asyncio.create_task(idle.write(receipt(vault, source, f"k{n}"))) for n in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(IntakeFull):
        await idle.write(receipt(vault, source, "k2"))

    idle.stop()
    await idle.run()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await database.count("receipt") == 2


async def test_a_queue_full_of_bytes_refuses_too(
    database: Database, vault: Vault, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING_BYTES", 10)
    idle = Writer(database.intake_url)
    waiting = asyncio.create_task(idle.write(receipt(vault, source, "k0")))
    await asyncio.sleep(0)

    with pytest.raises(IntakeFull):
        await idle.write(receipt(vault, source, "k1"))

    idle.stop()
    await idle.run()
    assert await waiting is True


async def test_stopping_writes_what_waits_and_takes_no_more(
    database: Database, vault: Vault, source: Source
) -> None:
    stopping = Writer(database.intake_url)
    waiting = [
        asyncio.create_task(stopping.write(receipt(vault, source, f"k{n}"))) for n in range(700)
    ]
    await asyncio.sleep(0)

    stopping.stop()
    with pytest.raises(IntakeFull):
        await stopping.write(receipt(vault, source, "late"))
    await stopping.run()

    assert await asyncio.gather(*waiting) == [True] * 700
    assert await database.count("receipt") == 700


async def test_a_request_that_gives_up_does_not_take_its_row_back(
    database: Database, vault: Vault, source: Source
) -> None:
    slow = Writer(database.intake_url)
    impatient = asyncio.create_task(slow.write(receipt(vault, source, "k", "a")))
    await asyncio.sleep(0)
    impatient.cancel()

    slow.stop()
    await slow.run()

    assert impatient.cancelled() or impatient.cancelling()
    assert await database.count("lead") == 1


async def test_a_killed_backend_costs_no_delivery(
    writer: Writer, database: Database, vault: Vault, source: Source, lead_admin: asyncpg.Connection
) -> None:
    await writer.write(receipt(vault, source, "k0"))
    await lead_admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'lead_svc-intake'"
    )

    assert await writer.write(receipt(vault, source, "k1")) is True
    assert await database.count("receipt") == 2


async def test_an_unreachable_database_is_unavailable_not_a_bad_row(
    vault: Vault, source: Source, free_port: object
) -> None:
    assert callable(free_port)
    lost = Writer(f"postgresql://x:y@127.0.0.1:{free_port()}/none")
    waiting = asyncio.create_task(lost.write(receipt(vault, source, "k")))
    await asyncio.sleep(0)

    lost.stop()
    await lost.run()

    with pytest.raises(IntakeUnavailable):
        await waiting


async def test_a_writer_outlives_what_nobody_foresaw(
    writer: Writer,
    database: Database,
    vault: Vault,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> set[UUID]:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("lead_svc.intake.statement.write", fail)
        with pytest.raises(IntakeUnavailable):
            await writer.write(receipt(vault, source, "k0"))

    assert await writer.write(receipt(vault, source, "k0")) is True
    assert await database.count("receipt") == 1


@pytest.mark.parametrize(
    "statement",
    [
        "select payload from receipt",
        "select * from data_key",
        "select payload from outbox",
        "select contact_id from lead",
        "update lead set status = 'voided'",
        "delete from receipt",
        "select * from contact",
        "update connection set settings = '{}'",
        "select * from timer",
    ],
)
async def test_the_intake_role_reads_and_changes_nothing_it_does_not_need(
    database: Database, statement: str
) -> None:
    connection = await asyncpg.connect(database.intake_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def brand_counts(database: Database, brand_id: UUID) -> int:
    async with brand_session(database.app, brand_id) as session:
        count: int = await session.scalar(text("select count(*) from lead")) or 0
    return count


async def test_one_batch_may_hold_several_brands(
    writer: Writer, database: Database, vault: Vault
) -> None:
    sources = [Source(uuid7(), uuid7(), "generic") for _ in range(3)]

    await asyncio.gather(*(writer.write(receipt(vault, each, "k", "a")) for each in sources))

    assert [await brand_counts(database, each.brand_id) for each in sources] == [1, 1, 1]
    assert await database.counts() == NOTHING
