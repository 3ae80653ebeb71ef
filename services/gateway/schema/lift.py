"""Placing people in tiers, and lifting the middle and the tail (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_items, resource
from gateway.schema.accounts import Staff
from gateway.schema.commands import Command, OnOne, run, run_on, send
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.training import Course, ExamAttempt
from gateway.schema.values import LiftStatus, Metric, Skill, Tier
from gateway.upstream import Service


@resource
class Tiering:
    period: str
    metric: Metric
    skill_percent: int
    top_percent: int
    tail_percent: int
    least_group: int
    people: int | None
    placed_by: str
    asked_at: Instant
    placed_at: Instant | None = strawberry.field(
        description="Null until the people are placed by these rules."
    )


@resource
class SkillCourse:
    skill: Skill
    set_by: str
    set_at: Instant
    course_id: strawberry.Private[str | None]
    course: Course | None = to_one("course_id", "course")


@resource
class LiftTask(Node):
    period: str = strawberry.field(description="Of the placement that it came from.")
    tier: Tier
    skill: Skill
    gap: int = strawberry.field(description="When the task was assigned.")
    status: LiftStatus
    due_at: Instant
    is_overdue: bool
    assigned_by: str
    assigned_at: Instant
    done_at: Instant | None
    retests: int
    closed_at: Instant | None
    staff_id: strawberry.Private[str | None]
    course_id: strawberry.Private[str | None]
    attempt_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    course: Course | None = to_one("course_id", "course")
    retest: ExamAttempt | None = to_one("attempt_id", "attempt", description="The last one.")


LIFT_TASKS = Kind("lift", LiftTask, Service.ACCOUNT, "/lift-tasks")

TieringResult: TypeAlias = Annotated[Tiering | Refusal, strawberry.union("TieringResult")]
SkillCourseResult: TypeAlias = Annotated[
    SkillCourse | Refusal, strawberry.union("SkillCourseResult")
]
LiftTaskResult: TypeAlias = Annotated[LiftTask | Refusal, strawberry.union("LiftTaskResult")]


@strawberry.input
class PlacePeopleInput(Command):
    period: str | None = strawberry.field(
        default=None, description="A month as 2026-11; this month if left out."
    )
    metric: Metric | None = None
    skill_percent: int | None = strawberry.field(
        default=None, description="Weight of the skills beside the result."
    )
    top_percent: int | None = None
    tail_percent: int | None = None
    least_group: int | None = strawberry.field(
        default=None, description="Fewer people of a league are not compared."
    )


@strawberry.input
class SetSkillCourseInput(Command):
    skill: Skill
    course_id: strawberry.ID


@strawberry.input
class AssignLiftInput(Command):
    staff_id: strawberry.ID
    skill: Skill | None = strawberry.field(
        default=None, description="The one with the largest gap if left out."
    )
    due_at: Instant


@strawberry.input
class CompleteLiftInput(OnOne):
    pass


@strawberry.type
class LiftQuery:
    @described("Tasks that lift people, newest first; of a unit with all below it.")
    async def lift_tasks(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
        status: LiftStatus | None = None,
    ) -> Connection[LiftTask] | None:
        filters = {"staff_id": staff_id, "unit_id": unit_id, "status": status}
        return await connection(info, LIFT_TASKS, first, after, filters)

    @described("The months that were placed or are to be, newest first.")
    async def tierings(self, info: Info) -> list[Tiering] | None:
        return read_items(Tiering, await info.context.get(Service.ACCOUNT, "/tiers"))

    @described("Which course trains which skill.")
    async def skill_courses(self, info: Info) -> list[SkillCourse] | None:
        rows = read_items(SkillCourse, await info.context.get(Service.ACCOUNT, "/skill-courses"))
        await prefetch(info, rows)
        return rows


@strawberry.type
class LiftMutation:
    @verb("Everybody's tier of a month, among the people of stores of one league.")
    async def place_people(self, info: Info, input: PlacePeopleInput) -> TieringResult:
        return await send(info, Service.ACCOUNT, "/tiers/place", Tiering, input)

    @verb("From now on this course trains the skill.")
    async def set_skill_course(self, info: Info, input: SetSkillCourseInput) -> SkillCourseResult:
        return await send(info, Service.ACCOUNT, "/skill-courses", SkillCourse, input)

    @verb("A person of the middle or the tail gets the course that trains a skill with a gap.")
    async def assign_lift(self, info: Info, input: AssignLiftInput) -> LiftTaskResult:
        return await run(info, LIFT_TASKS, input)

    @verb("The lesson is worked through; the exam of the course is the retest.")
    async def complete_lift(self, info: Info, input: CompleteLiftInput) -> LiftTaskResult:
        return await run_on(info, LIFT_TASKS, input, "complete")
