"""What is known of how accounts do, and the health that follows.

Consumers add facts and touch nothing else, so they never wait for each other; one worker at a time
folds a brand's facts into the other tables and judges the accounts they are about.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand
from shared.events.account import HealthLevel, Platform


class FactKind(StrEnum):
    TOUCHED = "touched"
    """Something about the account changed that is read from where it lies."""
    POSTED = "posted"
    DRAFT_HELD = "draft_held"
    POST_REFUSED = "post_refused"
    FOLLOWED = "followed"
    """A post's running total of followers is `amount`."""
    LEAD_CAME = "lead_came"
    LEAD_TAKEN = "lead_taken"
    """A seller replied: they took the lead."""
    LEAD_VOIDED = "lead_voided"


class HealthFact(Base):
    """Not folded yet."""

    __tablename__ = "health_fact"
    __table_args__ = (Index("ix_health_fact_brand_id", "brand_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    brand_id: Mapped[UUID]
    account_id: Mapped[UUID]
    kind: Mapped[FactKind]
    subject_id: Mapped[UUID]
    """The post, draft or lead; the account itself where there is none."""
    amount: Mapped[int]
    at: Mapped[datetime]


class AuthorizationState(OfBrand, Base):
    """What the product may sign in with, as content_svc tells; it keeps the credentials."""

    __tablename__ = "authorization_state"
    __table_args__ = (Index("ix_authorization_state_account_id", "account_id"),)

    platform: Mapped[Platform]
    account_id: Mapped[UUID | None]
    """None: the brand's own app, for all accounts of the platform."""
    ended_reason: Mapped[str | None]
    ends_at: Mapped[datetime | None]


class AccountSignal(Base):
    __tablename__ = "account_signal"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    last_post_at: Mapped[datetime | None]
    last_reply_at: Mapped[datetime | None]


class WaitingLead(OfBrand, Base):
    """A lead that came by the account and that no seller has taken."""

    __tablename__ = "waiting_lead"
    __table_args__ = (Index("ix_waiting_lead_account_id", "account_id"),)

    account_id: Mapped[UUID]
    came_at: Mapped[datetime]


class AccountMark(OfBrand, Base):
    """A draft that was held, or a post that the platform refused: its latest time counts."""

    __tablename__ = "account_mark"
    __table_args__ = (Index("ix_account_mark_account_id", "account_id"),)

    account_id: Mapped[UUID]
    kind: Mapped[FactKind]
    at: Mapped[datetime]


class PostFollow(OfBrand, Base):
    """How many followers a post had won when it was last measured."""

    __tablename__ = "post_follow"
    __table_args__ = (Index("ix_post_follow_account_id", "account_id"),)

    account_id: Mapped[UUID]
    follows: Mapped[int]
    measured_at: Mapped[datetime]


class FollowDay(Base):
    """New followers of an account on a day by the clocks of Asia/Shanghai."""

    __tablename__ = "follow_day"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    won: Mapped[int]


class AccountHealth(Base):
    __tablename__ = "account_health"
    __table_args__ = (
        Index("ix_account_health_due_at", "due_at"),
        Index("ix_account_health_level", "brand_id", "level", "account_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    score: Mapped[int]
    level: Mapped[HealthLevel]
    """The one that was announced last; a better score does not better it at once."""
    score_level: Mapped[HealthLevel | None]
    """Of the score alone. None: judged before this was kept, `level` since `changed_at`."""
    score_level_since: Mapped[datetime | None]
    reasons: Mapped[list[dict[str, Any]]]
    judged_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    """Since when it has this level."""
    due_at: Mapped[datetime | None]
    """When time alone may change it."""
