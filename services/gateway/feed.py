"""Live events: one Kafka consumer per process without a group, from now on, to many subscribers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from shared import envelope
from shared.errors import Overloaded
from shared.events import Event, Received, decode

QUEUE = 256
"""Events that may wait for one subscriber; one that falls further behind is dropped."""
_RETRY_SECONDS = 2.0

SUBSCRIBERS = Gauge("kos_gateway_subscribers", "Live subscriptions")
DROPPED = Counter("kos_gateway_subscribers_dropped_total", "Subscribers that fell behind")

log = structlog.get_logger(__name__)


class FellBehind(Exception):
    """The subscriber did not take its events in time and has missed some."""


class Listener(Protocol):
    def offer(self, received: Received[Event]) -> bool:
        """Take the event; False when the listener can take no more."""


class Queued:
    """Keeps every event of some types, in order of arrival, for a reader."""

    def __init__(self, kinds: Sequence[type[Event]]) -> None:
        self._kinds = tuple(kinds)
        self._queue: asyncio.Queue[Received[Event] | None] = asyncio.Queue(QUEUE + 1)

    def offer(self, received: Received[Event]) -> bool:
        if not isinstance(received.event, self._kinds):
            return True
        if self._queue.qsize() >= QUEUE:
            self._queue.put_nowait(None)
            return False
        self._queue.put_nowait(received)
        return True

    async def events(self) -> AsyncIterator[Received[Event]]:
        """Forever; raises FellBehind after the events that were still kept."""
        while True:
            received = await self._queue.get()
            if received is None:
                raise FellBehind
            yield received


class Changed:
    """Remembers only that something happened: for figures that are read anew anyway."""

    def __init__(self, matches: Callable[[Event], bool]) -> None:
        self._matches = matches
        self._happened = asyncio.Event()

    def offer(self, received: Received[Event]) -> bool:
        if self._matches(received.event):
            self._happened.set()
        return True

    async def wait(self) -> None:
        await self._happened.wait()
        self._happened.clear()


class Feed:
    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._listeners: dict[UUID, set[Listener]] = {}
        self.is_live = asyncio.Event()
        """Set while events arrive: from then on no event is missed."""

    @contextmanager
    def listening(self, brand_id: UUID, listener: Listener) -> Iterator[None]:
        """Offer the brand's events to the listener while the block runs."""
        if not self._bootstrap:
            raise Overloaded("this gateway follows no events")
        listeners = self._listeners.setdefault(brand_id, set())
        listeners.add(listener)
        SUBSCRIBERS.inc()
        try:
            yield
        finally:
            SUBSCRIBERS.dec()
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(brand_id, None)

    async def run(self) -> None:
        """Follow the topics until cancelled; starts again after a failure of the broker."""
        while True:
            consumer = AIOKafkaConsumer(
                *self._topics,
                bootstrap_servers=self._bootstrap,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="latest",
            )
            try:
                await consumer.start()
                await consumer.seek_to_end()
                for partition in consumer.assignment():
                    await consumer.position(partition)
                self.is_live.set()
                async for record in consumer:
                    self.dispatch(record)
            except KafkaError as error:
                log.warning("feed_interrupted", error=type(error).__name__)
            finally:
                self.is_live.clear()
                await consumer.stop()
            await asyncio.sleep(_RETRY_SECONDS)

    async def check(self) -> None:
        """Raises when no events arrive."""
        if not self.is_live.is_set():
            raise ConnectionError("the feed is not connected")

    def dispatch(self, record: ConsumerRecord) -> None:
        """Offer a record to the listeners of its brand; a broken one is nobody's here."""
        letter = envelope.read(record)
        if letter.problem is not None or letter.brand_id is None or letter.occurred_at is None:
            return  # the services' consumers park it; a live view has nothing to show
        listeners = self._listeners.get(letter.brand_id)
        if not listeners or letter.payload is None:
            return
        try:
            event = decode(letter.type, letter.payload)
        except ValidationError:
            return
        if event is None:
            return
        received = Received(
            event=event,
            event_id=letter.event_id,
            brand_id=letter.brand_id,
            version=letter.version,
            occurred_at=letter.occurred_at,
            traceparent=letter.traceparent,
        )
        for listener in [*listeners]:
            if not listener.offer(received):
                listeners.discard(listener)
                DROPPED.inc()
