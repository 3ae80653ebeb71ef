"""Communities, and what is done in them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.models import ActivityStatus, CommunityStatus
from lead_svc.repository.reads import ACTIVITIES, COMMUNITIES, Where
from lead_svc.routes.rows import by_ids, page, shape_all
from lead_svc.schemas.communities import (
    ActivitiesOut,
    ActivityOut,
    ChangeCommunityIn,
    CommunitiesOut,
    CommunityOut,
    RecordActivityIn,
    RegisterCommunityIn,
    VoidActivityIn,
)
from lead_svc.use_cases import communities as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.events.account import Platform
from shared.events.lead import CommunityActivityKind
from shared.ids import CommunityActivityId, CommunityId, StaffId, UnitId
from shared.reading import fetch_by_ids, fetch_page
from shared.web import ByIds, CommandRoute, CursorQuery, Page, ReadRoute, Transaction, json_response

reads = APIRouter(tags=["communities"], route_class=ReadRoute)
commands = APIRouter(tags=["communities"], route_class=CommandRoute)
ROUTERS = (reads, commands)

Reader = Annotated[Principal, Depends(MATRIX.allow("community.read"))]
ActivityReader = Annotated[Principal, Depends(MATRIX.allow("community_activity.read"))]


@reads.get("/communities", response_model=Page[CommunityOut])
async def list_communities(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    status: CommunityStatus | None = None,
    platform: Platform | None = None,
    unit_id: UnitId | None = None,
    staff_id: StaffId | None = None,
) -> Response:
    """`staff_id` is that of the host or the deputy."""
    where = Where(principal.brand_id)
    where.communities_within(principal.extent)
    where.below(unit_id)
    where.equal(
        status=status.value if status else None, platform=platform.value if platform else None
    )
    if staff_id is not None:
        where.add("(t.host_staff_id = ? or t.deputy_staff_id = ?)", staff_id, staff_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, COMMUNITIES, where, cursor)
    return json_response(page(shape_all(rows, "comm"), rows, has_next))


@reads.post("/communities/by-ids", response_model=CommunitiesOut)
async def get_communities(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("comm")
    where = Where(principal.brand_id)
    where.communities_within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, COMMUNITIES, where, ids)
    return json_response(by_ids(shape_all(rows, "comm"), "comm", ids))


@commands.post("/communities", status_code=201)
async def register_community(
    body: RegisterCommunityIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("community.register"))],
) -> CommunityOut:
    community = await use_cases.register(
        session,
        principal,
        unit_id=body.unit_id,
        platform=body.platform,
        platform_group_id=body.platform_group_id,
        care=_care(body),
        at=now(),
    )
    return CommunityOut.model_validate(community)


@commands.post("/communities/{community_id}/change")
async def change_community(
    community_id: CommunityId,
    body: ChangeCommunityIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("community.change"))],
) -> CommunityOut:
    community = await use_cases.change(session, principal, community_id, _care(body))
    return CommunityOut.model_validate(community)


@commands.post("/communities/{community_id}/close")
async def close_community(
    community_id: CommunityId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("community.close"))],
) -> CommunityOut:
    community = await use_cases.close(session, principal, community_id, at=now())
    return CommunityOut.model_validate(community)


@reads.get("/community-activities", response_model=Page[ActivityOut])
async def list_activities(
    request: Request,
    cursor: CursorQuery,
    principal: ActivityReader,
    community_id: CommunityId | None = None,
    staff_id: StaffId | None = None,
    kind: CommunityActivityKind | None = None,
    status: ActivityStatus | None = None,
) -> Response:
    where = Where(principal.brand_id)
    where.activities_within(principal.extent)
    where.equal(
        community_id=community_id,
        staff_id=staff_id,
        kind=kind.value if kind else None,
        status=status.value if status else None,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, ACTIVITIES, where, cursor)
    return json_response(page(shape_all(rows, "activity"), rows, has_next))


@reads.post("/community-activities/by-ids", response_model=ActivitiesOut)
async def get_activities(request: Request, body: ByIds, principal: ActivityReader) -> Response:
    ids = body.uuids("activity")
    where = Where(principal.brand_id)
    where.activities_within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, ACTIVITIES, where, ids)
    return json_response(by_ids(shape_all(rows, "activity"), "activity", ids))


@commands.post("/community-activities", status_code=201)
async def record_activity(
    body: RecordActivityIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("community_activity.record"))],
) -> ActivityOut:
    deed = use_cases.Deed(body.kind, body.staff_id, body.at, body.external_id)
    activity = await use_cases.record(session, principal, body.community_id, deed, at=now())
    return ActivityOut.model_validate(activity)


@commands.post("/community-activities/{activity_id}/void")
async def void_activity(
    activity_id: CommunityActivityId,
    body: VoidActivityIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("community_activity.void"))],
) -> ActivityOut:
    activity = await use_cases.void(session, principal, activity_id, reason=body.reason)
    return ActivityOut.model_validate(activity)


def _care(body: ChangeCommunityIn) -> use_cases.Care:
    return use_cases.Care(body.name, body.account_id, body.host_staff_id, body.deputy_staff_id)
