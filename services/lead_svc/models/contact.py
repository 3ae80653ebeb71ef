"""The person behind one or many leads. Names and numbers are sealed under the person's key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.errors import ContactErasedAlready, StageOutOfOrder
from lead_svc.models.base import Base
from shared.database import Aggregate
from shared.events.lead import Stage
from shared.ids import uuid7

STAGES = tuple(Stage)


class Contact(Aggregate, Base):
    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("brand_id", "id"),
        Index(None, "brand_id", "stage", "id"),
        Index(None, "brand_id", "owner_staff_id", "id"),
        Index(None, "brand_id", "merged_into_id"),
    )

    name: Mapped[bytes | None]
    phone: Mapped[bytes | None]
    wechat: Mapped[bytes | None]
    email: Mapped[bytes | None]
    city: Mapped[str | None]
    stage: Mapped[Stage]
    owner_staff_id: Mapped[UUID | None]
    lead_count: Mapped[int]
    merged_into_id: Mapped[UUID | None]
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def next_stage(self) -> Stage:
        """The only stage that may follow: down the journey, and from repurchase to deal."""
        following = STAGES.index(self.stage) + 1
        return Stage.DEAL if following == len(STAGES) else STAGES[following]

    def move_to(self, stage: Stage) -> None:
        """Go to the next stage; anything else is refused."""
        if self.erased_at is not None:
            raise ContactErasedAlready("the contact was erased")
        if stage is not self.next_stage:
            raise StageOutOfOrder(
                f"from {self.stage.value} the next stage is {self.next_stage.value}",
                field="/stage",
            )
        self.stage = stage


class ContactIdentity(Base):
    """Something that names exactly one contact of the brand: found by its blind index."""

    __tablename__ = "contact_identity"
    __table_args__ = (
        UniqueConstraint("brand_id", "kind", "value_index"),
        Index(None, "brand_id", "contact_id"),
        ForeignKeyConstraint(["brand_id", "contact_id"], ["contact.brand_id", "contact.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    brand_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    kind: Mapped[str]
    value_index: Mapped[bytes]


class ContactMerge(Base):
    """History of a merge: what moved, so that it can be taken apart again."""

    __tablename__ = "contact_merge"
    __table_args__ = (Index(None, "brand_id", "contact_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    brand_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    merged_contact_id: Mapped[UUID]
    owner_staff_id: Mapped[UUID | None]
    merged_owner_staff_id: Mapped[UUID | None]
    identity_ids: Mapped[list[UUID]]
    lead_ids: Mapped[list[UUID]]
    transfer_ids: Mapped[list[UUID]] = mapped_column(server_default=text("'{}'"))
    merged_at: Mapped[datetime]


class StageChange(Base):
    __tablename__ = "stage_change"
    __table_args__ = (Index(None, "brand_id", "contact_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    brand_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    from_stage: Mapped[Stage]
    stage: Mapped[Stage]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class Touchpoint(Base):
    """A contact met a post, an account, a store or a code."""

    __tablename__ = "touchpoint"
    __table_args__ = (
        UniqueConstraint("brand_id", "lead_id", "receipt_id"),
        Index(None, "brand_id", "contact_id", "at"),
        ForeignKeyConstraint(["brand_id", "contact_id"], ["contact.brand_id", "contact.id"]),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    brand_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    receipt_id: Mapped[UUID]
    source: Mapped[str]
    post_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    unit_id: Mapped[UUID | None]
    keyword: Mapped[str | None]
    channel_code: Mapped[str | None]
    at: Mapped[datetime]
