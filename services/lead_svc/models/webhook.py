"""Where subscribers' systems are told what happened, and every attempt to tell them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.models.base import Base


class EndpointStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class WebhookEndpoint(Base):
    """A subscriber's address. `secret` and, during rotation, `previous_secret` are sealed."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index(None, "brand_id", "id", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    url: Mapped[str]
    name: Mapped[str]
    event_types: Mapped[list[str]]
    includes_personal_data: Mapped[bool]
    secret: Mapped[bytes]
    previous_secret: Mapped[bytes | None]
    previous_secret_until: Mapped[datetime | None]
    status: Mapped[EndpointStatus]
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime]


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class WebhookDelivery(Base):
    """One event for one endpoint; deliveries of a subject go out in order of its versions."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index(
            "ix_webhook_delivery_head",
            "endpoint_id",
            "subject",
            "aggregate_version",
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "next_at", postgresql_where=text("status = 'pending'")),
        Index(None, "brand_id", "endpoint_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    subject: Mapped[str]
    aggregate_version: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes]
    status: Mapped[DeliveryStatus]
    attempts: Mapped[int] = mapped_column(SmallInteger)
    next_at: Mapped[datetime]
    last_status: Mapped[int | None] = mapped_column(SmallInteger)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
