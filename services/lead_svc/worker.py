"""The worker process: the only place that builds its engines and clients."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

from lead_svc.consumers import (
    DIRECTORY_HANDLERS,
    DIRECTORY_TOPICS,
    PIPELINE_TOPICS,
    pipeline_handlers,
)
from lead_svc.intake import TELL_MORE, telling_more
from lead_svc.models.offer import EXPIRE, WITHDRAW
from lead_svc.models.transfer import TIME_OUT
from lead_svc.settings import Settings
from lead_svc.use_cases import handovers, offers, transfers
from lead_svc.use_cases.qualify import QUALIFY, qualify
from lead_svc.webhooks import consumers as webhooks
from lead_svc.webhooks.sender import Sender
from lead_svc.webhooks.targets import create_client
from lead_svc.webhooks.use_cases import DELIVER
from shared import audit
from shared.clock import now
from shared.consumer import Consumer
from shared.database import Sessions, brand_session, create_engine, create_sessions, reach_database
from shared.figures import run_figures
from shared.health import Check
from shared.relay import run_relay
from shared.sealing import Vault, open_vault
from shared.settings import read_key
from shared.timers import Due, TimerHandler, run_timers
from shared.upkeep import run_upkeep
from shared.worker import Task


async def build(
    settings: Settings, stack: AsyncExitStack
) -> tuple[list[Task], Mapping[str, Check]]:
    engine = create_engine(
        settings.worker_database_url, pool_size=10, application="lead_svc-worker"
    )
    stack.push_async_callback(engine.dispose)
    sessions = create_sessions(engine)
    vault = open_vault(settings)
    audit_key = read_key(settings.audit_key_file)
    grace = timedelta(seconds=settings.directory_grace_seconds)
    consumer = partial(
        Consumer,
        sessions=sessions,
        bootstrap=settings.kafka_bootstrap,
        audit_key=audit_key,
        ordinal=settings.worker_ordinal,
    )
    directories = consumer(name="lead_svc", topics=DIRECTORY_TOPICS, handlers=DIRECTORY_HANDLERS)
    pipeline = consumer(
        name="lead_svc.pipeline",
        topics=PIPELINE_TOPICS,
        handlers=pipeline_handlers(vault, grace),
        chunk=1,
    )
    subscriptions = consumer(
        name="lead_svc.webhooks",
        topics=webhooks.TOPICS,
        handlers=webhooks.HANDLERS,
        # each event locks its endpoint's one timer, which a longer transaction would hold up
        chunk=1,
    )
    client = await stack.enter_async_context(create_client(settings.target_policy))
    handlers = {
        **offer_timers(sessions, audit_key),
        **transfer_timer(sessions, audit_key),
        **qualify_timer(sessions, vault, audit_key, grace),
        TELL_MORE: telling_more(sessions, vault),
        DELIVER: Sender(sessions, vault, client).deliver_due,
    }
    names = ["lead_svc", "lead_svc.pipeline", "lead_svc.webhooks"]
    figures = partial(run_figures, sessions, "lead", consumers=names, kinds=list(handlers))

    tasks: list[Task] = [
        (
            "relay",
            partial(run_relay, settings.relay_database_url, settings.kafka_bootstrap, "lead"),
        ),
        ("directories", directories.run),
        ("pipeline", pipeline.run),
        ("webhooks", subscriptions.run),
        ("upkeep", partial(run_upkeep, sessions)),
        ("figures", figures),
        ("timers", partial(run_timers, sessions, handlers)),
    ]
    return tasks, {"database": partial(reach_database, engine)}


def offer_timers(sessions: Sessions, audit_key: bytes) -> dict[str, TimerHandler]:
    async def expire(due: Due) -> datetime | None:
        async with brand_session(sessions, due.brand_id) as session:
            await offers.expire(session, due.brand_id, due.subject_id, at=now())
            await audit.flush(session, due.brand_id, audit_key)
        return None

    async def withdraw(due: Due) -> datetime | None:
        async with brand_session(sessions, due.brand_id) as session:
            await offers.withdraw(session, due.brand_id, due.subject_id, at=now())
            await audit.flush(session, due.brand_id, audit_key)
        return None

    async def hand_on(due: Due) -> datetime | None:
        async with brand_session(sessions, due.brand_id) as session:
            next_at = await handovers.hand_on(session, due.brand_id, due.subject_id, at=now())
            await audit.flush(session, due.brand_id, audit_key)
        return next_at

    return {EXPIRE: expire, WITHDRAW: withdraw, handovers.INHERIT: hand_on}


def transfer_timer(sessions: Sessions, audit_key: bytes) -> dict[str, TimerHandler]:
    async def time_out(due: Due) -> datetime | None:
        async with brand_session(sessions, due.brand_id) as session:
            next_at = await transfers.time_out(session, due.brand_id, due.subject_id, at=now())
            await audit.flush(session, due.brand_id, audit_key)
        return next_at

    return {TIME_OUT: time_out}


def qualify_timer(
    sessions: Sessions, vault: Vault, audit_key: bytes, grace: timedelta
) -> dict[str, TimerHandler]:
    async def look_again(due: Due) -> datetime | None:
        async with brand_session(sessions, due.brand_id) as session:
            again_at = await qualify(session, vault, due.brand_id, due.subject_id, grace=grace)
            await audit.flush(session, due.brand_id, audit_key)
        return again_at

    return {QUALIFY: look_again}
