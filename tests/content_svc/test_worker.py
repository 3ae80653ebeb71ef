"""The worker as it runs: facts in over Kafka, work by timers, facts out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from content_svc.settings import Settings
from content_svc.worker import build
from deploy.local.databases import ServiceUrls
from shared import outbox
from shared.database import brand_session
from shared.events import TOPICS
from shared.events.account import AccountRegistered, AccountStatus, Platform
from shared.ids import typed, uuid7
from tests.content_svc.making import Brand, get_campaign, make_campaign, make_template
from tests.content_svc.sandbox import Sandbox, sandboxed
from tests.wiring import clear_work


@pytest.fixture
async def running_worker(
    settings: Settings, sandbox: Sandbox, content_database: ServiceUrls, kafka_bootstrap: str
) -> AsyncIterator[None]:
    await clear_work(content_database)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    known = await admin.list_topics()
    await admin.create_topics(
        [
            NewTopic(name, num_partitions=2, replication_factor=1)
            for name in set(TOPICS) - set(known)
        ]
    )
    stopping = asyncio.Event()
    own = sandboxed(settings, sandbox).model_copy(update={"kafka_bootstrap": kafka_bootstrap})
    async with AsyncExitStack() as stack:
        tasks, checks = await build(own, stack)
        running = [asyncio.create_task(run(stopping), name=name) for name, run in tasks]
        await checks["database"]()
        try:
            yield
        finally:
            stopping.set()
            await asyncio.gather(*running)
            await admin.close()


async def test_c9_an_account_told_over_kafka_gets_its_post_and_the_world_hears_of_it(
    brand: Brand, running_worker: None, kafka_bootstrap: str
) -> None:
    account = AccountRegistered(
        account_id=uuid7(),
        platform=Platform.XIAOHONGSHU,
        handle="over-kafka",
        domain="public",
        seat="kos",
        unit_id=brand.store,
        status=AccountStatus.ACTIVE,
    )
    async with brand_session(brand.sessions, brand.id) as session:
        # As account_svc's relay would send it.
        await outbox.add_many(session, brand.id, [(account, 1)])
    template = await make_template(brand)
    campaign = await make_campaign(brand, template=template)

    async with asyncio.timeout(60):
        while not await brand.sql("select 1 from account_directory where brand_id = :b"):
            await asyncio.sleep(0.1)
        await brand.post(f"/campaigns/{campaign['id']}/launch")
        while (await get_campaign(brand, campaign))["counts"]["handed_off"] != 1:
            await asyncio.sleep(0.1)
        heard = await facts_about(kafka_bootstrap, typed("acct", account.account_id), 4)

    assert heard == [
        "kos.draft.approved.v1",
        "kos.draft.checked.v1",
        "kos.post.handed_off.v1",
        "kos.post.scheduled.v1",
    ]


async def facts_about(bootstrap: str, account_id: str, count: int) -> list[str]:
    """Types of the first `count` records about drafts and posts that name the account."""
    consumer = AIOKafkaConsumer(
        "kos.draft", "kos.post", bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[str] = []
    try:
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.extend(
                    dict(record.headers)["ce_type"].decode()
                    for record in records
                    if account_id.encode() in (record.value or b"")
                )
    finally:
        await consumer.stop()
    return sorted(found)
