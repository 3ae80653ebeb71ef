"""The brand's routing policy (lead_svc); decisions hang on the leads they are about."""

from typing import Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info
from gateway.rows import read_one, resource
from gateway.schema.commands import Command, send
from gateway.schema.fields import described, verb
from gateway.schema.lead_values import RoutingStep
from gateway.schema.problems import Refusal
from gateway.upstream import Service
from shared.events.account import Right


@resource
class RoutingPolicy:
    version: int = strawberry.field(description="0: the rules of a brand that has set none.")
    steps: list[RoutingStep]
    offer_minutes_by_grade: JSON = strawberry.field(description='As {"A": 15, "B": 30, …}.')
    max_offers: int
    required_right: str | None


RoutingPolicyResult: TypeAlias = Annotated[
    RoutingPolicy | Refusal, strawberry.union("RoutingPolicyResult")
]


@strawberry.input
class SetRoutingPolicyInput(Command):
    steps: list[RoutingStep]
    offer_minutes_by_grade: JSON = strawberry.field(description='As {"A": 15, "B": 30, …}.')
    max_offers: int
    required_right: Right | None = None


@strawberry.type
class RoutingQuery:
    @described("The policy that leads are routed by from now on.")
    async def routing_policy(self, info: Info) -> RoutingPolicy | None:
        return read_one(RoutingPolicy, await info.context.get(Service.LEAD, "/routing-policy"))


@strawberry.type
class RoutingMutation:
    @verb("A new version; decisions taken keep the one they were taken by.")
    async def set_routing_policy(
        self, info: Info, input: SetRoutingPolicyInput
    ) -> RoutingPolicyResult:
        return await send(info, Service.LEAD, "/routing-policy", RoutingPolicy, input, method="PUT")
