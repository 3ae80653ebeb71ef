"""What the platforms themselves say that an account is: certified, bound, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """What somebody saw on the platform, and when. Append-only: of the notes that have begun the
    latest holds; one that is to begin leaves until then what holds."""

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
    """What a note that no later one has superseded says at an instant: dates pass, nothing has to
    run."""
    if at < valid_from:
        return StatusState.NOT_YET
    if not is_held:
        return StatusState.WITHDRAWN
    if valid_to is not None and valid_to <= at:
        return StatusState.EXPIRED
    return StatusState.HELD


@dataclass(frozen=True, slots=True)
class Span:
    """What one note says, the later notes left aside."""

    is_held: bool
    valid_from: datetime
    valid_to: datetime | None


def ends_at(notes: Sequence[Span], at: datetime) -> datetime | None:
    """When a status that has begun ends, or has ended, by the notes about it, the latest first: a
    renewal that is noted already and leaves no gap counts. None where no end is known, and where
    there is nothing to end: no note has begun, or the platform has taken the status back."""
    begun = next((note for note in notes if note.valid_from <= at), None)
    if begun is None or not begun.is_held:
        return None
    end = begun.valid_to
    later = notes[: notes.index(begun)]
    for note in sorted(later, key=lambda each: each.valid_from):
        if end is None or not note.is_held or note.valid_from > end:
            break
        end = note.valid_to
    return end
