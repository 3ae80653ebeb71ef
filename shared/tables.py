"""Tables that every service's database has: events out and in, timers, keys, audit.

`shared.migrations.create_plumbing` makes them; these classes are how Python writes them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import naming_convention, type_annotation_map


class PlumbingBase(DeclarativeBase):
    metadata = MetaData(naming_convention=naming_convention)
    type_annotation_map = type_annotation_map


class OutboxRow(PlumbingBase):
    """An event not yet published; the relay sends it and deletes the row."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    brand_id: Mapped[UUID]
    topic: Mapped[str]
    key: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    payload: Mapped[bytes]
    headers: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class InboxRow(PlumbingBase):
    """An event that a consumer has taken in; its effects were committed with this row."""

    __tablename__ = "inbox"
    __table_args__ = (Index(None, "received_at"),)

    consumer: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]


class HeadRow(PlumbingBase):
    """The version of the last event of an aggregate that a state-building consumer applied."""

    __tablename__ = "head"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class ParkedRow(PlumbingBase):
    """An event whose handler failed, and those of the same key that wait behind it."""

    __tablename__ = "parked"
    __table_args__ = (
        UniqueConstraint("consumer", "event_id"),
        Index(None, "consumer", "key", "version"),
        Index(None, "next_at", postgresql_where=text("status = 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    consumer: Mapped[str]
    key: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]
    brand_id: Mapped[UUID | None]
    topic: Mapped[str]
    headers: Mapped[dict[str, Any]]
    payload: Mapped[bytes | None]
    status: Mapped[str]
    """`waiting` (behind a head or for its next attempt) or `dead` (needs a person)."""
    attempt: Mapped[int] = mapped_column(SmallInteger)
    next_at: Mapped[datetime]
    reason: Mapped[str]
    parked_at: Mapped[datetime]


class IdempotencyRow(PlumbingBase):
    """The stored answer to a write that carried an idempotency key."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "created_at"),)

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime]


class AuditHead(PlumbingBase):
    """The end of a brand's audit chain; locking it orders the chain."""

    __tablename__ = "audit_head"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditRow(PlumbingBase):
    """Who did what to which thing; append-only, each row chained to the one before."""

    __tablename__ = "audit"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]]
    request_id: Mapped[str | None]
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]


class TimerRow(PlumbingBase):
    """Work due at a time; a worker claims it for a while and finishes or moves it."""

    __tablename__ = "timer"
    __table_args__ = (
        UniqueConstraint("brand_id", "kind", "subject_id"),
        Index(None, "due_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    due_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    generation: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(SmallInteger)


class DataKeyRow(PlumbingBase):
    """The wrapped data key of one person (subject). Deleting the row erases what it sealed."""

    __tablename__ = "data_key"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    kek_version: Mapped[int] = mapped_column(SmallInteger)
    wrapped: Mapped[bytes]
    created_at: Mapped[datetime]
