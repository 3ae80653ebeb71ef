"""Where the stores stand in the race of a month, and its rules (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, prefetch
from gateway.relations import to_one
from gateway.rows import read_one, read_page, resource
from gateway.schema.accounts import Unit
from gateway.schema.commands import Command, send
from gateway.schema.fields import described, verb
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Long
from gateway.schema.values import RankedBy
from gateway.upstream import Service


@strawberry.type(description="A store's place in the race of a month.")
class RaceStanding:
    rank: int
    league: str = strawberry.field(description="The code of the league by the month's rules.")
    score: float = strawberry.field(description="What the rules rank by.")
    is_eligible: bool = strawberry.field(
        description="False: the store ranks behind all that are, for the reason named."
    )
    ineligible_because: str | None
    points: Long
    accepted_leads: int
    deals: int
    voided_leads: int
    sellers: int = strawberry.field(description="Who sold for it when the month began to count.")
    previous_points: Long | None
    store_id: strawberry.Private[str | None]
    store: Unit | None = to_one("store_id", "unit")


@strawberry.type(description="Stores of a like size and traffic.")
class League:
    code: str
    name: str
    min_sellers: int
    min_leads: int = strawberry.field(description="Accepted in the month before.")


@strawberry.type(description="From where on what was earned is worth a look.")
class RewardChecks:
    burst_entries: int = strawberry.field(
        description="Of one seller and trigger within the minutes."
    )
    burst_minutes: int
    leads_per_contact: int = strawberry.field(description="Paid without a question.")
    contact_days: int
    appeal_days: int = strawberry.field(description="How long a seller may appeal.")


@resource
class RacePolicy:
    version: int = strawberry.field(description="0: the rules of a brand that has set none.")
    ranked_by: RankedBy
    leagues: list[League] = strawberry.field(
        description="A store is in the last whose two minimums it reaches."
    )
    progress_floor: int = strawberry.field(
        description="Points added to both months before they are compared."
    )
    max_voided_percent: int
    checks: RewardChecks


RacePolicyResult: TypeAlias = Annotated[RacePolicy | Refusal, strawberry.union("RacePolicyResult")]


@strawberry.input
class LeagueInput:
    code: str
    name: str
    min_sellers: int = 0
    min_leads: int = 0


@strawberry.input
class RewardChecksInput:
    burst_entries: int | None = None
    burst_minutes: int | None = None
    leads_per_contact: int | None = None
    contact_days: int | None = None
    appeal_days: int | None = None


@strawberry.input
class SetRacePolicyInput(Command):
    ranked_by: RankedBy | None = None
    leagues: list[LeagueInput] | None = None
    progress_floor: int | None = None
    max_voided_percent: int | None = None
    checks: RewardChecksInput | None = None
    from_period: str | None = strawberry.field(
        default=None, description="The first month, as 2026-11; this month if left out."
    )


async def standings(
    info: Info, period: str, first: int, league: str | None = None
) -> list[RaceStanding]:
    answer = await info.context.get(
        Service.ACCOUNT, "/race", period=period, first=first, league=league
    )
    rows = read_page(RaceStanding, answer).items
    await prefetch(info, rows)
    return rows


@strawberry.type
class RaceQuery:
    @described("The stores in order, of one league or of all; `period` is a month such as 2026-11.")
    async def race(
        self, info: Info, period: str, first: int = 10, league: str | None = None
    ) -> list[RaceStanding] | None:
        return await standings(info, period, first, league)

    @described("The rules of a month's race, this month's if left out.")
    async def race_policy(self, info: Info, period: str | None = None) -> RacePolicy | None:
        answer = await info.context.get(Service.ACCOUNT, "/race-policy", period=period)
        return read_one(RacePolicy, answer)


@strawberry.type
class RaceMutation:
    @verb("A new version; months that are over keep theirs.")
    async def set_race_policy(self, info: Info, input: SetRacePolicyInput) -> RacePolicyResult:
        return await send(info, Service.ACCOUNT, "/race-policy", RacePolicy, input, method="PUT")
