"""Posts and what they achieved."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from content_svc.errors import PostNotInState
from content_svc.models.base import Base
from shared.database import Aggregate
from shared.events.account import Platform


class PostStatus(StrEnum):
    SCHEDULED = "scheduled"
    DISPATCHING = "dispatching"
    HANDED_OFF = "handed_off"
    PUBLISHED = "published"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


OPEN = (PostStatus.SCHEDULED, PostStatus.DISPATCHING, PostStatus.HANDED_OFF)


class Post(Aggregate, Base):
    """One draft on one account at one time."""

    __tablename__ = "post"
    __table_args__ = (
        # A draft is out once at most; one that was taken back may be mended and scheduled anew.
        Index(
            "uq_post_brand_id_draft_id",
            "brand_id",
            "draft_id",
            unique=True,
            postgresql_where=text("status <> 'withdrawn'"),
        ),
        # What the platform gave out belongs to one post: a link cannot prove two handoffs, and
        # a lookup cannot credit one message to two posts.
        UniqueConstraint("brand_id", "platform", "platform_post_id"),
        Index("ix_post_brand_id_id", "brand_id", "id"),
        Index("ix_post_brand_id_campaign_id_status", "brand_id", "campaign_id", "status"),
        Index("ix_post_brand_id_account_id", "brand_id", "account_id"),
        Index("ix_post_brand_id_unit_id", "brand_id", "unit_id"),
        # What campaigns have to keep away from: posts of no campaign.
        Index(
            "ix_post_of_no_campaign",
            "brand_id",
            "account_id",
            "due_at",
            postgresql_where=text("campaign_id is null and status <> 'withdrawn'"),
        ),
        # Their accounts take no other post meanwhile.
        Index(
            "ix_post_not_yet_named",
            "brand_id",
            "account_id",
            postgresql_where=text("status = 'dispatching' and platform_post_id is null"),
        ),
        Index(
            "ix_post_next_at",
            "brand_id",
            "campaign_id",
            "next_at",
            postgresql_where=text("status in ('scheduled', 'dispatching', 'handed_off')"),
        ),
    )

    campaign_id: Mapped[UUID | None]
    template_id: Mapped[UUID | None]
    draft_id: Mapped[UUID]
    account_id: Mapped[UUID]
    staff_id: Mapped[UUID | None]
    unit_id: Mapped[UUID]
    platform: Mapped[Platform]
    status: Mapped[PostStatus]
    due_at: Mapped[datetime]
    next_at: Mapped[datetime]
    """When the dispatcher looks at an open post next: due, end of a lease, review, deadline."""
    attempts: Mapped[int]
    progress: Mapped[dict[str, Any]]
    """What a connector must know to go on, or to look up before it repeats anything."""
    published_at: Mapped[datetime | None]
    url: Mapped[str | None]
    platform_post_id: Mapped[str | None]
    failure_reason: Mapped[str | None]
    handoff_deadline_at: Mapped[datetime | None]
    delivery: Mapped[dict[str, Any] | None]
    """WeCom: how far the members' confirmations and the deliveries to customers have come."""
    views: Mapped[int] = mapped_column(BigInteger)
    likes: Mapped[int] = mapped_column(BigInteger)
    saves: Mapped[int] = mapped_column(BigInteger)
    comments: Mapped[int] = mapped_column(BigInteger)
    shares: Mapped[int] = mapped_column(BigInteger)
    follows: Mapped[int] = mapped_column(BigInteger)
    measured_at: Mapped[datetime | None]
    corrected_at: Mapped[datetime | None]
    """The time of the last correction: reports from before it no longer move the totals."""
    created_at: Mapped[datetime]

    def require(self, *allowed: PostStatus) -> None:
        if self.status not in allowed:
            raise PostNotInState(f"the post is {self.status}")

    def withdraw(self, reason: str) -> None:
        self.require(PostStatus.SCHEDULED, PostStatus.HANDED_OFF)
        self.status = PostStatus.WITHDRAWN
        self.failure_reason = reason

    def publish(self, *, platform_post_id: str, url: str | None, published_at: datetime) -> None:
        self.require(PostStatus.DISPATCHING, PostStatus.HANDED_OFF)
        self.status = PostStatus.PUBLISHED
        self.platform_post_id = platform_post_id
        self.url = url
        self.published_at = published_at

    def fail(self, reason: str) -> None:
        self.require(*OPEN)
        self.status = PostStatus.FAILED
        self.failure_reason = reason


class PostMetric(Base):
    """Totals of a post as reported for one time; a repeat keeps the greater of each figure.

    A figure the report did not tell is null.
    """

    __tablename__ = "post_metric"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime] = mapped_column(primary_key=True)
    source: Mapped[str]
    is_correction: Mapped[bool]
    views: Mapped[int | None] = mapped_column(BigInteger)
    likes: Mapped[int | None] = mapped_column(BigInteger)
    saves: Mapped[int | None] = mapped_column(BigInteger)
    comments: Mapped[int | None] = mapped_column(BigInteger)
    shares: Mapped[int | None] = mapped_column(BigInteger)
    follows: Mapped[int | None] = mapped_column(BigInteger)


class LeadOutcome(Base):
    """A lead as far as its credit to content goes."""

    __tablename__ = "lead_outcome"
    __table_args__ = (
        Index("ix_lead_outcome_brand_id_post_id", "brand_id", "post_id"),
        Index("ix_lead_outcome_brand_id_campaign_id", "brand_id", "campaign_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    is_accepted: Mapped[bool]
    is_voided: Mapped[bool]


class DealOutcome(Base):
    __tablename__ = "deal_outcome"
    __table_args__ = (Index("ix_deal_outcome_brand_id_campaign_id", "brand_id", "campaign_id"),)

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    deal_id: Mapped[UUID] = mapped_column(primary_key=True)
    post_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    is_voided: Mapped[bool]
