"""Courses with their exams, attempts at them, certificates, and the rights that need these."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.errors import (
    AttemptGraded,
    AttemptsExhausted,
    AttemptTooEarly,
    LessonsLeft,
    UnknownLesson,
    WrongAnswers,
)
from account_svc.models.base import Base, OfBrand
from shared.events.account import Right


class Course(OfBrand, Base):
    """What is taught. Its questions are in the exam of the same revision, so that no read of a
    course can carry the right answers."""

    __tablename__ = "course"
    __table_args__ = (UniqueConstraint("brand_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    lessons: Mapped[list[dict[str, Any]]]
    lessons_first: Mapped[bool] = mapped_column(server_default="false")
    """The exam begins only after every lesson."""
    validity_days: Mapped[int]
    attempts_allowed: Mapped[int]
    wait_minutes: Mapped[int]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    revised_at: Mapped[datetime]


class Exam(OfBrand, Base):
    """The questions of one revision of a course. Append-only: an attempt is graded by the exam
    that it began with."""

    __tablename__ = "exam"
    __table_args__ = (
        UniqueConstraint("course_id", "revision"),
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
    )

    course_id: Mapped[UUID]
    revision: Mapped[int]
    questions: Mapped[list[dict[str, Any]]]
    """Each with `text`, `options` and `right_options` (places among the options)."""
    pass_percent: Mapped[int]

    def right_answers(self, answers: list[list[int]]) -> int:
        """How many of the answers are right; WrongAnswers if they do not fit the questions."""
        if len(answers) != len(self.questions):
            raise WrongAnswers(
                f"the exam has {len(self.questions)} questions, not {len(answers)}",
                field="/answers",
            )
        for place, (answer, question) in enumerate(zip(answers, self.questions, strict=True)):
            options = len(question["options"])
            if len(set(answer)) != len(answer) or any(not 0 <= each < options for each in answer):
                raise WrongAnswers(
                    f"an answer is different places among {options} options, from 0",
                    field=f"/answers/{place}",
                )
        return sum(
            set(answer) == set(question["right_options"])
            for answer, question in zip(answers, self.questions, strict=True)
        )


class Enrolment(Base):
    """How far a person has come with a course: lessons, and attempts since they last passed."""

    __tablename__ = "enrolment"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    course_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempts_used: Mapped[int]
    next_attempt_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default="0")
    """Of the course, whose lessons were done."""
    lessons_done: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default="{}")
    """Places from 0, ascending."""

    def complete_lesson(self, course: Course, place: int) -> None:
        if place >= len(course.lessons):
            raise UnknownLesson(
                f"the course has {len(course.lessons)} lessons, the first is 0", field="/lesson"
            )
        self.lessons_done = sorted({*self.done_of(course), place})
        self.revision = course.revision

    def done_of(self, course: Course) -> list[int]:
        """A revision's lessons are other ones."""
        return self.lessons_done if self.revision == course.revision else []

    def begin_attempt(self, course: Course, at: datetime) -> None:
        done = self.done_of(course)
        left = [each["title"] for at, each in enumerate(course.lessons) if at not in done]
        if course.lessons_first and left:
            raise LessonsLeft(f"the exam comes after the lessons; left: {', '.join(left)}")
        if self.attempts_used >= course.attempts_allowed:
            raise AttemptsExhausted(f"all {course.attempts_allowed} attempts at this exam are used")
        if self.next_attempt_at is not None and self.next_attempt_at > at:
            raise AttemptTooEarly(
                f"the next attempt may begin at {self.next_attempt_at.isoformat()}"
            )
        self.attempts_used += 1

    def begin_anew(self) -> None:
        self.attempts_used, self.next_attempt_at = 0, None


class ExamAttempt(OfBrand, Base):
    __tablename__ = "exam_attempt"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
        ForeignKeyConstraint(["brand_id", "exam_id"], ["exam.brand_id", "exam.id"]),
        Index("ix_exam_attempt_staff_id", "staff_id", "course_id", "id"),
        Index("ix_exam_attempt_course_id", "course_id", "id"),
    )

    staff_id: Mapped[UUID]
    course_id: Mapped[UUID]
    exam_id: Mapped[UUID]
    actor: Mapped[str]
    """Who sat at the keys: the person, or head office that enters an exam on paper."""
    started_at: Mapped[datetime]
    graded_at: Mapped[datetime | None]
    answers: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    """By question the places of the chosen options."""
    right_answers: Mapped[int | None]
    score_percent: Mapped[int | None]
    is_passed: Mapped[bool | None]

    def grade(self, exam: Exam, answers: list[list[int]], at: datetime) -> None:
        if self.graded_at is not None:
            raise AttemptGraded("this attempt is graded already")
        right = exam.right_answers(answers)
        self.answers, self.graded_at, self.right_answers = answers, at, right
        self.score_percent = right * 100 // len(exam.questions)
        self.is_passed = right * 100 >= exam.pass_percent * len(exam.questions)


class Certificate(OfBrand, Base):
    """The person passed the course's exam. Append-only: a renewal is another certificate."""

    __tablename__ = "certificate"
    __table_args__ = (
        UniqueConstraint("brand_id", "attempt_id"),
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        ForeignKeyConstraint(["brand_id", "course_id"], ["course.brand_id", "course.id"]),
        ForeignKeyConstraint(
            ["brand_id", "attempt_id"], ["exam_attempt.brand_id", "exam_attempt.id"]
        ),
        Index("ix_certificate_staff_id", "staff_id", "course_id"),
        Index("ix_certificate_course_id", "course_id", "staff_id"),
    )

    staff_id: Mapped[UUID]
    course_id: Mapped[UUID]
    attempt_id: Mapped[UUID]
    earned_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RightRequirement(OfBrand, Base):
    """One version of which courses a right needs; the version valid at an instant decides then."""

    __tablename__ = "right_requirement"
    __table_args__ = (UniqueConstraint("brand_id", "right", "version"),)

    right: Mapped[Right]
    version: Mapped[int]
    course_ids: Mapped[list[UUID]]
    valid_from: Mapped[datetime]
    told_to: Mapped[UUID | None]
    """Everybody up to this person was told what the version changes for them."""


class HeldRight(Base):
    """A right as it was last announced: what tells apart what is new from what is known."""

    __tablename__ = "held_right"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    right: Mapped[Right] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
