"""What people achieved, and the goals of units and people for a month or a quarter."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.base import Base, OfBrand
from account_svc.models.incentive import Trigger, period_bounds

GoalPeriod = Annotated[str, StringConstraints(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2]|Q[1-4])$")]
"""A month as `2026-11` or a quarter as `2026-Q4`, by the calendar of the stores."""
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
LARGEST_TARGET = 10**15


class Metric(StrEnum):
    POSTS_PUBLISHED = "posts_published"
    LEADS_ACCEPTED = "leads_accepted"
    DEALS_WON = "deals_won"
    DEAL_VALUE = "deal_value"
    """In fen; deals in another currency count as deals and add nothing here."""


COUNTED: dict[Metric, Trigger] = {
    Metric.POSTS_PUBLISHED: Trigger.POST_PUBLISHED,
    Metric.LEADS_ACCEPTED: Trigger.LEAD_ACCEPTED,
    Metric.DEALS_WON: Trigger.DEAL_WON,
    Metric.DEAL_VALUE: Trigger.DEAL_WON,
}
"""The facts that each metric counts, or whose amounts it adds up."""


class Result(Base):
    """A fact that counts for who brought it about, whether a rule pays for it or not. Append-only:
    what was voided since is in `voided_cause`."""

    __tablename__ = "result"
    __table_args__ = (
        Index("ix_result_unit_id", "brand_id", "unit_id", "achieved_at"),
        Index("ix_result_staff_id", "brand_id", "staff_id", "achieved_at"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    trigger: Mapped[Trigger] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID | None]
    unit_id: Mapped[UUID]
    """Where it was brought about: a later move of the person does not move it."""
    achieved_at: Mapped[datetime]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    """Of a deal in CNY; 0 otherwise."""


class Goal(OfBrand, Base):
    """One version of a goal, of a unit or of a person; the newest counts. Append-only."""

    __tablename__ = "goal"
    __table_args__ = (
        UniqueConstraint(
            "brand_id",
            "unit_id",
            "staff_id",
            "period",
            "metric",
            "version",
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["brand_id", "unit_id"], ["unit.brand_id", "unit.id"]),
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        Index("ix_goal_staff_id", "brand_id", "staff_id", "period"),
    )

    unit_id: Mapped[UUID | None]
    staff_id: Mapped[UUID | None]
    period: Mapped[str]
    metric: Mapped[Metric]
    version: Mapped[int]
    target: Mapped[int] = mapped_column(BigInteger)
    """0 takes the goal back."""
    set_by: Mapped[str]
    set_at: Mapped[datetime]


def goal_bounds(period: str) -> tuple[datetime, datetime]:
    """The first instant of the month or quarter, and that of the next."""
    quarter = _QUARTER.fullmatch(period)
    if quarter is None:
        return period_bounds(period)
    last = 3 * int(quarter[2])
    return (
        period_bounds(f"{quarter[1]}-{last - 2:02}")[0],
        period_bounds(f"{quarter[1]}-{last:02}")[1],
    )
