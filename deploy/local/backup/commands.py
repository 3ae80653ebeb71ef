"""What `kos backup` and `kos restore` do with the stack of the settings."""

from pathlib import Path

import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console

from deploy.local import identity, kafka, postgres
from deploy.local.backup.manifest import Manifest
from deploy.local.backup.restore import NotRestored, read_backup, restore_backup
from deploy.local.backup.take import NotTaken, take_backup
from deploy.local.process import ChildDied, ServerFailed
from deploy.local.report import Report
from deploy.local.settings import StackSettings
from deploy.local.stack import AlreadyRunning, Stack, own
from shared.events import TOPICS

FAILURES = (
    NotTaken,
    NotRestored,
    AlreadyRunning,
    ChildDied,
    ServerFailed,
    kafka.JarMissing,
    kafka.JarRefused,
    kafka.JavaMissing,
    asyncpg.PostgresError,
    KafkaError,
    OSError,
)
"""What goes wrong without a bug of ours: the message is one sentence."""


async def back_up(settings: StackSettings, folder: Path) -> Manifest:
    return await take_backup(
        _admin_url(settings),
        settings.bootstrap,
        folder,
        topics=list(TOPICS),
        key_dir=settings.key_dir,
        assets=settings.asset_dir,
        has_demo=settings.demo_note.exists(),
    )


async def bring_back(settings: StackSettings, folder: Path, console: Console) -> Manifest:
    """Start the servers, fill them, stop them. Raises one of FAILURES."""
    manifest = read_backup(folder, settings.key_dir)
    with own(settings):
        stack = Stack(settings, Report(console))
        try:
            await stack.start(infrastructure_only=True)
            await restore_backup(
                _admin_url(settings),
                settings.bootstrap,
                folder,
                manifest,
                assets=settings.asset_dir,
            )
        finally:
            stack.stop()
    if manifest.has_demo:
        settings.demo_note.touch()
    return manifest


def _admin_url(settings: StackSettings) -> str:
    passwords = identity.ensure_secrets(settings.key_dir)
    return settings.postgres_url or postgres.admin_url(
        settings.ports.postgres, passwords["postgres"]
    )
