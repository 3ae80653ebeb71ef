"""What sellers earn (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, is_id, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_items, read_one, resource
from gateway.schema.accounts import STAFF, Staff, Unit
from gateway.schema.commands import Command, run
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.schema.values import IncentiveTrigger
from gateway.upstream import Refused, Service


@resource
class IncentiveRule(Node):
    trigger: IncentiveTrigger
    amount: Long | None = strawberry.field(description="Points, or minor units of the currency.")
    rate_bp: int | None = strawberry.field(
        description="Share of a deal in hundredths of a percent."
    )
    formula: str | None = strawberry.field(
        description="Pays instead of both, over what the trigger tells."
    )
    monthly_budget: Long | None = strawberry.field(
        description="What is paid out for the trigger in a month, in the currency's unit."
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
    debit: str = strawberry.field(
        description="The account it moves from: `rewards/<trigger>`, or the seller's id when it "
        "is a counter-entry, for the absolute amount."
    )
    credit: str = strawberry.field(description="The account it moves to.")
    amount: Long
    currency: str
    earned_at: Instant
    reverses_id: strawberry.ID | None = strawberry.field(description="The entry it takes back.")
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one("unit_id", "unit")


@strawberry.type(description="What one trigger's causes of a month came to.")
class StatementLine:
    trigger: IncentiveTrigger
    currency: str
    entries: int
    earned: Long
    taken_back: Long
    over_budget: Long = strawberry.field(description="Earned after the budget was used up.")
    payable: Long


@strawberry.type(description="A person's month as it stands: a late void lowers it.")
class Statement:
    period: str
    lines: list[StatementLine]
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")


@strawberry.type(description="Both sides of an account; over a currency's accounts they are equal.")
class LedgerBalance:
    account: str
    currency: str
    debit: Long
    credit: Long


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
    formula: str | None = None
    monthly_budget: Long | None = None
    currency: str
    valid_from: Instant | None = None


@strawberry.type
class IncentivesQuery:
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

    @described("What a person earned in a month; null when they are not the caller's to see.")
    async def statement(
        self, info: Info, staff_id: strawberry.ID, period: str | None = None
    ) -> Statement | None:
        if not is_id(staff_id, STAFF.prefix):
            return None
        try:
            answer = await info.context.get(
                Service.ACCOUNT, f"/staff/{staff_id}/statement", period=period
            )
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        row = read_one(Statement, answer)
        await prefetch(info, [row])
        return row

    @described("The trial balance of a month: what rewards gave is what sellers got.")
    async def ledger_balances(
        self, info: Info, period: str | None = None
    ) -> list[LedgerBalance] | None:
        answer = await info.context.get(Service.ACCOUNT, "/ledger/balances", period=period)
        return read_items(LedgerBalance, answer)

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
