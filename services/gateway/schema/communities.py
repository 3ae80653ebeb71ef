"""Communities of customers, and what the brand's people do in them (lead_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.accounts import Account, Staff, Unit
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_on
from gateway.schema.fields import verb
from gateway.schema.lead_values import (
    CommunityActivityKind,
    CommunityActivityStatus,
    CommunityRole,
    CommunityStatus,
)
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service
from shared.events.account import Platform


@resource
class Community(Node):
    name: str
    platform: Platform
    platform_group_id: str = strawberry.field(
        description="What the platform calls the group, as WeCom's chat id."
    )
    status: CommunityStatus
    registered_at: Instant
    closed_at: Instant | None
    unit_id: strawberry.Private[str | None]
    account_id: strawberry.Private[str | None]
    host_staff_id: strawberry.Private[str | None]
    deputy_staff_id: strawberry.Private[str | None]
    unit: Unit | None = to_one("unit_id", "unit")
    account: Account | None = to_one(
        "account_id", "acct", description="The account that it lives on."
    )
    host: Staff | None = to_one("host_staff_id", "staff")
    deputy: Staff | None = to_one("deputy_staff_id", "staff")


@resource
class CommunityActivity(Node):
    kind: CommunityActivityKind
    done_as: CommunityRole
    external_id: str | None = strawberry.field(description="The sender's own id of the cause.")
    at: Instant
    recorded_at: Instant
    status: CommunityActivityStatus
    void_reason: str | None
    community_id: strawberry.Private[str | None]
    staff_id: strawberry.Private[str | None]
    unit_id: strawberry.Private[str | None]
    recorded_by_staff_id: strawberry.Private[str | None]
    community: Community | None = to_one("community_id", "comm")
    staff: Staff | None = to_one("staff_id", "staff")
    unit: Unit | None = to_one(
        "unit_id", "unit", description="Of the person, when it was recorded."
    )
    recorded_by: Staff | None = to_one(
        "recorded_by_staff_id", "staff", description="Null: a system or the head office."
    )


COMMUNITIES = Kind("comm", Community, Service.LEAD, "/communities")
ACTIVITIES = Kind("activity", CommunityActivity, Service.LEAD, "/community-activities")

CommunityResult: TypeAlias = Annotated[Community | Refusal, strawberry.union("CommunityResult")]
CommunityActivityResult: TypeAlias = Annotated[
    CommunityActivity | Refusal, strawberry.union("CommunityActivityResult")
]


@strawberry.input
class RegisterCommunityInput(Command):
    unit_id: strawberry.ID
    platform: Platform
    platform_group_id: str = strawberry.field(
        description="What the platform calls the group; a brand has each once."
    )
    name: str
    host_staff_id: strawberry.ID = strawberry.field(description="Somebody of the unit or below it.")
    deputy_staff_id: strawberry.ID | None = None
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="The account that it lives on."
    )


@strawberry.input(description="How it is from now on; what is left out it has not.")
class ChangeCommunityInput(OnOne):
    name: str
    host_staff_id: strawberry.ID
    deputy_staff_id: strawberry.ID | None = None
    account_id: strawberry.ID | None = None


@strawberry.input
class RecordCommunityActivityInput(Command):
    community_id: strawberry.ID
    kind: CommunityActivityKind
    staff_id: strawberry.ID | None = strawberry.field(
        default=None, description="Who did it; sellers record what they did themselves."
    )
    at: Instant | None = strawberry.field(
        default=None, description="When it was done; now when absent."
    )
    external_id: str | None = strawberry.field(
        default=None,
        description="The sender's own id of the cause: told again it is the same activity.",
    )


@strawberry.type
class CommunitiesQuery:
    @strawberry.field
    async def community(self, info: Info, id: strawberry.ID) -> Community | None:
        return await find(info, COMMUNITIES, id)

    @strawberry.field
    async def communities(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: CommunityStatus | None = None,
        platform: Platform | None = None,
        unit_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
    ) -> Connection[Community] | None:
        return await connection(
            info,
            COMMUNITIES,
            first,
            after,
            {
                "status": status,
                "platform": platform,
                "unit_id": unit_id,
                "staff_id": staff_id,
            },
        )

    @strawberry.field
    async def community_activity(self, info: Info, id: strawberry.ID) -> CommunityActivity | None:
        return await find(info, ACTIVITIES, id)

    @strawberry.field
    async def community_activities(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        community_id: strawberry.ID | None = None,
        staff_id: strawberry.ID | None = None,
        kind: CommunityActivityKind | None = None,
        status: CommunityActivityStatus | None = None,
    ) -> Connection[CommunityActivity] | None:
        return await connection(
            info,
            ACTIVITIES,
            first,
            after,
            {
                "community_id": community_id,
                "staff_id": staff_id,
                "kind": kind,
                "status": status,
            },
        )


@strawberry.type
class CommunitiesMutation:
    @verb("The unit has this community on the platform; the host looks after it.")
    async def register_community(
        self, info: Info, input: RegisterCommunityInput
    ) -> CommunityResult:
        return await run(info, COMMUNITIES, input)

    @verb("Another name, account, host or deputy.")
    async def change_community(self, info: Info, input: ChangeCommunityInput) -> CommunityResult:
        return await run_on(info, COMMUNITIES, input, "change")

    @verb("Nothing happens in it any more.")
    async def close_community(self, info: Info, input: OnOne) -> CommunityResult:
        return await run_on(info, COMMUNITIES, input, "close")

    @verb("Somebody did something in the community; once for its cause.")
    async def record_community_activity(
        self, info: Info, input: RecordCommunityActivityInput
    ) -> CommunityActivityResult:
        return await run(info, ACTIVITIES, input)

    @verb("The activity was none: what it earned is taken back.")
    async def void_community_activity(
        self, info: Info, input: OnOneWithReason
    ) -> CommunityActivityResult:
        return await run_on(info, ACTIVITIES, input, "void")
