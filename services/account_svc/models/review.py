"""Looking into what was earned: suspicions that the ledger shows, reviews of entries, appeals."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts
from account_svc.models.incentive import Trigger


class RewardChecks(Facts):
    """From where on an entry is worth a look. The defaults are our own judgement."""

    burst_entries: Annotated[int, Field(ge=2, le=1_000)] = 10
    """Entries of one seller and trigger within `burst_minutes` that nobody earns by work."""
    burst_minutes: Annotated[int, Field(ge=1, le=1_440)] = 10
    leads_per_contact: Annotated[int, Field(ge=1, le=1_000)] = 2
    """Leads of one contact within `contact_days` that are paid without a question."""
    contact_days: Annotated[int, Field(ge=1, le=92)] = 30
    appeal_days: Annotated[int, Field(ge=1, le=366)] = 30
    """How long a seller may appeal after a reward was taken back."""


class SuspicionKind(StrEnum):
    SELF_MADE = "self_made"
    """The seller who is paid for the lead typed it in."""
    BURST = "burst"
    REPEATED_CONTACT = "repeated_contact"
    CROSS_DEAL = "cross_deal"
    """The deal pays another seller than its lead did (串单)."""


class ReviewOutcome(StrEnum):
    CLEARED = "cleared"
    TAKEN_BACK = "taken_back"
    RESTORED = "restored"
    """By an appeal that was granted."""


class Review(OfBrand, Base):
    """What somebody ruled on the reward of a cause. Append-only.

    It names the cause, not the entry, for the ledger can be made again from the facts and these.
    """

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("brand_id", "trigger", "cause", "number"),)

    entry_id: Mapped[UUID]
    """The entry that paid the cause."""
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    trigger: Mapped[Trigger]
    cause: Mapped[str]
    number: Mapped[int]
    """Of the cause's reviews, from 1."""
    outcome: Mapped[ReviewOutcome]
    reason: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]

    @property
    def step(self) -> str:
        """What `entry_id` makes an id of."""
        return f"review/{self.number}"


class AppealStatus(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"


class Appeal(OfBrand, Base):
    """A seller's word against a reward that was taken back, and what became of it."""

    __tablename__ = "appeal"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "review_id"], ["review.brand_id", "review.id"]),
        # one appeal against each review
        UniqueConstraint("brand_id", "review_id"),
        Index("ix_appeal_open", "brand_id", "id", postgresql_where=text("status = 'open'")),
    )

    review_id: Mapped[UUID]
    entry_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    reason: Mapped[str]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    status: Mapped[AppealStatus]
    decision: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
