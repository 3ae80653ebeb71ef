"""What the platforms themselves say that an account is: certified, bound, and until when."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped

from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts
from shared.events.account import Platform, PlatformStatus
from shared.instants import Instant

GIVEN_BY = {
    PlatformStatus.DOUYIN_STAFF_CERTIFICATION: Platform.DOUYIN,
    PlatformStatus.XIAOHONGSHU_STAFF_BINDING: Platform.XIAOHONGSHU,
}


class StatusState(StrEnum):
    HELD = "held"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    """A later note about the same status says what holds."""


class PlatformStatusNote(OfBrand, Base):
    """What somebody saw on the platform, and when. Append-only: the latest note holds."""

    __tablename__ = "platform_status_note"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        Index("ix_platform_status_note_account_id", "account_id", "id"),
    )

    account_id: Mapped[UUID]
    platform_status: Mapped[PlatformStatus]
    is_held: Mapped[bool]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    """The first instant at which it no longer holds; None: no end is known."""
    reference: Mapped[str]
    """Where it can be seen: the platform's number of the certificate, a page."""
    noted_by: Mapped[str]
    noted_at: Mapped[datetime]


class PlatformStatusFacts(Facts):
    """What was seen on the platform."""

    platform_status: PlatformStatus
    is_held: bool = True
    """False: the platform has taken the status back."""
    valid_from: Instant | None = None
    """Left out: from now on."""
    valid_to: Instant | None = None
    reference: Annotated[str, Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if (
            self.valid_from is not None
            and self.valid_to is not None
            and self.valid_to <= self.valid_from
        ):
            raise ValueError("valid_to is not after valid_from")
        return self


def state_at(
    at: datetime, *, is_held: bool, valid_from: datetime, valid_to: datetime | None
) -> StatusState:
    """What the latest note about a status says at an instant: dates pass, nothing has to run."""
    if not is_held:
        return StatusState.WITHDRAWN
    if at < valid_from:
        return StatusState.NOT_YET
    if valid_to is not None and valid_to <= at:
        return StatusState.EXPIRED
    return StatusState.HELD
