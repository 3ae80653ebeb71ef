"""Looks at the running system: what waits, who holds what. Takes no part in it."""

import time
from collections.abc import Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.checker.collecting import database_url
from tests.chaos.checker.evidence import SERVICES, Sample

CONSUMERS = {
    "account_svc": ("kos.lead", "kos.deal", "kos.post"),
    "content_svc": ("kos.account", "kos.deal", "kos.lead", "kos.org", "kos.staff"),
    "lead_svc": ("kos.org", "kos.staff", "kos.account", "kos.post", "kos.campaign"),
    "lead_svc.pipeline": ("kos.lead",),
    "lead_svc.webhooks": ("kos.lead", "kos.contact", "kos.deal"),
}
"""The consumer groups and what each must read to the end."""

_OPEN_WORK = {
    "account": ("select count(*) from standing_change",),
    "content": (
        "select count(*) from post where status in ('scheduled', 'dispatching') "
        "and due_at < now() + interval '1 minute'",
        "select count(*) from timer where kind in ('campaign.plan', 'campaign.withdraw', "
        "'post.dispatch', 'draft.recheck') and due_at < now() + interval '1 minute'",
    ),
    "lead": (
        "select count(*) from webhook_delivery where status = 'pending'",
        "select count(*) from timer where kind in ('receipt', 'lead.qualify', 'offer.withdraw', "
        "'offer.expire') and due_at < now() + interval '1 minute'",
    ),
}
"""What is under way apart from events: each count is zero when nothing more will happen soon."""


async def sample(
    admin_url: str,
    bootstrap: str,
    phase: str,
    *,
    memory: Mapping[str, int],
    sockets: Mapping[str, int],
) -> Sample:
    """One look. Raises what the servers raise while they are away."""
    outbox = parked = 0
    for service in SERVICES:
        connection = await asyncpg.connect(database_url(admin_url, service), timeout=5)
        try:
            outbox += await connection.fetchval("select count(*) from outbox")
            parked += await connection.fetchval("select count(*) from parked")
            if service == SERVICES[0]:
                sessions = await _sessions(connection)
                idle = await connection.fetchval(
                    "select count(*) from pg_stat_activity where state like 'idle in transaction%' "
                    "and now() - xact_start > interval '16 s'"
                )
                advisory = await _advisory(connection)
        finally:
            await connection.close()
    return Sample(
        at=time.time(),
        phase=phase,
        lag=sum((await lags(bootstrap)).values()),
        outbox=outbox,
        parked=parked,
        sessions=sessions,
        idle_in_transaction=idle,
        advisory=advisory,
        memory=dict(memory),
        sockets=dict(sockets),
    )


async def _sessions(connection: asyncpg.Connection) -> dict[str, int]:
    rows = await connection.fetch(
        "select application_name, count(*) from pg_stat_activity "
        "where usename like 'kos\\_%' group by 1 order by 1"
    )
    return {row[0]: row[1] for row in rows}


async def _advisory(connection: asyncpg.Connection) -> dict[str, int]:
    """Session-level locks; those of transactions come and go."""
    rows = await connection.fetch(
        "select d.datname, count(*) from pg_locks l join pg_database d on d.oid = l.database "
        "where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.classid = 0 "
        "group by 1 order by 1"
    )
    return {row[0]: row[1] for row in rows}


async def lags(bootstrap: str) -> dict[str, int]:
    """Records that each consumer group has not committed, by group."""
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await reader.start()
    await admin.start()
    try:
        found = {}
        for group, topics in CONSUMERS.items():
            committed = await admin.list_consumer_group_offsets(group)
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in await reader._client._wait_on_metadata(topic)
            ]
            ends = await reader.end_offsets(partitions)
            found[group] = sum(
                end - (0 if (place := committed.get(partition)) is None else max(0, place.offset))
                for partition, end in ends.items()
            )
        return found
    finally:
        await admin.close()
        await reader.stop()


async def open_work(admin_url: str) -> int:
    """How much is under way that will change tables or announce events by itself."""
    found = 0
    for service, statements in _OPEN_WORK.items():
        connection = await asyncpg.connect(database_url(admin_url, service), timeout=5)
        try:
            for statement in statements:
                found += await connection.fetchval(statement)
        finally:
            await connection.close()
    return found
