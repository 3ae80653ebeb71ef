"""Rights over HTTP: what they need, and who may do what at an instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.errors import StaffNotFound
from account_svc.models import RightRequirement
from account_svc.repository import rights as repository
from account_svc.repository.staff import visible_staff
from account_svc.rights import judge_all
from account_svc.schemas.rights import (
    CheckRightIn,
    RequireCoursesIn,
    RequirementOut,
    RequirementsOut,
    RightStateOut,
    StaffRightsOut,
    requirement_json,
    verdict_json,
)
from account_svc.use_cases import rights as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.events.account import Right
from shared.ids import typed
from shared.web import (
    Batch,
    ByIds,
    CommandRoute,
    ReadRoute,
    Transaction,
    json_response,
)

reads = APIRouter(prefix="/rights", tags=["training"], route_class=ReadRoute)
commands = APIRouter(prefix="/rights", tags=["training"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("right.read"))]


@reads.get("", response_model=RequirementsOut)
async def list_rights(request: Request, principal: MayRead) -> Response:
    """Every right, and the courses that it needs now."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        needs = await repository.fetch_requirements(connection, principal.brand_id, now())
    return json_response({"items": [requirement_json(right, needs.get(right)) for right in Right]})


@commands.post("", status_code=201, response_model=RequirementOut)
async def require_courses(
    body: RequireCoursesIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("right.require"))],
) -> RightRequirement:
    return await use_cases.require_courses(session, principal, body.right, body.course_ids)


@reads.post("/by-staff", response_model=Batch[StaffRightsOut])
async def get_rights(request: Request, principal: MayRead, body: ByIds) -> Response:
    """All rights of each person, as of now."""
    ids = body.uuids("staff")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        found = await _judge(connection, principal, ids, now())
    items = [
        {"staff_id": typed("staff", staff_id), "rights": states}
        for staff_id, states in found.items()
    ]
    missing = [typed("staff", each) for each in dict.fromkeys(ids) if each not in found]
    return json_response({"items": items, "missing": missing})


@reads.post("/check", response_model=RightStateOut)
async def check_right(request: Request, principal: MayRead, body: CheckRightIn) -> Response:
    """May this person do it at that instant? A denial names the courses that are missing."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        found = await _judge(connection, principal, [body.staff_id], body.at or now(), body.right)
    if body.staff_id not in found:
        raise StaffNotFound("no such person")
    (state,) = found[body.staff_id]
    return json_response(state)


async def _judge(
    connection: asyncpg.Connection,
    principal: Principal,
    staff_ids: list[UUID],
    at: datetime,
    right: Right | None = None,
) -> dict[UUID, Sequence[dict[str, Any]]]:
    """The rights of those of the people whom the caller sees, in the shape of RightStateOut."""
    brand_id = principal.brand_id
    seen = visible_staff(brand_id, principal.extent)
    people = await repository.fetch_staff(connection, seen, staff_ids)
    needs = await repository.fetch_requirements(connection, brand_id, at)
    courses_of = {right: row["course_ids"] for right, row in needs.items()}
    certificates = await repository.fetch_certificates(
        connection, brand_id, [person["id"] for person in people]
    )
    verdicts = {
        person["id"]: [
            verdict
            for verdict in judge_all(
                courses_of,
                certificates.get(person["id"], []),
                departed_at=person["departed_at"],
                at=at,
            )
            if right in (None, verdict.right)
        ]
        for person in people
    }
    missing = {
        each.course_id for some in verdicts.values() for verdict in some for each in verdict.missing
    }
    courses = await repository.fetch_courses(connection, brand_id, missing)
    return {
        staff_id: [verdict_json(verdict, courses) for verdict in some]
        for staff_id, some in verdicts.items()
    }
