"""The stores' monthly race (门店赛马): standings that follow from the ledger, and its rules."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, field_validator
from sqlalchemy import BigInteger, Identity, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base
from account_svc.models.facts import Code, Facts, Name
from account_svc.models.review import RewardChecks


class RankedBy(StrEnum):
    POINTS = "points"
    POINTS_PER_SELLER = "points_per_seller"
    PROGRESS = "progress"
    """The month's points against the store's own month before."""


class League(Facts):
    """Stores of a like size and traffic race each other."""

    code: Code
    name: Name
    min_sellers: Annotated[int, Field(ge=0, le=100_000)] = 0
    min_leads: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """Leads that the store's sellers accepted in the month before."""


class RaceRules(Facts):
    """A store is in the last league whose two minimums it reaches."""

    ranked_by: RankedBy = RankedBy.POINTS
    leagues: Annotated[list[League], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: [League(code="all", name="全部门店")]
    )
    progress_floor: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Points added to both months before they are compared: from 1 to 5 is no fivefold month."""
    max_voided_percent: Annotated[int, Field(ge=0, le=100)] = 100
    """Quality gate: with a larger part of its leads voided, a store ranks behind all others."""
    checks: RewardChecks = Field(default_factory=RewardChecks)
    """From where on what was earned is worth a look."""

    @field_validator("leagues")
    @classmethod
    def _every_store_has_a_league(cls, leagues: list[League]) -> list[League]:
        if leagues[0].min_sellers or leagues[0].min_leads:
            raise ValueError("the first league takes every store: its minimums are 0")
        if len({league.code for league in leagues}) < len(leagues):
            raise ValueError("two leagues have the same code")
        return leagues


class RacePolicy(Base):
    """A version of a brand's rules of the race; the month's are the newest from before its end."""

    __tablename__ = "race_policy"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    from_period: Mapped[str]
    rules: Mapped[dict[str, Any]]
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class StandingChange(Base):
    """What an entry changes in the race, waiting to be folded into the standings.

    Entries of many stores are written in one transaction in the order of their events; updating
    the standings there would make such transactions deadlock. One folder per brand does not.
    """

    __tablename__ = "standing_change"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    brand_id: Mapped[UUID]
    period: Mapped[str]
    store_id: Mapped[UUID]
    points: Mapped[int] = mapped_column(BigInteger)
    accepted_leads: Mapped[int]
    deals: Mapped[int]
    voided_leads: Mapped[int] = mapped_column(server_default=text("0"))


class Standing(Base):
    """A store's month in the race: the sums of its ledger entries."""

    __tablename__ = "standing"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    accepted_leads: Mapped[int]
    deals: Mapped[int]
    voided_leads: Mapped[int] = mapped_column(server_default=text("0"))
    """Accepted leads that turned out to be none; `accepted_leads` no longer counts them."""
    sellers: Mapped[int | None]
    """Who sold for the store when its month began to count: the league is by this."""
