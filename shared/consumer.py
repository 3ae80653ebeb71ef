"""The Kafka side of a consumer: partitions in parallel, offsets committed after the effects.

Settings and traps of aiokafka 0.14 are from docs/adr/0004-consumers.md.
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from prometheus_client import Gauge

from shared import envelope
from shared.database import Sessions, is_outage
from shared.events import Event
from shared.inbox import Handler, Inbox, Poison, Transient, Unavailable, is_unavailable

__all__ = ["Consumer", "Handler", "Poison", "Transient", "Unavailable"]

_CHUNK = 40
_CONNECTIONS = 4
_HOLD_SECONDS = 1.0
_REVOKE_SECONDS = 20
_STALL_SECONDS = 60
_STOP_SECONDS = 5
_ABANDON_SECONDS = 3
_RETRY_SECONDS = 0.5
_OBSERVE_SECONDS = 1.0

LAG = Gauge("kos_consumer_lag", "Records not yet processed", ["consumer", "topic", "partition"])

log = structlog.get_logger(__name__)


class Stalled(Exception):
    """No progress for a minute although the broker answers; the process must be restarted."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one partition."""

    records: list[ConsumerRecord]
    envelopes: list[envelope.Envelope]

    def end(self, done: int) -> int:
        """The first offset that was not processed, when so many records were."""
        if done < len(self.records):
            return int(self.records[max(done, 0)].offset)
        return int(self.records[-1].offset) + 1


