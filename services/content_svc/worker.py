"""The worker process: the only place that builds its engines and clients."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import aiohttp

from content_svc.checking import prepare
from content_svc.connectors import Connector
from content_svc.connectors.douyin import Douyin
from content_svc.connectors.handoff import Handoff
from content_svc.connectors.http import create_client
from content_svc.connectors.tokens import TokenBook
from content_svc.connectors.wecom import Wecom
from content_svc.connectors.wecom_customers import WecomCustomers
from content_svc.connectors.wecom_groups import WecomGroups
from content_svc.consumers import HANDLERS, TOPICS
from content_svc.models import MovingKind
from content_svc.settings import Settings
from content_svc.storage import open_store
from content_svc.use_cases import authorizations, campaigns, customers, measuring, rechecking
from content_svc.use_cases.authorizations import Renewer
from content_svc.use_cases.customer_moves import Clerk
from content_svc.use_cases.dispatch import Dispatcher
from content_svc.use_cases.measuring import Measurer
from content_svc.use_cases.planning import Planner
from content_svc.use_cases.recording import Recorder
from shared.consumer import Consumer
from shared.database import Sessions, create_engine, create_sessions, reach_database
from shared.events.account import Platform
from shared.figures import run_figures
from shared.health import Check
from shared.relay import run_relay
from shared.sealing import open_vault
from shared.settings import read_key
from shared.timers import TimerHandler, run_timers
from shared.upkeep import run_upkeep
from shared.worker import Task


async def build(
    settings: Settings, stack: AsyncExitStack
) -> tuple[list[Task], Mapping[str, Check]]:
    engine = create_engine(
        settings.worker_database_url, pool_size=10, application="content_svc-worker"
    )
    stack.push_async_callback(engine.dispose)
    sessions = create_sessions(engine)
    prepare()
    http = await stack.enter_async_context(create_client(settings.platform_timeout_seconds))
    consumer = Consumer(
        name="content_svc",
        topics=TOPICS,
        handlers=HANDLERS,
        sessions=sessions,
        bootstrap=settings.kafka_bootstrap,
        audit_key=read_key(settings.audit_key_file),
        ordinal=settings.worker_ordinal,
    )

    handlers = timer_handlers(settings, sessions, http)
    figures = partial(
        run_figures, sessions, "content", consumers=["content_svc"], kinds=list(handlers)
    )

    tasks: list[Task] = [
        (
            "relay",
            partial(run_relay, settings.relay_database_url, settings.kafka_bootstrap, "content"),
        ),
        ("consumer", consumer.run),
        ("timers", partial(run_timers, sessions, handlers)),
        ("upkeep", partial(run_upkeep, sessions)),
        ("figures", figures),
    ]
    return tasks, {"database": partial(reach_database, engine)}


def timer_handlers(
    settings: Settings, sessions: Sessions, http: aiohttp.ClientSession
) -> dict[str, TimerHandler]:
    """What the worker does at a time, by kind of timer."""
    vault = open_vault(settings)
    tokens = TokenBook(sessions, vault)
    douyin = Douyin(settings.douyin_url, http, tokens)
    wecom = Wecom(settings.wecom_url, http, tokens)
    connectors: dict[Platform, Connector] = {
        Platform.DOUYIN: douyin,
        Platform.WECOM: wecom,
    }
    planner = Planner(sessions)
    dispatcher = Dispatcher(
        sessions,
        connectors,
        open_store(settings.asset_store_url),
        settings,
        Recorder(sessions, settings),
        asyncio.Semaphore(settings.dispatch_concurrency),
    )
    measurer = Measurer(sessions, connectors, Handoff(http, settings.handoff_hosts), settings)
    return {
        campaigns.PLAN: planner.plan,
        campaigns.WITHDRAW: planner.withdraw,
        campaigns.DISPATCH: dispatcher.dispatch,
        measuring.MEASURE: measurer.measure,
        rechecking.RECHECK: rechecking.Rechecker(sessions).recheck,
        authorizations.RENEW: Renewer(sessions, tokens, douyin).renew,
        customers.WORK: Clerk(
            sessions,
            vault,
            {
                MovingKind.CUSTOMER: WecomCustomers(wecom),
                MovingKind.COMMUNITY: WecomGroups(wecom),
            },
        ).work,
    }
