"""Reads all evidence: ledgers, topics from their beginning, all tables, logs and spans."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.chaos.checker.evidence import (
    SERVICES,
    Brand,
    Evidence,
    Operation,
    Record,
    Row,
    Sample,
    SinkCall,
)

_INNER_TOPICS = "__"


@dataclass(frozen=True)
class Sources:
    """Where the evidence lies."""

    admin_url: str
    """A superuser's, of any database of the server."""
    bootstrap: str
    client_ledger: Path
    sink_ledger: Path
    log_dir: Path
    key_dir: Path
    traces: bytes = b""
    samples: Sequence[Sample] = field(default_factory=list)
    published_twice: Sequence[Row] = field(default_factory=list)
    last_fault_at: float = 0.0
    quiet_seconds: float = 30.0
    settled_at: float | None = None


async def collect(sources: Sources) -> Evidence:
    brands, operations = read_client_ledger(sources.client_ledger)
    evidence = Evidence(
        brands=brands,
        operations=operations,
        sink=read_sink_ledger(sources.sink_ledger),
        logs={log.stem: log.read_text(errors="replace") for log in sources.log_dir.glob("*.log")},
        traces=sources.traces,
        samples=list(sources.samples),
        published_twice=list(sources.published_twice),
        audit_keys={
            name: base64.b64decode((sources.key_dir / f"{name}-audit").read_text().strip())
            for name in SERVICES
        },
        last_fault_at=sources.last_fault_at,
        quiet_seconds=sources.quiet_seconds,
        settled_at=sources.settled_at,
    )
    # tables first: what they hold by now must be in the topics, not the other way round
    for service in SERVICES:
        evidence.tables[service], evidence.journal[service] = await read_tables(
            sources.admin_url, service
        )
        evidence.catalog += await read_catalog(sources.admin_url, service)
    evidence.roles = await read_roles(sources.admin_url)
    evidence.records = await read_topics(sources.bootstrap)
    return evidence


def read_client_ledger(path: Path) -> tuple[dict[str, Brand], list[Operation]]:
    notes: dict[str, Row] = {}
    canaries: dict[str, Row] = {}
    operations = []
    for line in _lines(path):
        if line["kind"] == "brand":
            notes[line["brand"]] = line
        elif line["kind"] == "canaries":
            canaries[line["brand"]] = line
        else:
            line.pop("fingerprint")
            operations.append(Operation(**line))
    brands = {
        tag: Brand(
            tag=tag,
            public=frozenset(canaries.get(tag, {}).get("public", ())),
            personal=frozenset(canaries.get(tag, {}).get("personal", ())),
            **{
                name: note[name]
                for name in ("brand_id", "connections", "endpoint_id", "endpoint_secret", "sink")
            },
        )
        for tag, note in notes.items()
    }
    return brands, operations


def read_sink_ledger(path: Path) -> list[SinkCall]:
    return [SinkCall(**{**line, "body": base64.b64decode(line["body"])}) for line in _lines(path)]


def _lines(path: Path) -> Iterator[Row]:
    """The lines that were written whole: the last one may not be."""
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


async def read_tables(admin_url: str, service: str) -> tuple[dict[str, list[Row]], list[Row]]:
    """Every row of every table of the service, of one instant; and the consumers' journal."""
    connection = await asyncpg.connect(database_url(admin_url, service))
    try:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
        )
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            names = [
                row["relname"]
                for row in await connection.fetch(
                    "select relname from pg_class where relkind in ('r', 'p') "
                    "and not relispartition and relnamespace = 'public'::regnamespace"
                )
            ]
            tables = {
                name: [dict(row) for row in await connection.fetch(f'select * from "{name}"')]
                for name in names
            }
            journal: list[Row] = []
            if await connection.fetchval("select to_regclass('chaos.journal')"):
                rows = await connection.fetch("select * from chaos.journal order by id")
                journal = [dict(row) for row in rows]
    finally:
        await connection.close()
    return tables, journal


async def read_catalog(admin_url: str, service: str) -> list[Row]:
    connection = await asyncpg.connect(database_url(admin_url, service))
    try:
        rows = await connection.fetch(
            "select c.relname as name, c.relrowsecurity as is_enabled, "
            "c.relforcerowsecurity as is_forced, exists (select from pg_attribute a "
            "where a.attrelid = c.oid and a.attname = 'brand_id') as has_brand "
            "from pg_class c where c.relkind in ('r', 'p') "
            "and c.relnamespace = 'public'::regnamespace"
        )
    finally:
        await connection.close()
    return [{"service": service, **dict(row)} for row in rows]


async def read_roles(admin_url: str) -> list[Row]:
    connection = await asyncpg.connect(admin_url)
    try:
        rows = await connection.fetch(
            "select rolname, rolsuper, rolbypassrls from pg_roles where rolname like 'kos\\_%'"
        )
    finally:
        await connection.close()
    return [dict(row) for row in rows]


def database_url(admin_url: str, service: str) -> str:
    return f"{admin_url.rpartition('/')[0]}/kos_{service}"


async def read_topics(bootstrap: str) -> list[Record]:
    """Every record of every topic, from offset 0."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_uncommitted",
    )
    await consumer.start()
    try:
        names = sorted(
            name for name in await consumer.topics() if not name.startswith(_INNER_TOPICS)
        )
        partitions = [
            TopicPartition(name, number)
            for name in names
            for number in sorted(await _numbers(consumer, name))
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        left = {each for each in partitions if ends[each] > 0}
        found: list[Record] = []
        while left:
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                found += [_record(each) for each in records]
                if records and records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    finally:
        await consumer.stop()
    return sorted(found, key=lambda each: (each.topic, each.partition, each.offset))


async def _numbers(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    # a consumer that was not assigned anything knows no partitions until it looks them up
    return list(await consumer._client._wait_on_metadata(topic))


def _record(record: Any) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode(),
        headers={name: value.decode() for name, value in record.headers},
        value=record.value,
    )