class Consumer:
    """Feeds the events of some topics to their handlers: each once, in order per aggregate.

    `name` is the consumer group and the inbox's consumer; `ordinal` distinguishes the copies of
    the worker (static membership) and is used by one process at a time. Up to `chunk` events of a
    partition that have a handler share a transaction; 1 for handlers that lock rows of several
    aggregates.
    """

    def __init__(
        self,
        *,
        name: str,
        topics: Sequence[str],
        handlers: Mapping[type[Event], Handler],
        sessions: Sessions,
        bootstrap: str,
        audit_key: bytes,
        ordinal: int = 0,
        chunk: int = _CHUNK,
    ) -> None:
        self._name = name
        self._topics = list(topics)
        self._bootstrap = bootstrap
        self._ordinal = ordinal
        self._chunk = chunk
        self._handled = frozenset(kind.type for kind in handlers)
        self._inbox = Inbox(name, handlers, sessions, audit_key)
        self._held: dict[TopicPartition, float] = {}
        self._observed: set[TopicPartition] = set()
        self._connections = asyncio.Semaphore(_CONNECTIONS)
        self._idle = asyncio.Event()
        self._idle.set()
        self._progress_at = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Consume until `stopping` is set; outlives brokers that come and go."""
        retries = asyncio.create_task(self._retry_parked(stopping))
        try:
            while not stopping.is_set():
                consumer = self._new_consumer()
                try:
                    await consumer.start()
                    consumer.subscribe(self._topics, listener=_Rebalance(self))
                    await self._consume(consumer, stopping)
                except KafkaError:
                    log.exception("consumer", consumer=self._name)
                    await asyncio.sleep(random.uniform(0.5, 1.0))
                finally:
                    await _stop(consumer)
        finally:
            retries.cancel()
            await asyncio.gather(retries, return_exceptions=True)

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._name,
            group_instance_id=f"{self._name}-{self._ordinal}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            partition_assignment_strategy=(StickyPartitionAssignor,),
        )

    async def _consume(self, consumer: AIOKafkaConsumer, stopping: asyncio.Event) -> None:
        self._progress_at = time.monotonic()
        observed_at = -math.inf
        while not stopping.is_set():
            self._release(consumer)
            if time.monotonic() > observed_at + _OBSERVE_SECONDS:
                observed_at = time.monotonic()
                self._observe(consumer)
            # Never cancelled: a cancelled getmany switches off aiokafka's idle detection for good.
            batch = await consumer.getmany(timeout_ms=500, max_records=500)
            if not batch:
                await self._watch(consumer)
                continue
            self._idle.clear()
            try:
                ends = await self._process(batch.values())
                await self._commit(consumer, batch, ends)
            finally:
                self._idle.set()

    async def _process(self, batch: Iterable[list[ConsumerRecord]]) -> list[int]:
        """The first offset of each partition that was not processed."""
        parts = [Part(records, [envelope.read(record) for record in records]) for records in batch]
        loads = pack(parts, self._handled, self._chunk)
        ends = await asyncio.gather(*(self._load(load) for load in loads))
        return [end for load in ends for end in load]

    async def _load(self, load: list[Part]) -> list[int]:
        """Process partitions one behind the other, as if they were one."""
        failure = None
        done = 0
        async with self._connections:
            envelopes = (each for part in load for each in part.envelopes)
            for chunk in split(envelopes, self._handled, self._chunk):
                try:
                    await self._take(chunk)
                except Exception as error:
                    failure = error
                    break
                done += len(chunk)
        if failure is not None:
            if len(load) > 1 and not is_outage(failure):
                # What one of them waits for holds up that one alone.
                ends = await asyncio.gather(*(self._load([part]) for part in load))
                return [end for [end] in ends]
            if not is_unavailable(failure):
                log.error("chunk_failed", consumer=self._name, exc_info=failure)
            topics = sorted({part.records[0].topic for part in load})
            log.warning("partition_held", consumer=self._name, topics=topics)
        before = accumulate((len(part.records) for part in load), initial=0)
        return [part.end(done - skipped) for part, skipped in zip(load, before, strict=False)]

    async def _take(self, chunk: list[envelope.Envelope]) -> None:
        try:
            await self._inbox.take(chunk)
        except Exception as error:
            if is_unavailable(error) or len(chunk) == 1:
                raise
            # One of them spoils the transaction: each alone, so that the others go on.
            for one in chunk:
                await self._inbox.take([one])

    async def _commit(
        self,
        consumer: AIOKafkaConsumer,
        batch: dict[TopicPartition, list[ConsumerRecord]],
        ends: list[int],
    ) -> None:
        commits = {}
        for (partition, records), end in zip(batch.items(), ends, strict=True):
            try:
                if end != records[-1].offset + 1:
                    self._held[partition] = time.monotonic() + _HOLD_SECONDS
                    consumer.seek(partition, end)
                    consumer.pause(partition)
                if end > records[0].offset and partition in consumer.assignment():
                    commits[partition] = end
            except IllegalStateError:
                pass  # the partition moved away; the inbox absorbs the repeat
        if not commits:
            return
        self._progress_at = time.monotonic()
        with contextlib.suppress(CommitFailedError, IllegalStateError):
            await consumer.commit(commits)

    def _release(self, consumer: AIOKafkaConsumer) -> None:
        for partition, until in list(self._held.items()):
            try:
                if until <= time.monotonic():
                    del self._held[partition]
                    consumer.resume(partition)
                else:
                    consumer.pause(partition)  # a rebalance forgets pauses
            except IllegalStateError:
                self._held.pop(partition, None)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Raise Stalled when nothing moves for a minute though there is something to do."""
        if self._held or (consumer.assignment() and not self._lags(consumer)):
            self._progress_at = time.monotonic()
        if time.monotonic() - self._progress_at < _STALL_SECONDS:
            return
        if await consumer._client.force_metadata_update():
            raise Stalled(f"{self._name} made no progress for {_STALL_SECONDS} s")
        self._progress_at = time.monotonic()  # the broker is away: nothing to restart for

    def _lags(self, consumer: AIOKafkaConsumer) -> bool:
        return any(_lag(consumer, partition) > 0 for partition in consumer.assignment())

    def _observe(self, consumer: AIOKafkaConsumer) -> None:
        """Also while partitions are held; what moved away is another process's to tell about."""
        assigned = set(consumer.assignment())
        for partition in self._observed - assigned:
            LAG.remove(self._name, partition.topic, partition.partition)
        self._observed = assigned
        for partition in assigned:
            lag = _lag(consumer, partition)
            LAG.labels(self._name, partition.topic, partition.partition).set(lag)

    async def _retry_parked(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            try:
                busy = await self._inbox.retry_due()
            except Exception:
                log.exception("parked_retry", consumer=self._name)
                busy = False
            if not busy:
                await asyncio.sleep(_RETRY_SECONDS)


def pack(parts: Iterable[Part], handled: Container[str], most: int) -> Iterator[list[Part]]:
    """Put partitions of which little came together, so that it shares a transaction.

    As `split` does, it counts the events that have effects apart from the others.
    """
    load: list[Part] = []
    size = with_effect = 0
    for part in parts:
        more = sum(each.type in handled for each in part.envelopes)
        if load and (size + len(part.envelopes) > _CHUNK or with_effect + more > most):
            yield load
            load, size, with_effect = [], 0, 0
        load.append(part)
        size += len(part.envelopes)
        with_effect += more
    if load:
        yield load


def split(
    envelopes: Iterable[envelope.Envelope], handled: Container[str], most: int
) -> Iterator[list[envelope.Envelope]]:
    """Cut events, in order, into what shares a transaction.

    That is at most `most` events of `handled` types. The others have no effects but the note that
    they were taken in: most of a topic that a consumer reads for one type are such, and a
    transaction for each would cost as much as an effect.
    """
    chunk: list[envelope.Envelope] = []
    with_effect = 0
    for each in envelopes:
        has_effect = each.type in handled
        if chunk and (len(chunk) == _CHUNK or (has_effect and with_effect == most)):
            yield chunk
            chunk, with_effect = [], 0
        chunk.append(each)
        with_effect += has_effect
    if chunk:
        yield chunk


def _lag(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    """Records between our position and the end of the partition, as far as the client knows."""
    state = consumer._subscription.subscription.assignment.state_value(partition)
    end = consumer.highwater(partition)
    if end is None or state is None or not state.has_valid_position:
        return 0
    return max(0, int(end - state.position))


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets work in flight finish before its partition moves."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, _revoked: list[TopicPartition]) -> None:
        try:
            await asyncio.wait_for(self._consumer._idle.wait(), _REVOKE_SECONDS)
        except TimeoutError:
            log.warning("revoked_in_flight", consumer=self._consumer._name)

    async def on_partitions_assigned(self, _assigned: list[TopicPartition]) -> None:
        self._consumer._progress_at = time.monotonic()


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Close the client; without a broker that may hang, so it is bounded."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await consumer.stop()
    except (TimeoutError, KafkaError):
        log.warning("consumer_abandoned")
        await _abandon(consumer)


async def _abandon(consumer: AIOKafkaConsumer) -> None:
    """End what an interrupted stop leaves running, leaking no task or socket.

    It would go on fetching, and beating as a second member of the same name. Private fields of
    aiokafka 0.14: a test holds them. If even this hangs, the process ends.
    """
    tasks: list[asyncio.Task[None] | None] = []
    if (fetcher := consumer._fetcher) is not None:
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]
    if (coordinator := consumer._coordinator) is not None:
        tasks += [
            coordinator._coordination_task,
            coordinator._heartbeat_task,
            coordinator._commit_refresh_task,
        ]
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    try:
        async with asyncio.timeout(_ABANDON_SECONDS):
            await asyncio.gather(*running, return_exceptions=True)
            await consumer._client.close()
    except TimeoutError as error:
        raise SystemExit("a Kafka consumer could not be abandoned") from error
