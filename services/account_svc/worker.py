"""The worker process: the only place that builds its engines and clients."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import structlog

from account_svc.consumers import HANDLERS, TOPICS
from account_svc.settings import Settings
from account_svc.use_cases.handover_steps import handover_timers
from account_svc.use_cases.health import review_accounts
from account_svc.use_cases.lift import tier_timers
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

_IDLE_SECONDS = 0.2
_BUSY_SECONDS = 0.02
"""Another worker may be doing what there is to do."""

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

    audit_key = read_key(settings.audit_key_file)
    timers = right_timers(sessions) | tier_timers(sessions) | handover_timers(sessions, audit_key)
    figures = partial(
        run_figures, sessions, "account", consumers=["account_svc"], kinds=list(timers)
    )

    tasks: list[Task] = [
        (
            "relay",
            partial(run_relay, settings.relay_database_url, settings.kafka_bootstrap, "account"),
        ),
        ("consumer", consumer.run),
        ("race", partial(run_behind, "race", fold_standings, sessions)),
        ("health", partial(run_behind, "health", review_accounts, sessions)),
        ("upkeep", partial(run_upkeep, sessions)),
        ("figures", figures),
        ("timers", partial(run_timers, sessions, timers)),
    ]
    return tasks, {"database": partial(reach_database, engine)}


async def run_behind(
    name: str,
    catch_up: Callable[[Sessions], Awaitable[bool]],
    sessions: Sessions,
    stopping: asyncio.Event,
) -> None:
    """Do what lies behind what was committed, for every brand, until `stopping` is set."""
    while not stopping.is_set():
        try:
            is_busy = await catch_up(sessions)
        except Exception:
            log.exception(name)
            await asyncio.sleep(random.uniform(0.5, 1.0))
            continue
        await asyncio.sleep(_BUSY_SECONDS if is_busy else _IDLE_SECONDS)
