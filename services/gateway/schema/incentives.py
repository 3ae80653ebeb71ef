"""What sellers earn and where the stores stand in the race (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_page, resource
from gateway.schema.accounts import Staff, Unit
from gateway.schema.commands import Command, run
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.schema.values import IncentiveTrigger
from gateway.upstream import Service


@resource
class IncentiveRule(Node):
    trigger: IncentiveTrigger
    amount: Long | None = strawberry.field(description="Points, or minor units of the currency.")
    rate_bp: int | None = strawberry.field(
        description="Share of a deal in hundredths of a percent."
    )
    currency: str
    version: int
    valid_from: Instant
    is_active: bool


@resource
class LedgerEntry(Node):
    rule_id: strawberry.ID | None
    rule_version: int | None
    cause: str
    amount: Long
    currency: str
    earned_at: Instant
    reverses_id: strawberry.ID | None = strawberry.field(description="The entry it takes back.")
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")


@strawberry.type(description="A store's place in the race of a month.")
class RaceStanding:
    rank: int
    points: Long
    accepted_leads: int
    deals: int
    previous_points: Long | None
    store_id: strawberry.Private[str | None]
    store: Unit | None = to_one("store_id", "unit")


RULES = Kind("rule", IncentiveRule, Service.ACCOUNT, "/incentive-rules")
ENTRIES = Kind("entry", LedgerEntry, Service.ACCOUNT, "/ledger")

IncentiveRuleResult: TypeAlias = Annotated[
    IncentiveRule | Refusal, strawberry.union("IncentiveRuleResult")
]


@strawberry.input
class SetIncentiveRuleInput(Command):
    trigger: IncentiveTrigger
    amount: Long | None = None
    rate_bp: int | None = None
    currency: str
    valid_from: Instant | None = None


async def standings(info: Info, period: str, first: int) -> list[RaceStanding]:
    answer = await info.context.get(Service.ACCOUNT, "/race", period=period, first=first)
    rows = read_page(RaceStanding, answer).items
    await prefetch(info, rows)
    return rows


@strawberry.type
class IncentivesQuery:
    @described("The stores in order; `period` is a month such as 2026-11.")
    async def race(self, info: Info, period: str, first: int = 10) -> list[RaceStanding] | None:
        return await standings(info, period, first)

    @described("What was earned, newest first; counter-entries take back.")
    async def ledger(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[LedgerEntry] | None:
        return await connection(
            info, ENTRIES, first, after, {"staff_id": staff_id, "unit_id": unit_id}
        )

    @strawberry.field
    async def incentive_rules(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[IncentiveRule] | None:
        return await connection(info, RULES, first, after)


@strawberry.type
class IncentivesMutation:
    @verb("A new version of the trigger's rule; earlier entries keep theirs.")
    async def set_incentive_rule(
        self, info: Info, input: SetIncentiveRuleInput
    ) -> IncentiveRuleResult:
        return await run(info, RULES, input)
