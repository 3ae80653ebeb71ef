"""A sale that came of a lead."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.errors import DealVoidedAlready
from lead_svc.models.base import Base
from shared.database import Aggregate


class DealStatus(StrEnum):
    WON = "won"
    VOIDED = "voided"


class Deal(Aggregate, Base):
    """Whom to thank is copied from the lead at closing: later moves do not rewrite history."""

    __tablename__ = "deal"
    __table_args__ = (
        UniqueConstraint("brand_id", "id"),
        Index(None, "brand_id", "lead_id"),
        Index(None, "brand_id", "campaign_id", "id"),
        ForeignKeyConstraint(["brand_id", "lead_id"], ["lead.brand_id", "lead.id"]),
    )

    lead_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    post_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    status: Mapped[DealStatus]
    closed_at: Mapped[datetime]
    void_reason: Mapped[str | None]

    def void(self, reason: str) -> None:
        if self.status is DealStatus.VOIDED:
            raise DealVoidedAlready("the deal is voided already")
        self.status = DealStatus.VOIDED
        self.void_reason = reason
