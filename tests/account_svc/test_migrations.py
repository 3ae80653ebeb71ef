"""The migration history and the classes describe the same tables."""

import asyncio

from deploy.local.databases import ServiceUrls
from shared import migrations


async def test_the_models_are_what_the_migrations_make(account_database: ServiceUrls) -> None:
    await asyncio.to_thread(migrations.check, "account", account_database.owner)
