"""One expression of interest, from capture to the seller who owns it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.errors import LeadVoidedAlready
from lead_svc.models.base import Base
from shared.database import Aggregate


class LeadStatus(StrEnum):
    CAPTURED = "captured"
    QUALIFIED = "qualified"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    POOLED = "pooled"
    VOIDED = "voided"


def _list_index(column: str) -> Index:
    """For lists by this column; partial, so that the insert of a new lead does not touch it."""
    return Index(None, "brand_id", column, "id", postgresql_where=text(f"{column} is not null"))


class Lead(Aggregate, Base):
    """Holds no personal data: that stays in the receipt and in the contact, sealed.

    `staff_id` and `unit_id` say who has it now: the seller it is offered to, then the owner.
    `origin_unit_id` is the unit it came from.
    """

    __tablename__ = "lead"
    __table_args__ = (
        UniqueConstraint("brand_id", "connection_id", "source_lead_id"),
        UniqueConstraint("brand_id", "id"),
        Index(None, "brand_id", "status", "id"),
        *map(_list_index, ("unit_id", "staff_id", "campaign_id", "post_id", "contact_id")),
    )

    connection_id: Mapped[UUID]
    source: Mapped[str]
    """The platform it came over."""
    source_lead_id: Mapped[str]
    receipt_id: Mapped[UUID]
    status: Mapped[LeadStatus]
    submitted_at: Mapped[datetime]
    captured_at: Mapped[datetime]
    contact_id: Mapped[UUID | None]
    city: Mapped[str | None]
    product: Mapped[str | None]
    keyword: Mapped[str | None]
    channel_code: Mapped[str | None]
    score: Mapped[int | None] = mapped_column(SmallInteger)
    grade: Mapped[str | None]
    score_reasons: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    post_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    origin_unit_id: Mapped[UUID | None]
    entered_by_staff_id: Mapped[UUID | None]
    """The seller who typed it in; None of what came by hook or from another system."""
    unit_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    offer_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    """Offers made so far."""
    closed_at: Mapped[datetime | None]
    """When it stopped counting against its owner's capacity: a deal, or void."""

    def require_not_voided(self) -> None:
        if self.status is LeadStatus.VOIDED:
            raise LeadVoidedAlready("the lead is voided")
