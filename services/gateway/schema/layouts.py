"""The planned shape of a matrix and what it lacks (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.relations import to_one
from gateway.rows import Kind, read_items, read_one, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_on
from gateway.schema.fields import OWN_CALL, described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.values import (
    CandidatePlace,
    Domain,
    OffRosterStatus,
    PolicyFact,
    Seat,
    SeatCause,
    SeatState,
)
from gateway.upstream import Service
from shared.events.account import Platform, UnitKind


@strawberry.type(description="So many seats for each unit of a kind, on each of the platforms.")
class SeatRule:
    seat: Seat
    per: UnitKind
    count: int
    platforms: list[Platform]
    label: str
    skills: list[str]
    tiers: list[str]


@resource
class Layout(Node):
    name: str
    version: int
    public: list[SeatRule]
    private: list[SeatRule]
    cities: list[str]
    created_at: Instant


@resource
class BuiltInLayout:
    name: str
    public: list[SeatRule]
    private: list[SeatRule]


@strawberry.type
class LayoutCity:
    city: str
    stores: int
    wanted: int
    filled: int
    is_gap: bool = strawberry.field(description="Nobody of the brand is to be met there.")


@strawberry.type(description="Seats of a platform against the policy that holds.")
class SeatQuota:
    platform: Platform
    fact: PolicyFact
    limit: int | None
    used: int = strawberry.field(description="Per store: of the store that needs most.")
    needed: int = strawberry.field(description="With every missing seat filled.")
    is_exceeded: bool
    over: int = strawberry.field(description="How many stores would pass the limit.")
    over_unit_ids: list[strawberry.ID]
    source: str | None
    refusal: str | None = strawberry.field(description="Why no limit is known: it has expired.")


@resource
class LayoutReport:
    layout: str
    version: int = strawberry.field(description="0: a built-in one.")
    form: Domain
    at: Instant
    wanted: int
    filled: int
    missing: int
    without_candidate: int
    doubled: int
    orphaned: int
    unplanned: int
    off_roster: int = strawberry.field(description="Reported, and nobody has decided.")
    cities: list[LayoutCity]
    quotas: list[SeatQuota]


@resource
class LayoutSeat:
    position: int
    state: SeatState
    seat: Seat
    label: str | None
    platform: Platform
    cause: SeatCause | None = strawberry.field(description="Why the account fills no seat.")
    candidate_place: CandidatePlace | None
    why: str | None = strawberry.field(
        description="For the candidate, against the others, or why the account fills no seat."
    )
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    candidate_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit")
    account: Account | None = to_one("account_id", "acct")
    candidate: Staff | None = to_one("candidate_id", "staff")


@resource
class OffRosterAccount(Node):
    platform: Platform
    handle: str
    note: str | None
    status: OffRosterStatus
    reported_at: Instant
    decided_at: Instant | None
    reason: str | None
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit", description="Where it says that it sells.")
    account: Account | None = to_one("account_id", "acct", description="What it was adopted as.")


LAYOUTS = Kind("layout", Layout, Service.ACCOUNT, "/layouts")
OFF_ROSTER = Kind("offroster", OffRosterAccount, Service.ACCOUNT, "/off-roster-accounts")
_SEATS = Kind("", LayoutSeat, Service.ACCOUNT, "/layouts/seats", sort_key="position")

LayoutResult: TypeAlias = Annotated[Layout | Refusal, strawberry.union("LayoutResult")]
OffRosterResult: TypeAlias = Annotated[
    OffRosterAccount | Refusal, strawberry.union("OffRosterResult")
]


@strawberry.input
class SeatRuleInput:
    seat: Seat
    per: UnitKind
    count: int = 1
    platforms: list[Platform]
    label: str
    skills: list[str] | None = None
    tiers: list[str] | None = strawberry.field(default=None, description="The best first.")


@strawberry.input
class SetLayoutInput(Command):
    name: str
    public: list[SeatRuleInput] | None = None
    private: list[SeatRuleInput] | None = None
    cities: list[str] | None = strawberry.field(
        default=None, description="Where the brand wants to be, with a store or without."
    )


@strawberry.input
class ReportOffRosterInput(Command):
    platform: Platform
    handle: str
    unit_id: strawberry.ID | None = None
    note: str | None = None


@strawberry.input
class AdoptOffRosterInput(OnOne):
    display_name: str
    domain: Domain
    seat: Seat
    unit_id: strawberry.ID
    staff_id: strawberry.ID | None = None


@strawberry.type
class LayoutsQuery:
    @described("Every version of the brand's own layouts, newest first.")
    async def layouts(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Layout] | None:
        return await connection(info, LAYOUTS, first, after)

    @described("Those that every brand has.")
    async def built_in_layouts(self, info: Info) -> list[BuiltInLayout] | None:
        return read_items(
            BuiltInLayout, await info.context.get(Service.ACCOUNT, "/layouts/built-in")
        )

    @described("What a layout asks of the caller's part of the matrix, in figures.", cost=OWN_CALL)
    async def layout_report(
        self,
        info: Info,
        layout: str,
        form: Domain,
        unit_id: strawberry.ID | None = None,
        platform: Platform | None = None,
    ) -> LayoutReport | None:
        answer = await info.context.get(
            Service.ACCOUNT,
            "/layouts/report",
            layout=layout,
            form=form,
            unit_id=unit_id,
            platform=platform,
        )
        return read_one(LayoutReport, answer)

    @described("The seats of a layout in one state, in the order of the tree.", cost=OWN_CALL)
    async def layout_seats(
        self,
        info: Info,
        layout: str,
        form: Domain,
        state: SeatState = SeatState.MISSING,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        platform: Platform | None = None,
    ) -> Connection[LayoutSeat] | None:
        return await connection(
            info,
            _SEATS,
            first,
            after,
            {
                "layout": layout,
                "form": form,
                "state": state,
                "unit_id": unit_id,
                "platform": platform,
            },
        )

    @described("Accounts that pose as the brand's and that nobody registered, newest first.")
    async def off_roster_accounts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        status: OffRosterStatus | None = None,
    ) -> Connection[OffRosterAccount] | None:
        return await connection(
            info, OFF_ROSTER, first, after, {"unit_id": unit_id, "status": status}
        )


@strawberry.type
class LayoutsMutation:
    @verb("A new version of the brand's layout of this name.")
    async def set_layout(self, info: Info, input: SetLayoutInput) -> LayoutResult:
        return await run(info, LAYOUTS, input)

    @verb()
    async def report_off_roster_account(
        self, info: Info, input: ReportOffRosterInput
    ) -> OffRosterResult:
        return await run(info, OFF_ROSTER, input)

    @verb("It becomes a registered account, pending until it is activated.")
    async def adopt_off_roster_account(
        self, info: Info, input: AdoptOffRosterInput
    ) -> OffRosterResult:
        return await run_on(info, OFF_ROSTER, input, "adopt")

    @verb("It is none of the brand's.")
    async def reject_off_roster_account(
        self, info: Info, input: OnOneWithReason
    ) -> OffRosterResult:
        return await run_on(info, OFF_ROSTER, input, "reject")
