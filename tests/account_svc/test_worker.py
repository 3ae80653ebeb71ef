"""The worker's tasks together, over a real broker: a fact comes in, the race moves, a fact goes
out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import insert, select

from account_svc.models import HeldRight
from account_svc.settings import Settings
from account_svc.worker import build
from deploy.local.databases import ServiceUrls
from shared.clock import now
from shared.database import brand_session
from shared.events import TOPICS, Event
from shared.events.lead import LeadAccepted, LeadVoided
from shared.ids import uuid7
from shared.kafka import create_topics
from shared.outbox import row as outbox_row
from shared.tables import OutboxRow
from tests.account_svc.making import Api, make_staff
from tests.account_svc.studying import certify, make_course, require
from tests.caller import uuid_of
from tests.wiring import clear_work


@pytest.fixture
async def worker(
    settings: Settings, account_database: ServiceUrls, kafka_bootstrap: str
) -> AsyncIterator[None]:
    await clear_work(account_database)
    await create_topics(kafka_bootstrap, TOPICS)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        own = settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap})
        tasks, checks = await build(own, stack)
        for check in checks.values():
            await check()
        running = [asyncio.create_task(run(stopping)) for _, run in tasks]
        yield
        stopping.set()
        await asyncio.gather(*running)


async def _publish(api: Api, event: Event, version: int) -> None:
    """As lead_svc's relay would; the worker's own relay does it here."""
    async with brand_session(api.sessions, api.brand_id) as session:
        await session.execute(insert(OutboxRow), [outbox_row(api.brand_id, event, version)])


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("worker")
async def test_a11_a_void_that_arrives_over_kafka_moves_the_race_back(api: Api) -> None:
    seller = await make_staff(api)
    rule = {"trigger": "lead_accepted", "amount": 10, "currency": "points"}
    made = await api.post("/incentive-rules", rule)
    about = {
        "lead_id": uuid7(),
        "staff_id": uuid_of(seller["id"]),
        "unit_id": uuid_of(seller["unit_id"]),
        "account_id": None,
        "post_id": None,
        "campaign_id": None,
    }
    accepted = LeadAccepted(
        **about, offer_id=uuid7(), contact_id=uuid7(), accepted_at=made["valid_from"]
    )

    async def points() -> list[int]:
        return [standing["points"] for standing in (await api.get("/race"))["items"]]

    async def is_paid() -> bool:
        return await points() == [10]

    async def is_taken_back() -> bool:
        return await points() == [0]

    async def is_published() -> bool:
        return await api.events() == []

    await _publish(api, accepted, 1)
    await _until(is_paid)
    await _publish(api, LeadVoided(**about, reason="spam"), 2)
    await _until(is_taken_back)
    await _until(is_published)

    assert [entry["amount"] for entry in (await api.get("/ledger"))["items"]] == [-10, 10]


@pytest.mark.usefixtures("worker")
async def test_a10_the_worker_tells_of_a_right_when_it_expires(api: Api) -> None:
    seller = await make_staff(api)
    course = await make_course(api, validity_days=1)

    async def held() -> list[str]:
        async with brand_session(api.sessions, api.brand_id) as session:
            return list(await session.scalars(select(HeldRight.right)))

    async def is_over_and_told() -> bool:
        return await held() == [] and await api.events() == []

    with time_machine.travel(now() - timedelta(days=1) + timedelta(seconds=2), tick=True):
        await require(api, "live", course)
        await certify(api, course, seller)
    at_first = await held()
    await _until(is_over_and_told)

    assert at_first == ["live"]
