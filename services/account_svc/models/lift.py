"""Tiers of people by month, and what lifts the middle and the tail: task, retest, closed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.errors import LiftNotOpen
from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts
from account_svc.models.goal import Metric
from account_svc.models.talent import Skill
from shared.clock import now


class Tier(StrEnum):
    TOP = "top"
    MIDDLE = "middle"
    TAIL = "tail"


class TierRules(Facts):
    """By what people are placed, among those of the stores of one league."""

    metric: Metric = Metric.LEADS_ACCEPTED
    skill_percent: Annotated[int, Field(ge=0, le=100)] = 30
    """Weight of the skills; the rest is that of the result."""
    top_percent: Annotated[int, Field(ge=1, le=98)] = 20
    tail_percent: Annotated[int, Field(ge=1, le=98)] = 20
    least_group: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Fewer people of a league are not compared."""

    @model_validator(mode="after")
    def _leave_a_middle(self) -> Self:
        if self.top_percent + self.tail_percent > 99:
            raise ValueError("top_percent and tail_percent leave no middle")
        return self


class Tiering(Base):
    """A month whose people are placed, and by which rules."""

    __tablename__ = "tiering"

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]]
    people: Mapped[int | None]
    placed_by: Mapped[str]
    asked_at: Mapped[datetime]
    placed_at: Mapped[datetime | None]
    """None: asked for, and not placed yet by these rules."""


class Placement(Base):
    """Where a person stood in a month, with what it was worked out from."""

    __tablename__ = "placement"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "period"], ["tiering.brand_id", "tiering.period"]),
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        Index("ix_placement_staff_id", "brand_id", "staff_id", "period"),
        Index("ix_placement_unit_id", "brand_id", "unit_id", "period"),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    unit_id: Mapped[UUID]
    """Where the person worked when the month was placed."""
    league: Mapped[str | None]
    """Of the store; None for who works in none."""
    result: Mapped[int] = mapped_column(BigInteger)
    skill: Mapped[float | None]
    """The mean of the skills that were assessed."""
    score: Mapped[float]
    tier: Mapped[Tier | None]
    """None: the league has too few people to compare."""


class SkillCourse(Base):
    """The course that trains a skill."""

    __tablename__ = "skill_course"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    skill: Mapped[Skill] = mapped_column(primary_key=True)
    course_id: Mapped[UUID]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class LiftStatus(StrEnum):
    ASSIGNED = "assigned"
    DONE = "done"
    """The lesson was worked through; the retest is to come."""
    REOPENED = "reopened"
    """The retest was failed."""
    CLOSED = "closed"
    """The retest was passed."""


class LiftTask(OfBrand, Base):
    """A gap of a person, the course that closes it, and the retest that says whether it did."""

    __tablename__ = "lift_task"
    __table_args__ = (
        Index(
            "uq_lift_task_open",
            "brand_id",
            "staff_id",
            "skill",
            unique=True,
            postgresql_where=text("closed_at is null"),
        ),
        Index("ix_lift_task_staff_id", "staff_id", "id"),
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
        ForeignKeyConstraint(
            ["brand_id", "attempt_id"], ["exam_attempt.brand_id", "exam_attempt.id"]
        ),
    )

    staff_id: Mapped[UUID]
    period: Mapped[str]
    """Of the placement that it came from."""
    tier: Mapped[Tier]
    skill: Mapped[Skill]
    gap: Mapped[int]
    """When it was assigned."""
    course_id: Mapped[UUID]
    status: Mapped[LiftStatus]
    due_at: Mapped[datetime]
    assigned_by: Mapped[str]
    assigned_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    retests: Mapped[int]
    attempt_id: Mapped[UUID | None]
    """The last retest."""
    closed_at: Mapped[datetime | None]

    @property
    def is_overdue(self) -> bool:
        return self.closed_at is None and self.due_at < now()

    def complete(self, at: datetime) -> None:
        if self.status not in (LiftStatus.ASSIGNED, LiftStatus.REOPENED):
            raise LiftNotOpen(f"this task is {self.status}")
        self.status, self.done_at = LiftStatus.DONE, at

    def take_retest(self, attempt_id: UUID, at: datetime, *, is_passed: bool) -> None:
        """A passed exam closes the task, worked through or not; a failed one reopens what was."""
        self.retests, self.attempt_id = self.retests + 1, attempt_id
        if is_passed:
            self.status, self.closed_at = LiftStatus.CLOSED, at
        elif self.status is LiftStatus.DONE:
            self.status = LiftStatus.REOPENED
