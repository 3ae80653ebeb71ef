"""What a platform allows, as dated rows: the platform's own and, above them, the brand's."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator, model_validator
from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from account_svc.errors import PolicyExpired
from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts, Word
from shared.events.account import Platform
from shared.instants import Instant


class PolicyFact(StrEnum):
    """What a row is about; all are numbers but `lead_in_means`, which lists words."""

    SEATS_PER_ORGANISATION = "seats_per_organisation"
    SEATS_PER_STORE = "seats_per_store"
    POSTS_PER_DAY = "posts_per_day"
    POST_GAP_MINUTES = "post_gap_minutes"
    TEXT_LENGTH = "text_length"
    LEAD_IN_MEANS = "lead_in_means"
    TRANSFERS_PER_CALL = "transfers_per_call"
    TRANSFERS_PER_CUSTOMER = "transfers_per_customer"
    TRANSFER_WINDOW_DAYS = "transfer_window_days"
    TRANSFER_DELAY_HOURS = "transfer_delay_hours"
    COMMUNITIES_PER_CALL = "communities_per_call"
    COMMUNITIES_PER_DAY = "communities_per_day"
    """That one owner gives away."""
    TRANSFERS_PER_COMMUNITY = "transfers_per_community"
    COMMUNITY_WINDOW_DAYS = "community_window_days"


IN_WORDS = frozenset({PolicyFact.LEAD_IN_MEANS})
LONGEST = {
    PolicyFact.POST_GAP_MINUTES: 365 * 24 * 60,
    PolicyFact.TRANSFER_WINDOW_DAYS: 3_650,
    PolicyFact.TRANSFER_DELAY_HOURS: 365 * 24,
    PolicyFact.COMMUNITY_WINDOW_DAYS: 3_650,
}
"""Of facts that are lengths of time: what is added to an instant must leave the calendar whole."""


class PlatformPolicy(OfBrand, Base):
    """A brand's own row. Append-only: a later row overrides, none is rewritten."""

    __tablename__ = "platform_policy"
    __table_args__ = (Index("ix_platform_policy_platform", "brand_id", "platform", "fact"),)

    platform: Mapped[Platform]
    fact: Mapped[PolicyFact]
    number: Mapped[int | None]
    words: Mapped[list[str] | None]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    """The first instant at which it no longer holds; None: until a later row."""
    source: Mapped[str]
    created_at: Mapped[datetime]


class PolicyFacts(Facts):
    """A row that a brand sets: a number, or words for a fact that is told in words."""

    platform: Platform
    fact: PolicyFact
    number: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    words: Annotated[list[Word], Field(max_length=50)] | None = None
    valid_from: Instant | None = None
    """Left out: from now on."""
    valid_to: Instant | None = None
    source: Annotated[str, Field(min_length=1, max_length=500)]
    """Where it is written: a contract, a page of the platform and its date."""

    @model_validator(mode="after")
    def _tells_what_its_fact_needs(self) -> Self:
        is_in_words = self.fact in IN_WORDS
        if (self.words is not None, self.number is not None) != (is_in_words, not is_in_words):
            raise ValueError(f"{self.fact} takes {'words' if is_in_words else 'a number'} alone")
        return self

    @field_validator("number")
    @classmethod
    def _time_is_not_endless(cls, number: int | None, info: ValidationInfo) -> int | None:
        longest = LONGEST.get(info.data.get("fact", PolicyFact.LEAD_IN_MEANS))
        if number is not None and longest is not None and number > longest:
            raise ValueError(f"{info.data['fact']} is at most {longest}")
        return number


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One row, of the platform or of a brand, as the rule below reads it."""

    platform: Platform
    fact: PolicyFact
    number: int | None
    words: tuple[str, ...] | None
    valid_from: datetime
    valid_to: datetime | None
    source: str
    is_second_hand: bool = False
    id: UUID | None = None
    """Of a brand's own row; None for one that holds for every brand."""

    def holds_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def find_policy(
    rows: list[PolicyRow], platform: Platform, fact: PolicyFact, at: datetime
) -> PolicyRow | None:
    """The row that holds then; None when none for this fact has begun by then.

    The brand's rows come before the platform's, among each the one that began last. PolicyExpired,
    which names the fact, when all that have begun have ended: a limit that nobody has renewed is
    not the same as no limit.
    """
    begun = [
        row
        for row in rows
        if row.platform is platform and row.fact is fact and row.valid_from <= at
    ]
    holding = [row for row in begun if row.holds_at(at)]
    if holding:
        return max(holding, key=lambda row: (row.id is not None, row.valid_from, row.id or _NONE))
    if begun:
        ended = max(row.valid_to for row in begun if row.valid_to is not None)
        raise PolicyExpired(f"{fact} of {platform} expired at {ended.isoformat()}", field="/fact")
    return None


_NONE = UUID(int=0)
