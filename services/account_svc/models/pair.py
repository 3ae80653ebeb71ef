"""What accounts looked like, and whether a public and a private one are still one persona."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand


class ProfileObservation(OfBrand, Base):
    """An account's public profile as it was seen at a time. Append-only."""

    __tablename__ = "profile_observation"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        Index("ix_profile_observation_account_id", "account_id", "id"),
    )

    account_id: Mapped[UUID]
    name: Mapped[str]
    bio: Mapped[str | None]
    picture_hash: Mapped[str | None]
    store: Mapped[str | None]
    tone_score: Mapped[int | None]
    interests: Mapped[list[str] | None]
    observed_by: Mapped[str]
    observed_at: Mapped[datetime]


class PairCheck(Base):
    """The newest comparison of a public account with its seller's private one.

    It holds for the seller and the persona that both accounts had then.
    """

    __tablename__ = "pair_check"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        Index("ix_pair_check_private_account_id", "private_account_id"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    private_account_id: Mapped[UUID]
    persona_id: Mapped[UUID]
    staff_id: Mapped[UUID]
    state: Mapped[str]
    score: Mapped[float | None]
    fields: Mapped[list[dict[str, Any]]]
    checked_at: Mapped[datetime]
