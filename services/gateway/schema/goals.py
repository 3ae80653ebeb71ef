"""Goals of units and people, with their history (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.accounts import Staff, Unit
from gateway.schema.commands import Command, send
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.schema.values import Metric
from gateway.upstream import Service


@resource
class Goal(Node):
    period: str
    metric: Metric
    version: int
    target: Long = strawberry.field(description="0: the goal was taken back.")
    is_current: bool = strawberry.field(description="No later version has replaced it.")
    set_by: str
    set_at: Instant
    unit_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit", description="With all below it.")
    staff: Staff | None = to_one("staff_id", "staff")


@resource
class GoalsSet:
    items: strawberry.Private[list[Goal]]

    @described("In the order of the input.")
    async def goals(self, info: Info) -> list[Goal]:
        await prefetch(info, self.items)
        return self.items


GOALS = Kind("goal", Goal, Service.ACCOUNT, "/goals")

GoalsSetResult: TypeAlias = Annotated[GoalsSet | Refusal, strawberry.union("GoalsSetResult")]


@strawberry.input
class UnitTargetInput:
    unit_id: strawberry.ID
    target: Long


@strawberry.input
class StaffTargetInput:
    staff_id: strawberry.ID
    target: Long


@strawberry.input
class SetUnitGoalsInput(Command):
    period: str = strawberry.field(description="A month as 2026-11 or a quarter as 2026-Q4.")
    metric: Metric
    goals: list[UnitTargetInput]


@strawberry.input
class SetStaffGoalsInput(Command):
    period: str = strawberry.field(description="A month as 2026-11 or a quarter as 2026-Q4.")
    metric: Metric
    goals: list[StaffTargetInput]


@strawberry.type
class GoalsQuery:
    @described("Every version of every goal, newest first.")
    async def goals(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        period: str | None = None,
        metric: Metric | None = None,
    ) -> Connection[Goal] | None:
        filters = {"unit_id": unit_id, "staff_id": staff_id, "period": period, "metric": metric}
        return await connection(info, GOALS, first, after, filters)


@strawberry.type
class GoalsMutation:
    @verb("A new version of each unit's goal; a manager sets those below their own units.")
    async def set_unit_goals(self, info: Info, input: SetUnitGoalsInput) -> GoalsSetResult:
        return await send(info, Service.ACCOUNT, "/goals/of-units", GoalsSet, input)

    @verb("A new version of each person's goal.")
    async def set_staff_goals(self, info: Info, input: SetStaffGoalsInput) -> GoalsSetResult:
        return await send(info, Service.ACCOUNT, "/goals/of-staff", GoalsSet, input)
