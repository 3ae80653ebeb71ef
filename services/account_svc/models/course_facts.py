"""What may be said about a course and its exam: the bounds of each value."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from account_svc.models.facts import Code, Facts, Name

Option = Annotated[str, Field(min_length=1, max_length=500)]
OptionPlace = Annotated[int, Field(ge=0, le=19)]


class Lesson(Facts):
    title: Name
    body: Annotated[str, Field(max_length=20_000)] = ""


class Question(Facts):
    """`right_options` are places among the options, from 0. They are taken in and never shown
    before an attempt that had them is graded and passed."""

    text: Annotated[str, Field(min_length=1, max_length=2_000)]
    options: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=500)]],
        Field(min_length=2, max_length=20),
    ]
    right_options: Annotated[list[OptionPlace], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _right_options_are_options(self) -> Self:
        if len(set(self.right_options)) != len(self.right_options):
            raise ValueError("right_options: each at most once")
        if max(self.right_options) >= len(self.options):
            raise ValueError("right_options: a place that is none of the options")
        return self


class CourseContent(Facts):
    """What a revision of a course may change."""

    name: Name
    lessons: Annotated[list[Lesson], Field(max_length=100, default_factory=list)]
    lessons_first: bool = False
    """The exam begins only after every lesson was worked through."""
    questions: Annotated[list[Question], Field(min_length=1, max_length=200)]
    pass_percent: Annotated[int, Field(ge=1, le=100)] = 80
    attempts_allowed: Annotated[int, Field(ge=1, le=100)] = 3
    """Before the person has to be let in again; passing counts them from the start."""
    wait_minutes: Annotated[int, Field(ge=0, le=365 * 24 * 60)] = 0
    """From the grading of an attempt to the begin of the next."""
    validity_days: Annotated[int, Field(ge=1, le=3_650)]
    """How long a certificate counts."""


class CourseFacts(CourseContent):
    code: Code
