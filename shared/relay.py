"""Publish the outbox: read, send, delete what was acknowledged. One owner, others stand by.

Why read-and-delete and one owner: rows commit out of id order, so a cursor loses some, and two
senders reorder. Measurements and refused designs: docs/adr/0003-outbox-relay.md.
"""

import asyncio
import math
import random
import time
from collections import Counter as Counted
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field

import asyncpg
import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from aiokafka.partitioner import DefaultPartitioner
from prometheus_client import Counter, Gauge

_LOCK = 7001
_ROWS = 1000
_IDLE_SECONDS = 0.03
_SEND_SECONDS = 20
_ASIDE_SECONDS = 30
_TOPIC_LOOKUP_SECONDS = 3
_DISCARD_SECONDS = 3
_OBSERVE_SECONDS = 5
_COUNTED = 1_000_000

_DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
)

PUBLISHED = Counter(
    "kos_outbox_published_total", "Events acknowledged by Kafka", ["service", "type"]
)
WAITING = Gauge("kos_outbox_waiting", "Unpublished events, counted up to a million", ["service"])
DEAD = Gauge("kos_outbox_dead_tuples", "Deleted rows that vacuum has not yet removed", ["service"])
OLDEST = Gauge("kos_outbox_oldest_seconds", "Age of the oldest unpublished event", ["service"])
OWNERS = Gauge("kos_relay_is_owner", "Whether this process publishes the outbox", ["service"])
ASIDE = Gauge("kos_outbox_topics_set_aside", "Topics that do not exist in Kafka", ["service"])

log = structlog.get_logger(__name__)
_partition_of = DefaultPartitioner()


@dataclass
class _Aside:
    """Topics that Kafka does not know: left alone for a while, so that they block no other."""

    until: dict[str, float] = field(default_factory=dict)

    def add(self, topic: str) -> None:
        self.until[topic] = time.monotonic() + _ASIDE_SECONDS

    def current(self) -> list[str]:
        at = time.monotonic()
        self.until = {topic: until for topic, until in self.until.items() if until > at}
        return list(self.until)


async def run_relay(dsn: str, bootstrap: str, service: str, stopping: asyncio.Event) -> None:
    """Publish the outbox behind `dsn` until `stopping` is set.

    Every worker of a service may run this: the one that holds the advisory lock sends, the others
    wait for its connection to end. `dsn` connects directly, not through a pooler.
    """
    aside = _Aside()
    OWNERS.labels(service).set(0)
    while not stopping.is_set():
        connection: asyncpg.Connection | None = None
        producer: AIOKafkaProducer | None = None
        try:
            connection = await asyncpg.connect(
                dsn,
                timeout=5,
                command_timeout=10,
                server_settings={
                    "application_name": f"{service}-relay",
                    "tcp_keepalives_idle": "10",
                    "tcp_keepalives_interval": "5",
                    "tcp_keepalives_count": "3",
                },
            )
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                if stopping.is_set():
                    return
                await asyncio.sleep(random.uniform(0.2, 0.5))
            log.info("relay_owner", service=service)
            OWNERS.labels(service).set(1)
            observed_at = -math.inf
            while not stopping.is_set():
                try:
                    if time.monotonic() > observed_at + _OBSERVE_SECONDS:
                        await _observe(connection, service)
                        observed_at = time.monotonic()
                    producer = producer or await _start_producer(bootstrap)
                    await _publish_once(connection, producer, service, aside)
                except _DATABASE_ERRORS:
                    raise
                except Exception:
                    # Change the producer; keep the lock and the connection.
                    log.exception("relay_producer", service=service)
                    await discard(producer)
                    producer = None
                    await asyncio.sleep(random.uniform(0.2, 0.5))
                    await _observe(connection, service)
        except Exception:
            log.exception("relay", service=service)
            await asyncio.sleep(0.2)
        finally:
            if connection is not None:
                connection.terminate()  # first: the next owner may start
            # the outbox is the next owner's to tell about
            for gauge in (OWNERS, WAITING, OLDEST, DEAD):
                gauge.labels(service).set(0)
            await discard(producer)


async def _publish_once(
    connection: asyncpg.Connection, producer: AIOKafkaProducer, service: str, aside: _Aside
) -> None:
    rows = await connection.fetch(
        "select id, topic, key, payload, headers, created_at from outbox "
        "where topic <> all($1::text[]) order by id limit $2",
        aside.current(),
        _ROWS,
    )
    ASIDE.labels(service).set(len(aside.until))
    if not rows:
        OLDEST.labels(service).set(0)
        await asyncio.sleep(_IDLE_SECONDS)
        return
    OLDEST.labels(service).set(time.time() - rows[0]["created_at"].timestamp())
    async with asyncio.timeout(_SEND_SECONDS):
        acknowledged, failures = await send_batches(producer, rows, aside.add)
    if acknowledged:
        await connection.execute("delete from outbox where id = any($1::bigint[])", acknowledged)
        _count(service, rows, set(acknowledged))
    if failures:
        raise failures[0]


