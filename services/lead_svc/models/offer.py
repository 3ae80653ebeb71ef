"""Who a lead was offered to, why, and under which policy."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.models.base import Base

EXPIRE = "offer.expire"
"""Timer kind: the offer's deadline has come."""

WITHDRAW = "offer.withdraw"
"""Timer kind: the offer's seller is away; take it back and route its lead again."""


class OfferStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Taken back unanswered: the seller is away, or the lead was voided."""


class Offer(Base):
    """A lead given to a seller with a deadline; a seller gets a lead at most once."""

    __tablename__ = "offer"
    __table_args__ = (
        UniqueConstraint("brand_id", "lead_id", "staff_id"),
        Index(
            "uq_offer_open_lead_id",
            "lead_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
        Index(None, "brand_id", "id", unique=True),
        Index(None, "brand_id", "staff_id", "status", "id"),
        ForeignKeyConstraint(["brand_id", "lead_id"], ["lead.brand_id", "lead.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    decision_id: Mapped[UUID]
    status: Mapped[OfferStatus]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was declined or withdrawn."""


class Decision(Base):
    """One run of the router: everything it saw and what it made of it, so it can be replayed."""

    __tablename__ = "decision"
    __table_args__ = (
        Index(None, "brand_id", "lead_id", "id"),
        ForeignKeyConstraint(["brand_id", "lead_id"], ["lead.brand_id", "lead.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    offer_id: Mapped[UUID | None]
    policy_version: Mapped[int]
    decided_at: Mapped[datetime]
    outcome: Mapped[str]
    staff_id: Mapped[UUID | None]
    inputs: Mapped[dict[str, Any]]
    candidates: Mapped[list[dict[str, Any]]]
    uncounted: Mapped[int]
    """Sellers found beyond the candidates that are stored."""
    tie_break: Mapped[str | None]
    explanation: Mapped[dict[str, Any]]


class RoutingPolicy(Base):
    """A version of a brand's routing rules; versions are never changed, only followed."""

    __tablename__ = "routing_policy"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
