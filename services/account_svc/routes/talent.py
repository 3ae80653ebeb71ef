"""Skills over HTTP: assessments, profiles with their gaps, and what personas want."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models.talent import Skill, WantedFacts
from account_svc.repository import talent as repository
from account_svc.schemas.talent import (
    AssessedOut,
    AssessIn,
    AssessmentOut,
    StaffTalentOut,
    UnitTalentOut,
    WantedOut,
    WantedProfilesOut,
    assessment_json,
    talent_json,
    wanted_json,
)
from account_svc.use_cases import talent as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import StaffId
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

reads = APIRouter(tags=["talent"], route_class=ReadRoute)
commands = APIRouter(tags=["talent"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("skill.read"))]
MayReadWanted = Annotated[Principal, Depends(MATRIX.allow("skill.read_wanted"))]


@reads.get("/skill-assessments", response_model=Page[AssessmentOut])
async def list_assessments(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    staff_id: StaffId | None = None,
    skill: Skill | None = None,
) -> Response:
    """Newest first: who saw which skill how, and when."""
    conditions = repository.filtered_assessments(
        principal.brand_id, principal.extent, staff_id=staff_id, skill=skill
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(
            connection, repository.SELECT_ASSESSMENT, conditions, cursor
        )
    return json_response(page_of(rows, has_next, assessment_json))


@reads.post("/skill-assessments/by-ids", response_model=Batch[AssessmentOut])
async def get_assessments(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("assess")
    conditions = repository.visible_assessments(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_ASSESSMENT, conditions, ids)
    return json_response(batch_of(rows, "assess", ids, assessment_json))


@commands.post("/skill-assessments", status_code=201, response_model=AssessedOut)
async def assess_skills(
    body: AssessIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("skill.assess"))],
) -> AssessedOut:
    assessed_at = await use_cases.assess(session, principal, body.staff_id, body.scores)
    connection = await repository.driver_of(session)
    rows = await repository.fetch_profiles(
        connection, principal.brand_id, principal.extent, [body.staff_id]
    )
    (found,) = talent_json(rows, "staff").values()
    return AssessedOut.model_validate({**found, "assessed_at": assessed_at})


@reads.post("/talent/by-staff", response_model=Batch[StaffTalentOut])
async def get_talent(request: Request, principal: MayRead, body: ByIds) -> Response:
    """Of each person the six skills: what there is, what is wanted, and the gap."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_profiles(
            connection, principal.brand_id, principal.extent, body.uuids("staff")
        )
    found = talent_json(rows, "staff")
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})


@reads.post("/talent/by-units", response_model=Batch[UnitTalentOut])
async def get_unit_talent(request: Request, principal: MayRead, body: ByIds) -> Response:
    """Of each unit with all below it: median, lower quartile and gaps. None for sellers."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_unit_profiles(
            connection, principal.brand_id, principal.extent, body.uuids("unit")
        )
    found = talent_json(rows, "unit")
    missing = [each for each in dict.fromkeys(body.ids) if each not in found]
    return json_response({"items": list(found.values()), "missing": missing})


@reads.get("/wanted-profiles", response_model=WantedProfilesOut)
async def list_wanted(request: Request, principal: MayReadWanted) -> Response:
    """What each kind of persona wants, and single personas other than their kind."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await connection.fetch(repository.SELECT_WANTED, principal.brand_id)
    return json_response({"items": wanted_json(rows)})


@commands.post("/wanted-profiles", status_code=201, response_model=WantedOut)
async def set_wanted(
    body: WantedFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("skill.want"))],
) -> WantedOut:
    set_at = await use_cases.set_wanted(session, principal, body)
    return WantedOut(**body.model_dump(), origin="brand", set_by=principal.actor, set_at=set_at)
