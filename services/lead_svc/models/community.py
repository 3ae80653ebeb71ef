"""Communities of a brand's customers, and what its people do in them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.errors import ActivityVoidedAlready, CommunityIsClosed
from lead_svc.models.base import Base
from shared.database import Aggregate
from shared.events.account import Platform
from shared.events.lead import CommunityActivityKind, CommunityRole


class CommunityStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class ActivityStatus(StrEnum):
    RECORDED = "recorded"
    VOIDED = "voided"


class Community(Aggregate, Base):
    """A group on a platform that somebody of the unit looks after.

    Whoever adds to its activities or voids one has locked it: its events tell of them.
    """

    __tablename__ = "community"
    __table_args__ = (
        UniqueConstraint("brand_id", "platform", "platform_group_id"),
        Index(None, "brand_id", "unit_id", "id"),
        Index(None, "brand_id", "host_staff_id", "id"),
        Index(None, "brand_id", "deputy_staff_id", "id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)
    unit_id: Mapped[UUID]
    name: Mapped[str]
    platform: Mapped[Platform]
    platform_group_id: Mapped[str]
    """What the platform calls it, as WeCom's chat id."""
    account_id: Mapped[UUID | None]
    """The account that it lives on."""
    host_staff_id: Mapped[UUID]
    deputy_staff_id: Mapped[UUID | None]
    status: Mapped[CommunityStatus]
    registered_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    def require_open(self) -> None:
        if self.status is CommunityStatus.CLOSED:
            raise CommunityIsClosed("the community is closed")

    def close(self, at: datetime) -> None:
        self.require_open()
        self.status = CommunityStatus.CLOSED
        self.closed_at = at

    def role_of(self, staff_id: UUID) -> CommunityRole:
        """As whom somebody who may act in it does so."""
        if staff_id == self.host_staff_id:
            return CommunityRole.HOST
        return CommunityRole.DEPUTY if staff_id == self.deputy_staff_id else CommunityRole.STAFF


class CommunityActivity(Base):
    """A fact: what was done, by whom of the brand, when. Of one cause there is one."""

    __tablename__ = "community_activity"
    __table_args__ = (
        UniqueConstraint("brand_id", "community_id", "external_id"),
        ForeignKeyConstraint(["brand_id", "community_id"], ["community.brand_id", "community.id"]),
        Index(None, "brand_id", "community_id", "id"),
        Index(None, "brand_id", "staff_id", "id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    community_id: Mapped[UUID]
    kind: Mapped[CommunityActivityKind]
    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    """Of the person, when it was recorded."""
    done_as: Mapped[CommunityRole]
    external_id: Mapped[str | None]
    """The sender's own id of the cause."""
    at: Mapped[datetime]
    recorded_by_staff_id: Mapped[UUID | None]
    """None: recorded by a system or the head office."""
    recorded_at: Mapped[datetime]
    status: Mapped[ActivityStatus]
    void_reason: Mapped[str | None]

    def void(self, reason: str) -> None:
        if self.status is ActivityStatus.VOIDED:
            raise ActivityVoidedAlready("the activity is voided already")
        self.status = ActivityStatus.VOIDED
        self.void_reason = reason
