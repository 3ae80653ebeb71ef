"""Take a backup of a running installation: `take_backup`."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.local import postgres
from deploy.local.backup import log
from deploy.local.backup.manifest import FORMAT, Manifest, Offsets, digest, fingerprint
from deploy.local.databases import SERVICES, Service, url_of_database
from deploy.local.identity import KEY_KINDS
from shared.settings import read_keys

_LOCK_SECONDS = 2
_ATTEMPTS = 10


class NotTaken(Exception):
    """There is no backup; the message is one sentence."""


@dataclass(frozen=True)
class Cut:
    """One moment: snapshots of the databases, which live as long as it, and places in the log."""

    snapshots: dict[Service, str]
    revisions: dict[Service, str]
    ends: Offsets
    groups: dict[str, Offsets]
    held_ms: int


async def take_backup(
    admin_url: str,
    bootstrap: str,
    folder: Path,
    *,
    topics: list[str],
    key_dir: Path,
    assets: Path | None = None,
    has_demo: bool = False,
) -> Manifest:
    """Write everything but the keys into the folder, which must be new or empty.

    `admin_url` is a superuser's. Commands wait some milliseconds once, nothing else is held up.
    Raises NotTaken.
    """
    if folder.exists() and any(folder.iterdir()):
        raise NotTaken(f"{folder} is not empty")
    (folder / "log").mkdir(parents=True)
    folder.chmod(0o700)
    async with cutting(admin_url, bootstrap, topics) as cut:
        await asyncio.gather(
            *(_dump(admin_url, name, snapshot, folder) for name, snapshot in cut.snapshots.items())
        )
    async with log.reading(bootstrap) as consumer:
        for topic, ends in cut.ends.items():
            await log.copy_topic(consumer, topic, ends, folder / "log" / f"{topic}.jsonl.gz")
    # after the databases: an asset is written before the row that names it, and never changed
    if assets is not None and assets.exists():
        await asyncio.to_thread(shutil.copytree, assets, folder / "assets")
    manifest = Manifest(
        format=FORMAT,
        taken_at=datetime.now(UTC),
        databases={**cut.revisions},
        ends=cut.ends,
        groups=cut.groups,
        held_ms=cut.held_ms,
        keys=read_fingerprints(key_dir),
        has_demo=has_demo,
        files={
            str(path.relative_to(folder)): digest(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    )
    manifest.write(folder)
    return manifest


def read_fingerprints(key_dir: Path) -> dict[str, str]:
    """Of the keys without which the databases cannot be read."""
    return {
        f"{service}-{kind} version {version}": fingerprint(key)
        for service in SERVICES
        for kind in KEY_KINDS
        for version, key in read_keys(key_dir / f"{service}-{kind}").items()
    }


@asynccontextmanager
async def cutting(admin_url: str, bootstrap: str, topics: list[str]) -> AsyncIterator[Cut]:
    """The moment, while the block runs. Raises NotTaken."""
    async with AsyncExitStack() as stack:
        consumer = await stack.enter_async_context(log.reading(bootstrap))
        urls = {name: url_of_database(admin_url, f"kos_{name}") for name in SERVICES}
        readers = {
            name: await stack.enter_async_context(_connect(url)) for name, url in urls.items()
        }
        for _ in range(_ATTEMPTS):
            try:
                async with AsyncExitStack() as locks:
                    began = time.perf_counter()
                    for url in urls.values():
                        await locks.enter_async_context(_without_new_events(url))
                    # places first: a consumer goes on, and may only be further in its snapshot
                    groups = await log.find_places(bootstrap, topics)
                    ends = await log.find_ends(consumer, topics)
                    snapshots = {name: await _snapshot(each) for name, each in readers.items()}
                held_ms = round((time.perf_counter() - began) * 1000)
                break
            except asyncpg.LockNotAvailableError:
                await asyncio.sleep(0.5)
        else:
            raise NotTaken("the databases are too busy: an outbox could not be held for a moment")
        revisions = {
            name: await each.fetchval("select version_num from alembic_version")
            for name, each in readers.items()
        }
        yield Cut(snapshots, revisions, ends, groups, held_ms)


@asynccontextmanager
async def _without_new_events(url: str) -> AsyncIterator[None]:
    """Nobody adds to the outbox or takes from it while the block runs."""
    async with _connect(url) as connection, connection.transaction():
        await connection.execute(f"set local lock_timeout = '{_LOCK_SECONDS}s'")
        await connection.execute("lock table outbox in exclusive mode")
        yield


async def _snapshot(connection: asyncpg.Connection) -> str:
    """Open a transaction that sees this moment until the connection ends; its name."""
    await connection.execute("begin isolation level repeatable read read only")
    name: str = await connection.fetchval("select pg_export_snapshot()")
    return name


async def _dump(admin_url: str, service: Service, snapshot: str, folder: Path) -> None:
    database = f"kos_{service}"
    await run_tool(
        "pg_dump",
        admin_url,
        "--format=custom",
        f"--snapshot={snapshot}",
        f"--dbname={database}",
        f"--file={folder / database}.dump",
    )


async def run_tool(name: str, admin_url: str, *arguments: str) -> None:
    """Run a program of PostgreSQL as the superuser; NotTaken with what it said when it fails."""
    parts = urlsplit(admin_url)
    address = [f"--host={parts.hostname}", f"--port={parts.port or 5432}"]
    done = await asyncio.create_subprocess_exec(
        postgres.BIN / name,
        *address,
        f"--username={parts.username}",
        "--no-password",
        *arguments,
        env={**os.environ, "PGPASSWORD": unquote(parts.password or "")},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await done.communicate()
    if done.returncode != 0:
        raise NotTaken(f"{name} failed: {said.decode(errors='replace').strip()}")


@asynccontextmanager
async def _connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
