"""Looks at the running system: what waits, who holds what. Takes no part in it."""

import asyncio
import contextlib
import time
from collections.abc import Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.checker.collecting import database_url
from tests.chaos.checker.evidence import SERVICES, Sample

CONSUMERS = {
    "account_svc": (
        "kos.lead",
        "kos.deal",
        "kos.contact",
        "kos.community",
        "kos.post",
        "kos.draft",
        "kos.authorization",
        "kos.customers",
        "kos.content_handover",
        "kos.lead_handover",
    ),
    "content_svc": (
        "kos.account",
        "kos.deal",
        "kos.handover",
        "kos.lead",
        "kos.org",
        "kos.staff",
    ),
    "lead_svc": (
        "kos.org",
        "kos.staff",
        "kos.account",
        "kos.post",
        "kos.campaign",
        "kos.handover",
    ),
    "lead_svc.pipeline": ("kos.lead",),
    "lead_svc.webhooks": ("kos.lead", "kos.contact", "kos.deal"),
}
"""The consumer groups and what each must read to the end."""

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    KafkaError,
)
_REQUEST_MS = 3000
_STATEMENT_SECONDS = 5
_LOOK_SECONDS = 30
"""Longer than all of its requests may take: a Kafka client that is cancelled while it starts leaves
a connection open."""
_CLOSE_SECONDS = 2

_OPEN_WORK = {
    "account": (
        "select count(*) from standing_change",
        "select count(*) from timer where kind = 'handover.step' "
        "and due_at < now() + interval '1 minute'",
    ),
    "content": (
        "select count(*) from post where status in ('scheduled', 'dispatching') "
        "and due_at < now() + interval '1 minute'",
        "select count(*) from timer where kind in ('campaign.plan', 'campaign.withdraw', "
        "'post.dispatch', 'draft.recheck') and due_at < now() + interval '1 minute'",
    ),
    "lead": (
        "select count(*) from webhook_delivery where status = 'pending'",
        "select count(*) from timer where kind in ('receipt', 'lead.qualify', 'offer.withdraw', "
        "'offer.expire', 'handover.inherit') and due_at < now() + interval '1 minute'",
    ),
}
"""What is under way apart from events: each count is zero when nothing more will happen soon."""


class Watch:
    """Looks again and again over clients of its own; makes them anew when they break."""

    def __init__(self, admin_url: str, bootstrap: str) -> None:
        self._admin_url = admin_url
        self._bootstrap = bootstrap
        self._reader: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._databases: dict[str, asyncpg.Connection] = {}

    async def look(
        self, phase: str, *, memory: Mapping[str, int], sockets: Mapping[str, int]
    ) -> Sample | None:
        """One look; None while the servers do not answer."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._look(phase, memory, sockets)
        except UNREACHABLE:
            await self.close()
            return None

    async def open_work(self) -> int | None:
        """How much is under way that will change tables or announce events by itself."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                found = 0
                for service, statements in _OPEN_WORK.items():
                    for statement in statements:
                        found += await (await self._database(service)).fetchval(statement)
                return found
        except UNREACHABLE:
            await self.close()
            return None

    async def close(self) -> None:
        reader, admin, databases = self._reader, self._admin, self._databases
        self._reader, self._admin, self._databases = None, None, {}
        for connection in databases.values():
            connection.terminate()
        closing = [each for each in (reader and reader.stop(), admin and admin.close()) if each]
        for each in closing:
            with contextlib.suppress(*UNREACHABLE):
                await asyncio.wait_for(each, _CLOSE_SECONDS)

    async def _look(
        self, phase: str, memory: Mapping[str, int], sockets: Mapping[str, int]
    ) -> Sample:
        outbox = parked = 0
        for service in SERVICES:
            connection = await self._database(service)
            outbox += await connection.fetchval("select count(*) from outbox")
            parked += await connection.fetchval("select count(*) from parked")
        connection = await self._database(SERVICES[0])
        return Sample(
            at=time.time(),
            phase=phase,
            lag=sum((await self.lags()).values()),
            outbox=outbox,
            parked=parked,
            sessions=await _sessions(connection),
            idle_in_transaction=await connection.fetchval(
                "select count(*) from pg_stat_activity where state like 'idle in transaction%' "
                "and now() - xact_start > interval '16 s'"
            ),
            advisory=await _advisory(connection),
            memory=dict(memory),
            sockets=dict(sockets),
        )

    async def _database(self, service: str) -> asyncpg.Connection:
        if service not in self._databases:
            self._databases[service] = await asyncpg.connect(
                database_url(self._admin_url, service),
                timeout=_STATEMENT_SECONDS,
                command_timeout=_STATEMENT_SECONDS,
            )
        return self._databases[service]

    async def lags(self) -> dict[str, int]:
        """Records that each consumer group has not committed, by group."""
        if self._reader is None or self._admin is None:
            where = {"bootstrap_servers": self._bootstrap, "request_timeout_ms": _REQUEST_MS}
            self._reader = AIOKafkaConsumer(**where)
            self._admin = AIOKafkaAdminClient(**where)
            await self._reader.start()
            await self._admin.start()
        topics = sorted({topic for topics in CONSUMERS.values() for topic in topics})
        ends = await self._reader.end_offsets(
            [
                TopicPartition(topic, number)
                for topic in topics
                for number in await self._reader._client._wait_on_metadata(topic)
            ]
        )
        found = {}
        for group, wanted in CONSUMERS.items():
            committed = await self._admin.list_consumer_group_offsets(group)
            found[group] = sum(
                end - (0 if (place := committed.get(each)) is None else max(0, place.offset))
                for each, end in ends.items()
                if each.topic in wanted
            )
        return found


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
    """One look at the lags; raises while the broker does not answer."""
    watch = Watch("", bootstrap)
    try:
        return await watch.lags()
    finally:
        await watch.close()


async def open_work(admin_url: str) -> int | None:
    """One look at what is under way; None while PostgreSQL does not answer."""
    watch = Watch(admin_url, "")
    try:
        return await watch.open_work()
    finally:
        await watch.close()
