"""The matrix: org units, staff, accounts and their personas (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, find, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_items, resource
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_on
from gateway.schema.course_progress import COURSES_BY_STAFF, CourseProgress
from gateway.schema.fields import OWN_CALL, PERSONAL, described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.personas import Persona
from gateway.schema.problems import Refusal
from gateway.schema.progress import GoalProgress, progress_by_staff, progress_by_unit
from gateway.schema.rights import RIGHTS_BY_STAFF, RightState
from gateway.schema.scalars import Instant
from gateway.schema.skills import (
    TALENT_BY_STAFF,
    TALENT_BY_UNIT,
    SkillProfile,
    UnitSkill,
)
from gateway.schema.standing import (
    HEALTH_BY_ACCOUNT,
    STATUSES_BY_ACCOUNT,
    AccountHealth,
    NotedPlatformStatus,
)
from gateway.schema.tiers import TIERS_BY_STAFF, LiftFigures, Placement, lift_by_unit
from gateway.schema.values import Domain, Seat, StaffStatus
from gateway.upstream import Service
from shared.events.account import AccountStatus, HealthLevel, Ownership, Platform, UnitKind


@resource
class Unit(Node):
    kind: UnitKind
    code: str
    name: str
    city_code: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    opens_at: str | None
    closes_at: str | None
    version: int
    parent_id: strawberry.Private[str | None]
    ancestor_ids: strawberry.Private[list[str]]
    parent: "Unit | None" = to_one("parent_id", "unit")

    @described("The units right below, newest first.")
    async def children(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection["Unit"] | None:
        return await connection(info, UNITS, first, after, {"parent_id": self.id})

    @described("Skills of the people of the unit and all below; null for sellers.")
    async def talent(self, info: Info) -> list[UnitSkill] | None:
        found = await info.context.batch(TALENT_BY_UNIT).load(self.id)
        return None if found is None else found.skills

    @described("A month's or quarter's goals, this month's if left out; null for sellers.")
    async def goal_progress(
        self, info: Info, period: str | None = None
    ) -> list[GoalProgress] | None:
        found = await info.context.batch(progress_by_unit(period)).load(self.id)
        return None if found is None else found.metrics

    @described("How its people stand in the newest months, up to 12; null for sellers.")
    async def lift(self, info: Info, months: int = 3) -> list[LiftFigures] | None:
        found = await info.context.batch(lift_by_unit(months)).load(self.id)
        return None if found is None else found.periods


@resource
class Staff(Node):
    code: str
    name: str | None = strawberry.field(description="Masked for callers without personal data.")
    phone: str | None = strawberry.field(description="Masked for callers without personal data.")
    is_seller: bool
    open_lead_capacity: int
    skills: list[str]
    product_lines: list[str]
    languages: list[str]
    tier: str
    status: StaffStatus
    absent_from: Instant | None
    absent_until: Instant | None
    absence_reason: str | None = strawberry.field(description="Null without personal data.")
    joined_at: Instant | None
    departed_at: Instant | None
    departure_reason: str | None = strawberry.field(description="Null without personal data.")
    version: int
    unit_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit")

    @described("What the person may do now, and why not.")
    async def rights(self, info: Info) -> list[RightState] | None:
        found = await info.context.batch(RIGHTS_BY_STAFF).load(self.id)
        return None if found is None else found.rights

    @described("How far the person has come with the courses that they have begun.")
    async def courses(self, info: Info) -> list[CourseProgress] | None:
        found = await info.context.batch(COURSES_BY_STAFF).load(self.id)
        return None if found is None else found.courses

    @described("Six skills against what the person's personas want.")
    async def talent(self, info: Info) -> list[SkillProfile] | None:
        found = await info.context.batch(TALENT_BY_STAFF).load(self.id)
        return None if found is None else found.skills

    @described("A month's or quarter's goals, this month's if left out.")
    async def goal_progress(
        self, info: Info, period: str | None = None
    ) -> list[GoalProgress] | None:
        found = await info.context.batch(progress_by_staff(period)).load(self.id)
        return None if found is None else found.metrics

    @described("The months in which the person was placed, newest first.")
    async def placements(self, info: Info) -> list[Placement] | None:
        found = await info.context.batch(TIERS_BY_STAFF).load(self.id)
        return None if found is None else found.placements


@strawberry.type(description="A step in the life of an account.")
class AccountChange:
    from_status: AccountStatus | None
    to_status: AccountStatus
    reason: str | None
    actor: str
    at: Instant
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff", description="Who ran the account from then.")


@resource
class Account(Node):
    platform: Platform
    handle: str
    display_name: str | None
    platform_id: str | None = strawberry.field(
        description="What the platform calls the account in its hooks, as Douyin's open_id."
    )
    domain: Domain
    seat: Seat
    status: AccountStatus
    status_reason: str | None
    status_changed_at: Instant | None
    ownership: Ownership | None = strawberry.field(
        description="Whose it is when its person leaves; null: nobody has said."
    )
    version: int
    unit_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    persona_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit")
    staff: Staff | None = to_one("staff_id", "staff")
    persona: Persona | None = to_one("persona_id", "persona")

    @described("Its life so far, newest first.", cost=OWN_CALL)
    async def history(self, info: Info) -> list[AccountChange] | None:
        answer = await info.context.get(Service.ACCOUNT, f"/accounts/{self.id}/history")
        return read_items(AccountChange, answer)

    @described("What the platform itself says that it is, the latest note first.")
    async def platform_statuses(self, info: Info) -> list[NotedPlatformStatus] | None:
        found = await info.context.batch(STATUSES_BY_ACCOUNT).load(self.id)
        return None if found is None else found.statuses

    @described("Null for an account that is not yet or no longer there.")
    async def health(self, info: Info) -> AccountHealth | None:
        return await info.context.batch(HEALTH_BY_ACCOUNT).load(self.id)


UNITS = Kind("unit", Unit, Service.ACCOUNT, "/units")
STAFF = Kind("staff", Staff, Service.ACCOUNT, "/staff")
ACCOUNTS = Kind("acct", Account, Service.ACCOUNT, "/accounts")

UnitResult: TypeAlias = Annotated[Unit | Refusal, strawberry.union("UnitResult")]
StaffResult: TypeAlias = Annotated[Staff | Refusal, strawberry.union("StaffResult")]
AccountResult: TypeAlias = Annotated[Account | Refusal, strawberry.union("AccountResult")]


@strawberry.input
class AddUnitInput(Command):
    parent_id: strawberry.ID
    kind: UnitKind
    code: str
    name: str
    city_code: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    opens_at: str | None = strawberry.field(default=None, description="Local `HH:MM`.")
    closes_at: str | None = strawberry.field(default=None, description="Local `HH:MM`.")


@strawberry.input
class MoveUnitInput(OnOne):
    parent_id: strawberry.ID


@strawberry.input
class AddStaffInput(Command):
    unit_id: strawberry.ID
    code: str
    name: str = strawberry.field(metadata={PERSONAL: True})
    phone: str | None = strawberry.field(default=None, metadata={PERSONAL: True})
    is_seller: bool = True
    open_lead_capacity: int | None = None
    skills: list[str] | None = None
    product_lines: list[str] | None = None
    languages: list[str] | None = None
    tier: str | None = None


@strawberry.input
class MarkStaffAbsentInput(OnOneWithReason):
    from_at: Instant
    until_at: Instant | None = None


@strawberry.input
class TransferStaffInput(OnOne):
    unit_id: strawberry.ID


@strawberry.input
class RegisterAccountInput(Command):
    platform: Platform
    handle: str
    platform_id: str | None = None
    display_name: str | None = None
    domain: Domain
    seat: Seat
    unit_id: strawberry.ID
    staff_id: strawberry.ID | None = None
    persona_id: strawberry.ID | None = None


@strawberry.input
class ActivateAccountInput(OnOne):
    reason: str | None = None


@strawberry.input
class HandOverAccountInput(OnOneWithReason):
    staff_id: strawberry.ID


@strawberry.input
class PairAccountInput(OnOne):
    persona_id: strawberry.ID


@strawberry.type
class AccountsQuery:
    @strawberry.field
    async def unit(self, info: Info, id: strawberry.ID) -> Unit | None:
        return await find(info, UNITS, id)

    @strawberry.field
    async def staff_member(self, info: Info, id: strawberry.ID) -> Staff | None:
        return await find(info, STAFF, id)

    @strawberry.field
    async def account(self, info: Info, id: strawberry.ID) -> Account | None:
        return await find(info, ACCOUNTS, id)

    @described("The org tree; `search` looks in code and name.")
    async def units(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        parent_id: strawberry.ID | None = None,
        kind: UnitKind | None = None,
        search: str | None = None,
    ) -> Connection[Unit] | None:
        return await connection(
            info, UNITS, first, after, {"parent_id": parent_id, "kind": kind, "q": search}
        )

    @described("People of a unit and all below it.")
    async def staff(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        status: StaffStatus | None = None,
        code: str | None = None,
    ) -> Connection[Staff] | None:
        return await connection(
            info, STAFF, first, after, {"unit_id": unit_id, "status": status, "q": code}
        )

    @described("By exact telephone number, in any common notation.")
    async def find_staff(
        self,
        info: Info,
        phone: Annotated[str, strawberry.argument(metadata={PERSONAL: True})],
    ) -> list[Staff] | None:
        rows = read_items(
            Staff, await info.context.ask(Service.ACCOUNT, "/staff/find", {"phone": phone})
        )
        await prefetch(info, rows)
        return rows

    @strawberry.field
    async def accounts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        unit_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        platform: Platform | None = None,
        status: AccountStatus | None = None,
        health_below: HealthLevel | None = None,
    ) -> Connection[Account] | None:
        return await connection(
            info,
            ACCOUNTS,
            first,
            after,
            {
                "unit_id": unit_id,
                "staff_id": staff_id,
                "platform": platform,
                "status": status,
                "health_below": health_below,
            },
        )


@strawberry.type
class AccountsMutation:
    @verb()
    async def add_unit(self, info: Info, input: AddUnitInput) -> UnitResult:
        return await run(info, UNITS, input)

    @verb()
    async def move_unit(self, info: Info, input: MoveUnitInput) -> UnitResult:
        return await run_on(info, UNITS, input, "move")

    @verb()
    async def add_staff(self, info: Info, input: AddStaffInput) -> StaffResult:
        return await run(info, STAFF, input)

    @verb()
    async def mark_staff_absent(self, info: Info, input: MarkStaffAbsentInput) -> StaffResult:
        return await run_on(info, STAFF, input, "mark-absent")

    @verb()
    async def return_staff(self, info: Info, input: OnOne) -> StaffResult:
        return await run_on(info, STAFF, input, "return")

    @verb()
    async def depart_staff(self, info: Info, input: OnOneWithReason) -> StaffResult:
        return await run_on(info, STAFF, input, "depart")

    @verb()
    async def transfer_staff(self, info: Info, input: TransferStaffInput) -> StaffResult:
        return await run_on(info, STAFF, input, "transfer")

    @verb()
    async def register_account(self, info: Info, input: RegisterAccountInput) -> AccountResult:
        return await run(info, ACCOUNTS, input)

    @verb()
    async def activate_account(self, info: Info, input: ActivateAccountInput) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "activate")

    @verb()
    async def restrict_account(self, info: Info, input: OnOneWithReason) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "restrict")

    @verb()
    async def suspend_account(self, info: Info, input: OnOneWithReason) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "suspend")

    @verb()
    async def hand_over_account(self, info: Info, input: HandOverAccountInput) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "hand-over")

    @verb()
    async def retire_account(self, info: Info, input: OnOneWithReason) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "retire")

    @verb()
    async def pair_account(self, info: Info, input: PairAccountInput) -> AccountResult:
        return await run_on(info, ACCOUNTS, input, "pair")
