"""The two-stage move of a contact: public account, seller's private account, brand's asset."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.errors import TransferClosed, TransferStepOutOfOrder
from lead_svc.models.base import Base
from shared.events.lead import LeadInMeans, TransferDropReason, TransferStep

TIME_OUT = "transfer.time_out"
"""Timer kind: the deadline of the transfer's stage has come."""

FIRST_STAGE = timedelta(days=7)
SECOND_STAGE = timedelta(days=30)
"""How long a stage may take where nobody said otherwise."""
LONGEST_STAGE = timedelta(days=180)

STEPS = tuple(TransferStep)
BY_THE_SYSTEM = frozenset(
    {TransferDropReason.TIMED_OUT, TransferDropReason.OWNER_CHANGED, TransferDropReason.MERGED}
)
"""Reasons that nobody may give."""


class TransferStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class TransferStage(StrEnum):
    STAGE_1 = "stage_1"
    """From the public account to the seller's private one."""
    STAGE_2 = "stage_2"
    """From there to what is the brand's own: its official account, programme or community."""


OPENED = {
    TransferStage.STAGE_1: TransferStep.STAGE_1_OPEN,
    TransferStage.STAGE_2: TransferStep.STAGE_2_OPEN,
}
COMPLETED = {
    TransferStage.STAGE_1: TransferStep.STAGE_1_DONE,
    TransferStage.STAGE_2: TransferStep.STAGE_2_DONE,
}


class Transfer(Base):
    """One try to move a contact; a contact has one open at most.

    Whoever changes it has locked its contact: the contact's events tell of its steps.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        Index(
            "uq_transfer_open_contact_id",
            "brand_id",
            "contact_id",
            unique=True,
            postgresql_where=text("status = 'open'"),
        ),
        Index(None, "brand_id", "contact_id", "id"),
        Index(None, "brand_id", "staff_id", "id"),
        Index(None, "brand_id", "unit_id", "id"),
        ForeignKeyConstraint(["brand_id", "contact_id"], ["contact.brand_id", "contact.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    account_id: Mapped[UUID]
    private_account_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    means: Mapped[LeadInMeans]
    status: Mapped[TransferStatus]
    step: Mapped[TransferStep]
    """The last step reached; of a dropped transfer, where it was lost."""
    due_at: Mapped[datetime | None]
    """When the stage has run out; None when it is closed."""
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    dropped_reason: Mapped[TransferDropReason | None]
    note: Mapped[bytes | None]
    """Of who dropped it, sealed under the key of `note_subject_id`: the contact as it was then."""
    note_subject_id: Mapped[UUID | None]

    def has_reached(self, step: TransferStep) -> bool:
        """Whether this very step is the last, so that asking for it again changes nothing."""
        return self.status is not TransferStatus.DROPPED and self.step is step

    def move_to(self, step: TransferStep, *, due_at: datetime | None, at: datetime) -> None:
        """Reach the next step; any other is refused."""
        self.require_open()
        following = STEPS[STEPS.index(self.step) + 1]
        if step is not following:
            raise TransferStepOutOfOrder(
                f"after {self.step.value} comes {following.value}, not {step.value}"
            )
        self.step = step
        self.due_at = due_at
        if step is STEPS[-1]:
            self.status = TransferStatus.DONE
            self.closed_at = at

    def drop(self, reason: TransferDropReason, *, at: datetime) -> None:
        self.require_open()
        self.status = TransferStatus.DROPPED
        self.dropped_reason = reason
        self.closed_at = at
        self.due_at = None

    def require_open(self) -> None:
        if self.status is TransferStatus.DROPPED:
            assert self.dropped_reason is not None
            raise TransferClosed(
                f"the transfer was dropped at {self.step.value}: {self.dropped_reason.value}"
            )
        if self.status is TransferStatus.DONE:
            raise TransferClosed("the transfer is done")


class TransferStepTaken(Base):
    """History of a transfer: each step once, and the drop. Append-only."""

    __tablename__ = "transfer_step"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "transfer_id"], ["transfer.brand_id", "transfer.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    step: Mapped[TransferStep]
    dropped_reason: Mapped[TransferDropReason | None]
    """Why it was dropped at the step, if this is the drop."""
    staff_id: Mapped[UUID]
    """The seller whose transfer it was then."""
    taken_by: Mapped[str]
    taken_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    channel: Mapped[str | None]
    """The channel tag (`state`) of the code or link that was used."""
    consent_purpose: Mapped[str | None]
    consent_notice_version: Mapped[str | None]
    consent_at: Mapped[datetime | None]
