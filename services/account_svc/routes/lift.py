"""Tiers, and what lifts the middle and the tail, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models.lift import LiftStatus, LiftTask, TierRules
from account_svc.repository import lift as repository
from account_svc.schemas.lift import (
    AssignLiftIn,
    LiftTaskOut,
    PlaceIn,
    SkillCourseIn,
    SkillCourseOut,
    SkillCoursesOut,
    StaffTiersOut,
    TieringOut,
    TieringsOut,
    UnitLiftOut,
    figures_json,
    placements_json,
    skill_course_json,
    task_json,
    tiering_json,
)
from account_svc.use_cases import lift as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import LiftId, StaffId, UnitId
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

reads = APIRouter(tags=["lift"], route_class=ReadRoute)
commands = APIRouter(tags=["lift"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayReadTiers = Annotated[Principal, Depends(MATRIX.allow("tier.read"))]
MayReadTasks = Annotated[Principal, Depends(MATRIX.allow("lift.read"))]


@commands.post("/tiers/place", status_code=201, response_model=TieringOut)
async def place_people(
    body: PlaceIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("tier.place"))],
) -> TieringOut:
    """Have everybody who sells placed by a month's results and their skills, among those of the
    stores of one league. Done again it replaces what the month said."""
    rules = TierRules.model_validate(body.model_dump(exclude={"period"}))
    made = await use_cases.place_people(session, principal, body.period, rules)
    return TieringOut(
        **rules.model_dump(),
        period=made.period,
        people=made.people,
        placed_by=made.placed_by,
        asked_at=made.asked_at,
        placed_at=made.placed_at,
    )


@reads.get("/tiers", response_model=TieringsOut)
async def list_tierings(request: Request, principal: MayReadTiers) -> Response:
    """The months that were placed or are to be, newest first, with their rules."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await connection.fetch(repository.SELECT_TIERINGS, principal.brand_id)
    return json_response({"items": [tiering_json(row) for row in rows]})


@reads.post("/tiers/by-staff", response_model=Batch[StaffTiersOut])
async def get_tiers(request: Request, principal: MayReadTiers, body: ByIds) -> Response:
    """Of each person the months in which they were placed, newest first."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_placements(
            connection, principal.brand_id, principal.extent, body.uuids("staff")
        )
    found = placements_json(rows)
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})


@reads.post("/tiers/by-units", response_model=Batch[UnitLiftOut])
async def get_figures(
    request: Request,
    principal: MayReadTiers,
    body: ByIds,
    months: Annotated[int, Query(ge=1, le=12)] = 3,
) -> Response:
    """Of each unit with all below it the newest months that were placed: median and lower quartile,
    and who moved between tiers. None for sellers."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        units, rows = await repository.fetch_figures(
            connection, principal.brand_id, principal.extent, body.uuids("unit"), months=months
        )
    found = figures_json(units, rows)
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})


@reads.get("/skill-courses", response_model=SkillCoursesOut)
async def list_skill_courses(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("skill_course.read"))],
) -> Response:
    """Which course trains which skill."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await connection.fetch(repository.SELECT_SKILL_COURSES, principal.brand_id)
    return json_response({"items": [skill_course_json(row) for row in rows]})


@commands.post("/skill-courses", status_code=201, response_model=SkillCourseOut)
async def set_skill_course(
    body: SkillCourseIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("skill_course.set"))],
) -> SkillCourseOut:
    set_at = await use_cases.set_skill_course(session, principal, body.skill, body.course_id)
    return SkillCourseOut(**body.model_dump(), set_by=principal.actor, set_at=set_at)


@reads.get("/lift-tasks", response_model=Page[LiftTaskOut])
async def list_tasks(
    *,
    request: Request,
    principal: MayReadTasks,
    cursor: CursorQuery,
    staff_id: StaffId | None = None,
    unit_id: UnitId | None = None,
    status: LiftStatus | None = None,
) -> Response:
    """Newest first. `unit_id` includes all units below."""
    conditions = repository.filtered_tasks(
        principal.brand_id, principal.extent, staff_id=staff_id, unit_id=unit_id, status=status
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_TASK, conditions, cursor)
    return json_response(page_of(rows, has_next, task_json))


@reads.post("/lift-tasks/by-ids", response_model=Batch[LiftTaskOut])
async def get_tasks(request: Request, principal: MayReadTasks, body: ByIds) -> Response:
    ids = body.uuids("lift")
    conditions = repository.visible_tasks(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_TASK, conditions, ids)
    return json_response(batch_of(rows, "lift", ids, task_json))


@commands.post("/lift-tasks", status_code=201, response_model=LiftTaskOut)
async def assign_lift(
    body: AssignLiftIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lift.assign"))],
) -> LiftTask:
    """A person of the middle or the tail gets the course that trains a skill with a gap."""
    return await use_cases.assign(
        session, principal, body.staff_id, skill=body.skill, due_at=body.due_at
    )


@commands.post("/lift-tasks/{task_id}/complete", response_model=LiftTaskOut)
async def complete_lift(
    task_id: LiftId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lift.complete"))],
) -> LiftTask:
    """The lesson is worked through. The exam of the course is the retest: it closes the task or
    opens it again."""
    return await use_cases.complete(session, principal, task_id)
