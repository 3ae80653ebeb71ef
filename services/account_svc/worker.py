"""The worker process: the only place that builds its engines and clients."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import structlog

from account_svc.consumers import HANDLERS, TOPICS
from account_svc.settings import Settings
from account_svc.use_cases.race import fold_standings
from account_svc.use_cases.rights import right_timers
from shared.consumer import Consumer
from shared.database import Sessions, create_engine, create_sessions, reach_database
from shared.figures import run_figures
from shared.health import Check
from shared.relay import run_relay
from shared.settings import read_key
from shared.timers import run_timers
from shared.upkeep import run_upkeep
from shared.worker import Task

_RACE_POLL_SECONDS = 0.2

log = structlog.get_logger(__name__)


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

    timers = right_timers(sessions)
    figures = partial(
        run_figures, sessions, "account", consumers=["account_svc"], kinds=list(timers)
    )

    tasks: list[Task] = [
        (
            "relay",
            partial(run_relay, settings.relay_database_url, settings.kafka_bootstrap, "account"),
        ),
        ("consumer", consumer.run),
        ("race", partial(run_race, sessions)),
        ("upkeep", partial(run_upkeep, sessions)),
        ("figures", figures),
        ("timers", partial(run_timers, sessions, timers)),
    ]
    return tasks, {"database": partial(reach_database, engine)}


async def run_race(sessions: Sessions, stopping: asyncio.Event) -> None:
    """Keep every brand's standings up to its ledger until `stopping` is set."""
    while not stopping.is_set():
        try:
            is_busy = await fold_standings(sessions)
        except Exception:
            log.exception("race")
            await asyncio.sleep(random.uniform(0.5, 1.0))
            continue
        if not is_busy:
            await asyncio.sleep(_RACE_POLL_SECONDS)
