"""A worker to kill: arguments are settings as JSON, kind of timer, brand id, campaign id.

It runs one timer handler again and again until somebody ends it.
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from uuid import UUID

from content_svc.connectors.http import create_client
from content_svc.settings import Settings
from content_svc.worker import timer_handlers
from shared.clock import now
from shared.database import create_engine, create_sessions
from shared.timers import Due


async def work(settings: Settings, kind: str, brand_id: UUID, campaign_id: UUID) -> None:
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.worker_database_url)
        stack.push_async_callback(engine.dispose)
        http = await stack.enter_async_context(create_client(settings.platform_timeout_seconds))
        handler = timer_handlers(settings, create_sessions(engine), http)[kind]
        while True:
            await handler(Due(brand_id, kind, campaign_id, now(), 0))
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(
        work(
            Settings.model_validate_json(sys.argv[1]),
            sys.argv[2],
            UUID(sys.argv[3]),
            UUID(sys.argv[4]),
        )
    )
