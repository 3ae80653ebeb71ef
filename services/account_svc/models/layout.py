"""Layouts: the planned shape of a matrix, as data; and accounts that nobody registered."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from account_svc.errors import AlreadyDecided
from account_svc.models.account import Domain, Seat
from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Code, Facts, Name, Words
from shared.events.account import Platform, UnitKind


class SeatRule(Facts):
    """So many seats of a kind for each unit of a kind, on each of some platforms."""

    seat: Seat
    per: UnitKind
    count: Annotated[int, Field(ge=1, le=100)] = 1
    platforms: Annotated[list[Platform], Field(min_length=1, max_length=len(Platform))]
    label: Name
    """What the seat is there for, as people call it."""
    skills: Words = Field(default_factory=list)
    """What a candidate should have; who has most of them comes first."""
    tiers: Words = Field(default_factory=list)
    """Candidates' tiers, the best first."""


class LayoutFacts(Facts):
    """A layout in its public and its private form."""

    name: Code
    public: list[SeatRule] = Field(default_factory=list, max_length=50)
    private: list[SeatRule] = Field(default_factory=list, max_length=50)
    cities: Words = Field(default_factory=list)
    """Where the brand wants to be, with a store or without."""

    def rules(self, form: Domain) -> list[SeatRule]:
        return self.public if form is Domain.PUBLIC else self.private

    @model_validator(mode="after")
    def _every_seat_is_wanted_once(self) -> Self:
        if not self.public and not self.private:
            raise ValueError("a layout has a seat in its public or its private form")
        for form in Domain:
            seen = set()
            for rule in self.rules(form):
                for platform in rule.platforms:
                    if (rule.seat, rule.per, platform) in seen:
                        raise ValueError(
                            f"the {form} form asks twice for {rule.seat} on {platform} "
                            f"per {rule.per}"
                        )
                    seen.add((rule.seat, rule.per, platform))
        return self


class Layout(OfBrand, Base):
    """One version of a brand's own layout; the newest of its name is compiled."""

    __tablename__ = "layout"
    __table_args__ = (UniqueConstraint("brand_id", "name", "version"),)

    name: Mapped[str]
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    """`public`, `private` and `cities` of LayoutFacts."""
    created_at: Mapped[datetime]

    @property
    def facts(self) -> LayoutFacts:
        return LayoutFacts.model_validate({"name": self.name, **self.definition})

    @property
    def public(self) -> list[SeatRule]:
        return self.facts.public

    @property
    def private(self) -> list[SeatRule]:
        return self.facts.private

    @property
    def cities(self) -> list[str]:
        return self.facts.cities


class OffRosterStatus(StrEnum):
    REPORTED = "reported"
    ADOPTED = "adopted"
    REJECTED = "rejected"


class OffRosterAccount(OfBrand, Base):
    """An account (编外) that poses as one of the brand's and that nobody registered."""

    __tablename__ = "off_roster_account"
    __table_args__ = (
        Index(
            "uq_off_roster_account_brand_id_platform_handle",
            "brand_id",
            "platform",
            "handle",
            unique=True,
            postgresql_where=text("status <> 'adopted'"),
        ),
        ForeignKeyConstraint(["brand_id", "unit_id"], ["unit.brand_id", "unit.id"]),
        ForeignKeyConstraint(["brand_id", "account_id"], ["account.brand_id", "account.id"]),
        Index("ix_off_roster_account_unit_id", "unit_id"),
    )

    platform: Mapped[Platform]
    handle: Mapped[str]
    unit_id: Mapped[UUID | None]
    """Where it says that it sells, if that is known."""
    note: Mapped[str | None]
    status: Mapped[OffRosterStatus]
    reported_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    account_id: Mapped[UUID | None]
    """What it became when it was adopted."""

    def decide(self, status: OffRosterStatus, *, reason: str | None, at: datetime) -> None:
        if self.status is not OffRosterStatus.REPORTED:
            raise AlreadyDecided(f"the account is {self.status} already")
        self.status, self.reason, self.decided_at = status, reason, at
