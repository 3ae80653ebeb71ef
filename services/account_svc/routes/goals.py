"""Goals and how far they are reached, over HTTP."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import period_of
from account_svc.models.forecast import WINDOW_DAYS
from account_svc.models.goal import GoalPeriod, Metric, goal_bounds
from account_svc.models.progress import ZONE
from account_svc.repository import goals as repository
from account_svc.repository.goals import Owner
from account_svc.repository.talent import driver_of
from account_svc.schemas.goals import (
    GoalOut,
    GoalsOut,
    StaffGoalsIn,
    StaffProgressOut,
    UnitGoalsIn,
    UnitProgressOut,
    goal_json,
    progress_json,
)
from account_svc.use_cases import goals as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import StaffId, UnitId
from shared.reading import batch_of, fetch_by_ids, fetch_page, page_of
from shared.web import (
    Batch,
    ByIds,
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    json_response,
)

reads = APIRouter(tags=["goals"], route_class=ReadRoute)
commands = APIRouter(tags=["goals"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("goal.read"))]
MaySet = Annotated[Principal, Depends(MATRIX.allow("goal.set"))]
Period = Annotated[GoalPeriod | None, Query()]
"""This month if left out."""


@reads.get("/goals", response_model=Page[GoalOut])
async def list_goals(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
    staff_id: StaffId | None = None,
    period: Annotated[GoalPeriod | None, Query()] = None,
    metric: Metric | None = None,
) -> Response:
    """Every version, newest first."""
    conditions = repository.filtered_goals(
        principal.brand_id,
        principal.extent,
        unit_id=unit_id,
        staff_id=staff_id,
        period=period,
        metric=metric,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_GOAL, conditions, cursor)
    return json_response(page_of(rows, has_next, goal_json))


@reads.post("/goals/by-ids", response_model=Batch[GoalOut])
async def get_goals(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("goal")
    conditions = repository.visible_goals(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_GOAL, conditions, ids)
    return json_response(batch_of(rows, "goal", ids, goal_json))


@commands.post("/goals/of-units", status_code=201, response_model=GoalsOut)
async def set_unit_goals(
    body: UnitGoalsIn, session: Transaction, principal: MaySet
) -> dict[str, Any]:
    targets = {each.unit_id: each.target for each in body.goals}
    ids = await use_cases.set_goals(
        session, principal, "unit", targets, period=body.period, metric=body.metric
    )
    return await _goals(session, principal, ids)


@commands.post("/goals/of-staff", status_code=201, response_model=GoalsOut)
async def set_staff_goals(
    body: StaffGoalsIn, session: Transaction, principal: MaySet
) -> dict[str, Any]:
    targets = {each.staff_id: each.target for each in body.goals}
    ids = await use_cases.set_goals(
        session, principal, "staff", targets, period=body.period, metric=body.metric
    )
    return await _goals(session, principal, ids)


async def _goals(session: AsyncSession, principal: Principal, ids: list[UUID]) -> dict[str, Any]:
    conditions = repository.visible_goals(principal.brand_id, principal.extent)
    connection = await driver_of(session)
    rows = await fetch_by_ids(connection, repository.SELECT_GOAL, conditions, ids)
    return {"items": [goal_json(row) for row in sorted(rows, key=lambda row: ids.index(row["id"]))]}


@reads.post("/goal-progress/by-units", response_model=Batch[UnitProgressOut])
async def get_unit_progress(
    request: Request, principal: MayRead, body: ByIds, period: Period = None
) -> Response:
    """Of each unit with all below it every metric: target, actual, pace and forecast, and what the
    goals below come to. None for sellers."""
    return await _progress(request, principal, body, "unit", period)


@reads.post("/goal-progress/by-staff", response_model=Batch[StaffProgressOut])
async def get_staff_progress(
    request: Request, principal: MayRead, body: ByIds, period: Period = None
) -> Response:
    """Of each person every metric: target, actual, pace and forecast."""
    return await _progress(request, principal, body, "staff", period)


async def _progress(
    request: Request, principal: Principal, body: ByIds, owner: Owner, period: str | None
) -> Response:
    at = now()
    period = period or period_of(at)
    start, end = goal_bounds(period)
    midnight = at.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        snapshot = await repository.fetch_snapshot(
            connection,
            principal.brand_id,
            principal.extent,
            owner,
            body.uuids(owner),
            period=period,
            # what is over needs no forecast
            since=start if end <= at else min(start, midnight - timedelta(days=WINDOW_DAYS)),
            until=min(end, midnight + timedelta(days=1)),
        )
    found = progress_json(snapshot, owner, period, at)
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})
