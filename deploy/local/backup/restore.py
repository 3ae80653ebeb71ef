"""Bring a backup back into servers that have nothing yet: `restore_backup`."""

import asyncio
import shutil
from bisect import bisect_left
from pathlib import Path

import asyncpg
from aiokafka import TopicPartition
from pydantic import ValidationError

from deploy.local.backup import log
from deploy.local.backup.manifest import FILE, FORMAT, Manifest, Offsets, digest
from deploy.local.backup.take import NotTaken, read_fingerprints, run_tool
from deploy.local.databases import SERVICES, Service, url_of_database


class NotRestored(Exception):
    """Nothing, or not everything, was brought back; the message is one sentence."""


def read_backup(folder: Path, key_dir: Path) -> Manifest:
    """The manifest of a whole backup whose keys are here. Raises NotRestored.

    Nothing is touched.
    """
    try:
        manifest = Manifest.model_validate_json((folder / FILE).read_text())
    except (OSError, ValidationError) as error:
        raise NotRestored(f"{folder} is no whole backup: {FILE} cannot be read") from error
    if manifest.format != FORMAT:
        raise NotRestored(f"the backup has format {manifest.format}, this version reads {FORMAT}")
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.exists() or digest(path) != expected:
            raise NotRestored(f"{path} is missing or was changed")
    try:
        found = read_fingerprints(key_dir)
    except ValueError as error:
        raise NotRestored(f"the keys of the installation must be in {key_dir}: {error}") from error
    if other := [name for name, expected in manifest.keys.items() if found.get(name) != expected]:
        raise NotRestored(
            f"{', '.join(other)} in {key_dir} are not the keys that the backup was made with, "
            "so nobody could read it"
        )
    return manifest


async def restore_backup(
    admin_url: str,
    bootstrap: str,
    folder: Path,
    manifest: Manifest,
    *,
    assets: Path | None = None,
) -> None:
    """Fill databases that are provisioned and empty, and topics that are there and empty.

    Older databases beside a newer log would give the same versions to other events, which
    consumers take for repeats; so both come back together or not at all. Raises NotRestored.
    """
    topics = list(manifest.ends)
    await _assert_empty(admin_url, bootstrap, topics)
    try:
        await asyncio.gather(*(_fill(admin_url, name, folder) for name in SERVICES))
    except NotTaken as error:
        raise NotRestored(str(error)) from error
    before: dict[str, dict[int, list[int]]] = {}
    async with log.writing(bootstrap) as producer:
        for topic in topics:
            file = folder / "log" / f"{topic}.jsonl.gz"
            before[topic] = await log.write_topic(producer, topic, file)
    for group, places in manifest.groups.items():
        await _place(bootstrap, group, places, before)
    if assets is not None and (folder / "assets").exists():
        await asyncio.to_thread(shutil.copytree, folder / "assets", assets, dirs_exist_ok=True)


async def _assert_empty(admin_url: str, bootstrap: str, topics: list[str]) -> None:
    for service in SERVICES:
        database = f"kos_{service}"
        connection = await asyncpg.connect(url_of_database(admin_url, database))
        try:
            if await connection.fetchval("select to_regclass('outbox') is not null"):
                raise NotRestored(f"the database {database} is not empty")
        finally:
            await connection.close()
    async with log.reading(bootstrap) as consumer:
        for topic, ends in (await log.find_ends(consumer, topics)).items():
            if any(ends.values()):
                raise NotRestored(f"the topic {topic} is not empty")


async def _fill(admin_url: str, service: Service, folder: Path) -> None:
    database = f"kos_{service}"
    await run_tool(
        "pg_restore",
        admin_url,
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={database}",
        str(folder / f"{database}.dump"),
    )


async def _place(
    bootstrap: str, group: str, places: Offsets, before: dict[str, dict[int, list[int]]]
) -> None:
    """Let the group go on where it was: a topic's offsets start anew, so they are counted."""
    offsets = {
        TopicPartition(topic, partition): bisect_left(before[topic].get(partition, []), offset)
        for topic, by_partition in places.items()
        for partition, offset in by_partition.items()
    }
    async with log.reading(bootstrap, group) as consumer:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
