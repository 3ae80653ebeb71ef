"""Incentive rules, the ledger they fill, and the stores' monthly race."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand
from shared.database import Aggregate

Currency = Literal["points", "CNY"]
POINTS = "points"
LARGEST_REWARD = 10**12
"""Points or fen that one cause may pay."""

_BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


class Trigger(StrEnum):
    LEAD_ACCEPTED = "lead_accepted"
    DEAL_WON = "deal_won"
    POST_PUBLISHED = "post_published"
    POST_QUALITY = "post_quality"
    """A post was measured: the first measurement that its formula pays for counts."""
    TRANSFER_STAGE_1 = "transfer_stage_1"
    """A contact came from a public account to the seller's private one."""
    TRANSFER_STAGE_2 = "transfer_stage_2"
    """A contact came from there to what is the brand's own."""
    COMMUNITY_ACTIVITY = "community_activity"
    """Somebody did something in a community of customers."""


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
    formula: Mapped[str | None]
    """Pays instead of `amount` and `rate_bp`: see models/formula.py."""
    monthly_budget: Mapped[int | None] = mapped_column(BigInteger)
    """What the brand pays out for the trigger in a month, in the currency's unit."""
    currency: Mapped[str]
    valid_from: Mapped[datetime]
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class LedgerEntry(OfBrand, Aggregate, Base):
    """Append-only: an entry pays a cause once, a counter-entry (`reverses_id`) takes it back, and
    one to that gives it back again."""

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
        Index("ix_ledger_entry_earned_at", "brand_id", "trigger", "earned_at"),
        Index(
            "ix_ledger_entry_counters",
            "brand_id",
            "trigger",
            "cause",
            postgresql_where=text("reverses_id is not null"),
        ),
        Index(
            "ix_ledger_entry_lead_id",
            "lead_id",
            postgresql_where=text("reverses_id is null and trigger = 'lead_accepted'"),
        ),
    )

    staff_id: Mapped[UUID]
    unit_id: Mapped[UUID]
    store_id: Mapped[UUID | None]
    """The store that the unit was or belonged to then: a later move does not change the race."""
    rule_id: Mapped[UUID]
    rule_version: Mapped[int]
    trigger: Mapped[Trigger]
    cause: Mapped[str]
    """Typed id of the lead, deal, post or activity; of a stage the contact's and the seller's."""
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    earned_at: Mapped[datetime]
    reverses_id: Mapped[UUID | None]
    lead_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    is_self_entered: Mapped[bool] = mapped_column(server_default=text("false"))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a cause came from: the entry keeps it, and fraud checks compare it."""

    lead_id: UUID | None = None
    contact_id: UUID | None = None
    is_self_entered: bool = False
    """The seller who is paid for the lead also typed it in."""


class VoidedCause(Base):
    """A cause that was voided, remembered so that an entry that comes later is countered too."""

    __tablename__ = "voided_cause"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(primary_key=True)
    voided_at: Mapped[datetime]


def fixed_reward(
    amount: int, rate_bp: int, currency: str, *, deal_minor: int, deal_currency: str
) -> int:
    """What a rule without a formula pays, in its own currency's unit; fractions are cut off.

    A rate pays fen per fen of the deal, or points per yuan. Deals in other currencies earn the
    fixed part only: there is no rate of exchange.
    """
    if deal_currency != "CNY":
        return amount
    divisor = 1_000_000 if currency == POINTS else 10_000
    return amount + deal_minor * rate_bp // divisor


def entry_id(brand_id: UUID, trigger: Trigger, cause: str, at: datetime, step: str) -> UUID:
    """A UUIDv7 that follows from what the entry is for: replaying the events makes it again.

    `step` is `pay`, `counter`, or the review that took the reward back or gave it back.
    """
    name = f"{brand_id}/{trigger}/{cause}/{step}"
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10])
    milliseconds = int(at.timestamp() * 1000)
    random_a, random_b = digest >> 68, digest & (2**62 - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | random_a << 64 | 2 << 62 | random_b)


def period_of(at: datetime) -> str:
    """The month of an instant as `2026-11`, by the calendar of the stores (Asia/Shanghai)."""
    return at.astimezone(_BUSINESS_ZONE).strftime("%Y-%m")


def period_bounds(period: str) -> tuple[datetime, datetime]:
    """The first instant of the month, and that of the next."""
    year, month = int(period[:4]), int(period[5:])
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return (
        datetime(year, month, 1, tzinfo=_BUSINESS_ZONE),
        datetime(*following, 1, tzinfo=_BUSINESS_ZONE),
    )


def period_before(period: str) -> str:
    year, month = int(period[:4]), int(period[5:])
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02}"
