"""Looking into what was earned: suspicions, reviews and appeals (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.accounts import Staff, Unit
from gateway.schema.commands import OnOneWithReason, run_for, run_on
from gateway.schema.fields import described, verb
from gateway.schema.incentives import ENTRIES, LedgerEntry
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.schema.values import AppealOutcome, AppealStatus, ReviewOutcome, Ruling, SuspicionKind
from gateway.upstream import Service


@strawberry.type(description="Why a reward is worth a look.")
class SuspicionReason:
    kind: SuspicionKind
    message: str
    count: int | None = strawberry.field(
        description="Of entries in the burst, or of the contact's leads."
    )


@strawberry.type(description="A reward that the checks find; paid until somebody rules on it.")
class Suspicion:
    entry_id: strawberry.ID
    cause: str
    amount: Long
    currency: str
    earned_at: Instant
    reasons: list[SuspicionReason]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    lead_staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")
    lead_staff: Staff | None = to_one(
        "lead_staff_id",
        "staff",
        description="Who was paid for the lead of this deal, when that is somebody else.",
    )
    unit: Unit | None = to_one("unit_id", "unit")


@resource
class Review(Node):
    outcome: ReviewOutcome
    reason: str
    decided_by: str
    decided_at: Instant
    entry_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    entry: LedgerEntry | None = to_one("entry_id", "entry")
    staff: Staff | None = to_one("staff_id", "staff")


@resource
class Appeal(Node):
    reason: str
    opened_by: str
    opened_at: Instant
    status: AppealStatus
    decision: str | None = strawberry.field(description="In the words of who decided.")
    decided_by: str | None
    decided_at: Instant | None
    review_id: strawberry.Private[str | None]
    entry_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    review: Review | None = to_one("review_id", "review")
    entry: LedgerEntry | None = to_one("entry_id", "entry")
    staff: Staff | None = to_one("staff_id", "staff")


SUSPICIONS = Kind("entry", Suspicion, Service.ACCOUNT, "/ledger/suspicions", sort_key="entry_id")
REVIEWS = Kind("review", Review, Service.ACCOUNT, "/reviews")
APPEALS = Kind("appeal", Appeal, Service.ACCOUNT, "/appeals")

ReviewResult: TypeAlias = Annotated[Review | Refusal, strawberry.union("ReviewResult")]
AppealResult: TypeAlias = Annotated[Appeal | Refusal, strawberry.union("AppealResult")]


@strawberry.input
class ReviewEntryInput(OnOneWithReason):
    outcome: Ruling


@strawberry.input
class DecideAppealInput(OnOneWithReason):
    outcome: AppealOutcome


@strawberry.type
class ReviewsQuery:
    @described("A month's rewards that the checks find and nobody has ruled on, newest first.")
    async def suspicions(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        period: str | None = None,
        unit_id: strawberry.ID | None = None,
    ) -> Connection[Suspicion] | None:
        return await connection(
            info, SUSPICIONS, first, after, {"period": period, "unit_id": unit_id}
        )

    @described("What was ruled on rewards, newest first.")
    async def reviews(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        entry_id: strawberry.ID | None = None,
    ) -> Connection[Review] | None:
        return await connection(info, REVIEWS, first, after, {"entry_id": entry_id})

    @described("Newest first.")
    async def appeals(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: AppealStatus | None = None,
    ) -> Connection[Appeal] | None:
        return await connection(info, APPEALS, first, after, {"status": status})


@strawberry.type
class ReviewsMutation:
    @verb("Clear a reward of suspicion, or take it back by a counter-entry.")
    async def review_entry(self, info: Info, input: ReviewEntryInput) -> ReviewResult:
        return await run_for(info, ENTRIES, input, "review", Review)

    @verb("Appeal against the review that took a reward back, once.")
    async def appeal_entry(self, info: Info, input: OnOneWithReason) -> AppealResult:
        return await run_for(info, ENTRIES, input, "appeal", Appeal)

    @verb("Give the reward back, or leave it taken; never by who took it.")
    async def decide_appeal(self, info: Info, input: DecideAppealInput) -> AppealResult:
        return await run_on(info, APPEALS, input, "decide")
