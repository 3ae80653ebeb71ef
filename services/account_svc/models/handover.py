"""Handovers: one dated plan for everything that somebody leaves behind."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped

from account_svc.errors import HandoverNotPlanned, HandoverOver
from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts
from account_svc.models.policy import PolicyFact
from shared.database import Aggregate
from shared.events.account import HandoverStatus
from shared.ids import StaffId
from shared.instants import Instant


class ItemKind(StrEnum):
    ACCOUNT = "account"
    CUSTOMER = "customer"
    """Of a WeCom account of the person."""
    COMMUNITY = "community"
    """A group of customers that a WeCom account of the person owns."""
    LEADS = "leads"
    """All open ones that the person owns: lead_svc gives them to the takers."""
    CONTACTS = "contacts"
    DRAFTS = "drafts"
    """Open drafts and queued posts of one account: they follow it."""


class ItemStatus(StrEnum):
    PLANNED = "planned"
    ASKED = "asked"
    """Told to whoever can do it."""
    MOVING = "moving"
    """The platform has accepted it and does it after its delay."""
    NEEDS_TAKER = "needs_taker"
    NEEDS_OWNERSHIP = "needs_ownership"
    FAILED = "failed"
    DONE = "done"
    GONE = "gone"
    """There is nothing to hand over any more."""
    CANCELLED = "cancelled"
    """It stays where it is."""


MOVED = (ItemKind.CUSTOMER, ItemKind.COMMUNITY)
"""What the platform moves from one member to another."""
OVER = frozenset({ItemStatus.DONE, ItemStatus.GONE, ItemStatus.CANCELLED})
"""Nothing is left to do about the item."""
Takers = Annotated[list[StaffId], Field(min_length=1, max_length=50)]


class Handover(OfBrand, Aggregate, Base):
    __tablename__ = "handover"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        Index(
            "uq_handover_staff_id",
            "brand_id",
            "staff_id",
            unique=True,
            postgresql_where="finished_at is null",
        ),
    )

    staff_id: Mapped[UUID]
    status: Mapped[HandoverStatus]
    taker_ids: Mapped[list[UUID]]
    """In the order in which they are asked where only one can take."""
    full_taker_ids: Mapped[list[UUID]]
    """Who can have no more customers, as the platform said."""
    awaited_ids: Mapped[list[UUID]]
    """Accounts whose customers and communities have not been listed yet."""
    starts_at: Mapped[datetime]
    """No step is taken earlier."""
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]

    def require_open(self) -> None:
        if self.finished_at is not None:
            raise HandoverOver("the handover is over")

    def start(self) -> None:
        self.require_open()
        if self.status is HandoverStatus.GATHERING:
            raise HandoverNotPlanned("customers are still being listed", field="/status")
        self.status = HandoverStatus.RUNNING

    def cancel(self, reason: str, at: datetime) -> None:
        self.require_open()
        self.status, self.finished_at, self.cancel_reason = HandoverStatus.CANCELLED, at, reason
        self.awaited_ids = []


class HandoverItem(OfBrand, Base):
    """One thing to hand over, with what has come of it so far."""

    __tablename__ = "handover_item"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "handover_id"], ["handover.brand_id", "handover.id"]),
        Index("ix_handover_item_handover_id", "handover_id", "id"),
        Index("ix_handover_item_due_at", "handover_id", "status", "due_at"),
    )

    handover_id: Mapped[UUID]
    kind: Mapped[ItemKind]
    account_id: Mapped[UUID | None]
    """The account itself, or the one whose customer, community or drafts it is."""
    things: Mapped[int]
    """How many there are of it; of leads and contacts, what was given to others; of drafts, drafts
    and queued posts."""
    status: Mapped[ItemStatus]
    taker_id: Mapped[UUID | None]
    due_at: Mapped[datetime | None]
    """When the next step is taken."""
    waits_for: Mapped[PolicyFact | None]
    """The platform's limit that the step waits for."""
    refusal: Mapped[str | None]
    """What the last attempt was refused with."""
    attempts: Mapped[int]
    moved_at: Mapped[list[datetime]]
    """When the platform accepted moves of the customer or community, these and earlier ones."""
    not_to: Mapped[list[UUID]]
    """Takers who were refused."""
    changed_at: Mapped[datetime]


class HandoverFacts(Facts):
    staff_id: StaffId
    taker_ids: Takers
    starts_at: Instant | None = None
    """Left out: as soon as it is started."""


class TakersFacts(Facts):
    taker_ids: Takers
