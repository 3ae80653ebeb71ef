"""What a Kafka record says about itself: CloudEvents 1.0, binary mode, read defensively."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from aiokafka import ConsumerRecord

from shared.ids import parse_id

_UNREADABLE = UUID("6f0b7c0e-6a1d-4f38-9d6b-3c1a4f6e2d10")
"""Namespace of the ids that records without a readable one get from their place in the log."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One record. `problem` says why it cannot be processed, and is None when it can."""

    event_id: UUID
    key: str
    topic: str
    version: int
    brand_id: UUID | None
    type: str
    occurred_at: datetime | None
    traceparent: str | None
    headers: dict[str, str]
    payload: bytes | None
    problem: str | None = None


def read(record: ConsumerRecord) -> Envelope:
    """The envelope of a record; never raises, a broken record is an envelope with a `problem`."""
    place = f"{record.topic}/{record.partition}/{record.offset}"
    headers: dict[str, str] = {}
    try:
        headers = {name: value.decode() for name, value in record.headers}
        return of_headers(
            headers, key=record.key.decode(), topic=record.topic, payload=record.value
        )
    except (KeyError, ValueError, AttributeError) as error:
        return Envelope(
            event_id=uuid5(_UNREADABLE, place),
            # A key of its own: what it belongs to is unknown, so it must block nothing.
            key=f"unreadable/{place}",
            topic=record.topic,
            version=0,
            brand_id=None,
            type=headers.get("ce_type", ""),
            occurred_at=None,
            traceparent=None,
            headers=headers,
            payload=record.value,
            problem=f"unreadable envelope: {type(error).__name__}",
        )


def of_headers(headers: dict[str, str], *, key: str, topic: str, payload: bytes) -> Envelope:
    """The envelope that these headers spell; KeyError or ValueError if one is missing or bad."""
    if payload is None:
        raise ValueError("no data")
    return Envelope(
        event_id=UUID(headers["ce_id"]),
        key=key,
        topic=topic,
        version=int(headers["ce_aggregateversion"]),
        brand_id=parse_id("brand", headers["ce_brandid"]),
        type=headers["ce_type"],
        occurred_at=datetime.fromisoformat(headers["ce_time"]),
        traceparent=headers.get("ce_traceparent"),
        headers=headers,
        payload=payload,
    )
