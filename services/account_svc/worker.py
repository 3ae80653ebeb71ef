"""The worker process: the only place that builds its engines and clients."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

from sqlalchemy import text

from account_svc.consumers import HANDLERS, TOPICS
from account_svc.settings import Settings
from shared.consumer import Consumer
from shared.database import create_engine, create_sessions
from shared.relay import run_relay
from shared.settings import read_key
from shared.upkeep import run_upkeep
from shared.web.app import Check
from shared.worker import Task


async def build(
    settings: Settings, stack: AsyncExitStack
) -> tuple[list[Task], Mapping[str, Check]]:
    engine = create_engine(settings.worker_database_url, application="account_svc-worker")
    stack.push_async_callback(engine.dispose)
    sessions = create_sessions(engine)
    consumer = Consumer(
        name="account_svc",
        topics=TOPICS,
        handlers=HANDLERS,
        sessions=sessions,
        bootstrap=settings.kafka_bootstrap,
        audit_key=read_key(settings.audit_key_file),
        ordinal=settings.worker_ordinal,
    )

    async def reach_database() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))

    tasks: list[Task] = [
        (
            "relay",
            partial(run_relay, settings.relay_database_url, settings.kafka_bootstrap, "account"),
        ),
        ("consumer", consumer.run),
        ("upkeep", partial(run_upkeep, sessions)),
    ]
    return tasks, {"database": reach_database}
