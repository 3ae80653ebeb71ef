"""What platforms allow, for every brand and as the brand knows better (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.rows import Kind, read_one, resource
from gateway.schema.commands import Command, run
from gateway.schema.fields import OWN_CALL, described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.values import PolicyFact, PolicyOrigin
from gateway.upstream import Refused, Service
from shared.events.account import Platform


@resource
class PlatformPolicy(Node):
    platform: Platform
    fact: PolicyFact
    number: int | None
    words: list[str] | None = strawberry.field(description="For facts that are told in words.")
    valid_from: Instant
    valid_to: Instant | None = strawberry.field(description="The first instant it does not hold.")
    source: str


@resource
class HoldingPolicy:
    platform: Platform
    fact: PolicyFact
    number: int | None
    words: list[str] | None
    valid_from: Instant
    valid_to: Instant | None
    source: str
    origin: PolicyOrigin
    is_second_hand: bool = strawberry.field(
        description="Nobody read the platform's own text: read it before relying on this."
    )


@strawberry.type(description="All rows of this fact have ended: nobody knows what holds.")
class ExpiredPolicy:
    platform: Platform
    fact: PolicyFact
    reason: str


@resource
class HoldingPolicies:
    at: Instant
    items: list[HoldingPolicy]
    expired: list[ExpiredPolicy]


POLICIES = Kind("policy", PlatformPolicy, Service.ACCOUNT, "/policies")

PlatformPolicyResult: TypeAlias = Annotated[
    PlatformPolicy | Refusal, strawberry.union("PlatformPolicyResult")
]


@strawberry.input
class SetPlatformPolicyInput(Command):
    platform: Platform
    fact: PolicyFact
    number: int | None = None
    words: list[str] | None = None
    valid_from: Instant | None = strawberry.field(default=None, description="From now, if absent.")
    valid_to: Instant | None = None
    source: str = strawberry.field(description="Where it is written, as a contract and its date.")


@strawberry.type
class PoliciesQuery:
    @described("The brand's own rows, expired ones too, newest first.")
    async def platform_policies(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        platform: Platform | None = None,
        fact: PolicyFact | None = None,
    ) -> Connection[PlatformPolicy] | None:
        return await connection(info, POLICIES, first, after, {"platform": platform, "fact": fact})

    @described("What holds at an instant, now if left out; the brand's rows come first.")
    async def holding_policies(
        self, info: Info, platform: Platform | None = None, at: Instant | None = None
    ) -> HoldingPolicies | None:
        answer = await info.context.get(
            Service.ACCOUNT, "/policies/holding", platform=platform, at=at
        )
        return read_one(HoldingPolicies, answer)

    @described(
        "The row that decides; null if there is none, an error `policy_expired` if all have ended.",
        cost=OWN_CALL,
    )
    async def holding_policy(
        self, info: Info, platform: Platform, fact: PolicyFact, at: Instant | None = None
    ) -> HoldingPolicy | None:
        path = f"/policies/holding/{platform.value}/{fact.value}"
        try:
            return read_one(HoldingPolicy, await info.context.get(Service.ACCOUNT, path, at=at))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise


@strawberry.type
class PoliciesMutation:
    @verb("A row above the platform's; earlier rows stay and hold until it begins.")
    async def set_platform_policy(
        self, info: Info, input: SetPlatformPolicyInput
    ) -> PlatformPolicyResult:
        return await run(info, POLICIES, input)
