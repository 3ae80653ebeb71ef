"""The estate: whose accounts are, what platforms say of them, who takes them (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Batch, Kind, resource
from gateway.schema.accounts import ACCOUNTS, Account, AccountResult, Staff
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_on
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.standing_values import HandoverItemKind, HandoverItemStatus
from gateway.schema.values import PolicyFact
from gateway.upstream import Service
from shared.events.account import HandoverStatus, Ownership, PlatformStatus

_THINGS = (
    "Leads and contacts: those given to others. Drafts: drafts and queued posts of the account."
)


@strawberry.type(description="How many things of a kind stand where.")
class HandoverCount:
    kind: HandoverItemKind
    status: HandoverItemStatus
    items: int
    things: int = strawberry.field(description=_THINGS)
    next_at: Instant | None = strawberry.field(description="When the first of them is due.")


@strawberry.type
class HandoverProgress:
    handover_id: str
    counts: list[HandoverCount]


PROGRESS_BY_HANDOVER = Batch(
    "handover_id", HandoverProgress, Service.ACCOUNT, "/handovers/progress/by-handovers"
)


@resource
class Handover(Node):
    status: HandoverStatus
    taker_ids: list[strawberry.ID]
    awaited_ids: list[strawberry.ID] = strawberry.field(
        description="Accounts whose customers and communities have not been listed yet."
    )
    starts_at: Instant
    opened_by: str
    opened_at: Instant
    finished_at: Instant | None
    cancel_reason: str | None
    version: int
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff", description="Who leaves.")

    @described("How many things of each kind stand where.")
    async def progress(self, info: Info) -> list[HandoverCount] | None:
        found = await info.context.batch(PROGRESS_BY_HANDOVER).load(self.id)
        return None if found is None else found.counts


@resource
class HandoverItem(Node):
    kind: HandoverItemKind
    status: HandoverItemStatus
    due_at: Instant | None
    waits_for: PolicyFact | None = strawberry.field(
        description="The platform's limit that the step waits for."
    )
    refusal: str | None
    things: int = strawberry.field(description=_THINGS)
    attempts: int
    changed_at: Instant
    handover_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    taker_id: strawberry.Private[str | None]
    handover: Handover | None = to_one("handover_id", "handover")
    account: Account | None = to_one(
        "account_id", "acct", description="The account itself, or the one that it is of."
    )
    taker: Staff | None = to_one("taker_id", "staff")


HANDOVERS = Kind("handover", Handover, Service.ACCOUNT, "/handovers")
HANDOVER_ITEMS = Kind("hitem", HandoverItem, Service.ACCOUNT, "/handover-items")

HandoverResult: TypeAlias = Annotated[Handover | Refusal, strawberry.union("HandoverResult")]


@strawberry.input
class SubmitAccountInput(OnOne):
    reason: str | None = None


@strawberry.input
class NotePlatformStatusInput(OnOne):
    platform_status: PlatformStatus
    is_held: bool = strawberry.field(
        default=True, description="False: the platform has taken it back."
    )
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    reference: str = strawberry.field(
        description="Where it can be seen: a number of the platform, a page."
    )


@strawberry.input
class StateOwnershipInput(OnOne):
    ownership: Ownership
    reference: str = strawberry.field(
        description="Where it is written: a contract, a signed consent."
    )


@strawberry.input
class OpenHandoverInput(Command):
    staff_id: strawberry.ID
    taker_ids: list[strawberry.ID]
    starts_at: Instant | None = None


@strawberry.input
class ChangeTakersInput(OnOne):
    taker_ids: list[strawberry.ID]


@strawberry.type
class EstateQuery:
    @strawberry.field
    async def handover(self, info: Info, id: strawberry.ID) -> Handover | None:
        return await find(info, HANDOVERS, id)

    @described("Newest first.")
    async def handovers(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
    ) -> Connection[Handover] | None:
        return await connection(info, HANDOVERS, first, after, {"staff_id": staff_id})

    @described("What is handed over, each thing with its taker, limit, state and refusal.")
    async def handover_items(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        handover_id: strawberry.ID | None = None,
        kind: HandoverItemKind | None = None,
        status: HandoverItemStatus | None = None,
    ) -> Connection[HandoverItem] | None:
        filters = {"handover_id": handover_id, "kind": kind, "status": status}
        return await connection(info, HANDOVER_ITEMS, first, after, filters)


@strawberry.type
class EstateMutation:
    @verb("A planned account is opened and waits for the platform.")
    async def submit_account(self, info: Info, input: SubmitAccountInput) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "submit")

    @verb("What the platform itself says that the account is; the latest note holds.")
    async def note_platform_status(
        self, info: Info, input: NotePlatformStatusInput
    ) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "note-platform-status")

    @verb("Whose the account is when its person leaves.")
    async def state_ownership(self, info: Info, input: StateOwnershipInput) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "state-ownership")

    @verb("Plan where everything goes that somebody leaves behind; nothing is done yet.")
    async def open_handover(self, info: Info, input: OpenHandoverInput) -> HandoverResult:
        return await run(info, HANDOVERS, input)

    @verb("Carry the plan out.")
    async def start_handover(self, info: Info, input: OnOne) -> HandoverResult:
        return await run_on(info, HANDOVERS, input, "start")

    @verb("Others take what is not done yet; what failed is tried again.")
    async def change_takers(self, info: Info, input: ChangeTakersInput) -> HandoverResult:
        return await run_on(info, HANDOVERS, input, "change-takers")

    @verb("Nothing more goes to others: what is done stays, what a platform is moving is moved.")
    async def cancel_handover(self, info: Info, input: OnOneWithReason) -> HandoverResult:
        return await run_on(info, HANDOVERS, input, "cancel")
