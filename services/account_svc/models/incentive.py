"""Incentive rules, the ledger they fill, and the stores' monthly race."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKeyConstraint, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand
from shared.database import Aggregate

Currency = Literal["points", "CNY"]
POINTS = "points"

_BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


class Trigger(StrEnum):
    LEAD_ACCEPTED = "lead_accepted"
    DEAL_WON = "deal_won"
    POST_PUBLISHED = "post_published"


class IncentiveRule(OfBrand, Base):
    """One version of what a trigger pays; the version valid when the fact happened decides."""

    __tablename__ = "incentive_rule"
    __table_args__ = (UniqueConstraint("brand_id", "trigger", "version"),)

    trigger: Mapped[Trigger]
    version: Mapped[int]
    amount: Mapped[int] = mapped_column(BigInteger)
    """Fixed part: points, or fen when the currency is CNY."""
    rate_bp: Mapped[int]
    """Part of a deal's amount in basis points (1/100 of a percent)."""
    currency: Mapped[str]
    valid_from: Mapped[datetime]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]

    def reward(self, deal_minor: int, deal_currency: str | None) -> int:
        """What the rule pays, in its own currency's unit; fractions are cut off.

        A rate pays fen per fen of the deal, or points per yuan. Deals in other currencies earn
        the fixed part only: there is no rate of exchange.
        """
        if deal_currency != "CNY":
            return self.amount
        divisor = 1_000_000 if self.currency == POINTS else 10_000
        return self.amount + deal_minor * self.rate_bp // divisor


class LedgerEntry(OfBrand, Aggregate, Base):
    """Append-only: an entry pays a cause once, a counter-entry (`reverses_id`) takes it back."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        Index(
            "uq_ledger_entry_cause",
            "brand_id",
            "trigger",
            "cause",
            unique=True,
            postgresql_where=text("reverses_id is null"),
        ),
        UniqueConstraint("brand_id", "reverses_id"),
        ForeignKeyConstraint(
            ["brand_id", "rule_id"], ["incentive_rule.brand_id", "incentive_rule.id"]
        ),
        ForeignKeyConstraint(
            ["brand_id", "reverses_id"], ["ledger_entry.brand_id", "ledger_entry.id"]
        ),
        Index("ix_ledger_entry_staff_id", "staff_id", "id"),
        Index("ix_ledger_entry_unit_id", "unit_id", "id"),
    )

    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    store_id: Mapped[UUID | None]
    """The store that the unit was or belonged to then: a later move does not change the race."""
    rule_id: Mapped[UUID]
    rule_version: Mapped[int]
    trigger: Mapped[Trigger]
    cause: Mapped[str]
    """Typed id of the lead, deal or post."""
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    earned_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]


class VoidedCause(Base):
    """A cause that was voided, remembered so that an entry that comes later is countered too."""

    __tablename__ = "voided_cause"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(primary_key=True)
    voided_at: Mapped[datetime]


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


class Standing(Base):
    """A store's month in the race: the sums of its ledger entries."""

    __tablename__ = "standing"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    store_id: Mapped[UUID] = mapped_column(primary_key=True)
    points: Mapped[int] = mapped_column(BigInteger)
    accepted_leads: Mapped[int]
    deals: Mapped[int]


def period_of(at: datetime) -> str:
    """The month of an instant as `2026-11`, by the calendar of the stores (Asia/Shanghai)."""
    return at.astimezone(_BUSINESS_ZONE).strftime("%Y-%m")


def period_before(period: str) -> str:
    year, month = int(period[:4]), int(period[5:])
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02}"
