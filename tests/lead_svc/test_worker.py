import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from deploy.local.databases import ServiceUrls
from lead_svc.settings import Settings
from lead_svc.worker import build
from shared.events import TOPICS
from shared.kafka import create_topics
from tests.lead_svc.conftest import Brand, Store
from tests.wiring import clear_work


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.fixture
async def quiet_database(lead_database: ServiceUrls) -> None:
    await clear_work(lead_database)


@pytest.mark.usefixtures("quiet_database")
async def test_l7_a_captured_lead_reaches_a_seller_and_moves_on_over_kafka(
    brand: Brand, store: Store, settings: Settings, kafka_bootstrap: str
) -> None:
    await create_topics(kafka_bootstrap, TOPICS, partitions=1)
    colleague = await brand.add_seller(store.id)
    stopping = asyncio.Event()

    async def offered_to() -> list[object]:
        return [r["staff_id"] for r in await brand.rows("select staff_id from offer order by id")]

    async def has_offers(count: int) -> bool:
        return len(await offered_to()) == count

    async with AsyncExitStack() as stack:
        running = settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap})
        tasks, checks = await build(running, stack)
        await checks["database"]()
        work = [asyncio.create_task(run(stopping), name=name) for name, run in tasks]
        try:
            await brand.capture(phone="13812348000", post_url=store.url)
            await until(lambda: has_offers(1))
            # The deadline passes.
            await brand.execute("update offer set expires_at = now()")
            await brand.execute("update timer set due_at = now() where kind = 'offer.expire'")
            await until(lambda: has_offers(2))
        finally:
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*work), 30)

    assert await offered_to() == [store.seller, colleague]