async def _observe(connection: asyncpg.Connection, service: str) -> None:
    """Tell how the outbox stands; also while nothing can be sent and it only grows."""
    outbox = await connection.fetchrow(
        "select (select created_at from outbox order by id limit 1) as oldest, "
        "(select count(*) from (select from outbox limit $1) counted) as waiting, "
        "(select n_dead_tup from pg_stat_user_tables where relid = 'outbox'::regclass) as dead",
        _COUNTED,
    )
    oldest = outbox["oldest"]
    OLDEST.labels(service).set(0 if oldest is None else time.time() - oldest.timestamp())
    WAITING.labels(service).set(outbox["waiting"])
    DEAD.labels(service).set(outbox["dead"] or 0)


def _count(service: str, rows: Iterable[asyncpg.Record], acknowledged: set[int]) -> None:
    kinds = Counted(
        orjson.loads(row["headers"])["ce_type"] for row in rows if row["id"] in acknowledged
    )
    for kind, count in kinds.items():
        PUBLISHED.labels(service, kind).inc(count)


async def send_batches(
    producer: AIOKafkaProducer,
    rows: Iterable[asyncpg.Record],
    set_aside: Callable[[str], None],
) -> tuple[list[int], list[BaseException]]:
    """Send one record batch per partition; the ids that Kafka acknowledged, and what failed.

    Rows come in id order. When a partition's batch is full its other rows wait for the next round,
    so a key's events never overtake each other. A record batch is stored whole or not at all.
    """
    by_topic: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        by_topic[row["topic"]].append(row)
    sends: list[Coroutine[None, None, list[int]]] = []
    for topic, topic_rows in by_topic.items():
        partitions = await _partitions(producer, topic)
        if partitions is None:
            log.error("topic_missing", topic=topic)
            set_aside(topic)
            continue
        by_partition: dict[int, list[asyncpg.Record]] = defaultdict(list)
        for row in topic_rows:
            by_partition[_partition_of(row["key"].encode(), partitions, partitions)].append(row)
        sends.extend(
            _send_batch(producer, topic, partition, partition_rows)
            for partition, partition_rows in by_partition.items()
        )
    acknowledged: list[int] = []
    failures: list[BaseException] = []
    for outcome in await asyncio.gather(*sends, return_exceptions=True):
        if isinstance(outcome, BaseException):
            failures.append(outcome)
        else:
            acknowledged.extend(outcome)
    return acknowledged, failures


async def _send_batch(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: list[asyncpg.Record]
) -> list[int]:
    batch = producer.create_batch()
    taken = []
    for row in rows:
        headers = [(name, text.encode()) for name, text in orjson.loads(row["headers"]).items()]
        appended = batch.append(
            key=row["key"].encode(), value=row["payload"], timestamp=None, headers=headers
        )
        if appended is None:
            break
        taken.append(row["id"])
    acknowledgement = await producer.send_batch(batch, topic, partition=partition)
    await acknowledgement
    return taken


async def _partitions(producer: AIOKafkaProducer, topic: str) -> list[int] | None:
    """The topic's partitions, or None when the cluster answers that there is no such topic."""
    try:
        async with asyncio.timeout(_TOPIC_LOOKUP_SECONDS):
            return sorted(await producer.partitions_for(topic))
    except (TimeoutError, UnknownTopicOrPartitionError):
        # Gone, or out of reach? Only an answer from a broker says that it does not exist.
        async with asyncio.timeout(_TOPIC_LOOKUP_SECONDS):
            if await producer.client.force_metadata_update():
                return None
        raise KafkaConnectionError("no broker answers") from None


async def _start_producer(bootstrap: str) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=1_000_000,
        request_timeout_ms=10_000,
    )
    try:
        async with asyncio.timeout(10):
            await producer.start()
    except BaseException:
        await discard(producer)
        raise
    return producer


async def discard(producer: AIOKafkaProducer | None) -> None:
    """Drop a producer without flushing it, within three seconds, leaking no task or socket.

    `stop()` flushes, which hangs without a broker. Private fields of aiokafka 0.14: a test holds
    them. If even this hangs, the process ends: the relay's lock goes with its socket.
    """
    if producer is None:
        return
    producer._closed = True
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            sender_task = producer._sender.sender_task
            if sender_task is not None:
                sender_task.cancel()
                await asyncio.wait([sender_task])
            await producer.client.close()
    except TimeoutError as error:
        raise SystemExit("a Kafka producer could not be discarded") from error
