"""Accounts that pose as the brand's and that nobody registered, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import OffRosterAccount, OffRosterStatus
from account_svc.repository import layouts as repository
from account_svc.schemas.accounts import ReasonIn
from account_svc.schemas.layouts import AdoptIn, OffRosterIn, OffRosterOut, off_roster_json
from account_svc.use_cases import layouts as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import OffRosterId, UnitId
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

reads = APIRouter(prefix="/off-roster-accounts", tags=["layouts"], route_class=ReadRoute)
commands = APIRouter(prefix="/off-roster-accounts", tags=["layouts"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("off_roster.read"))]


@reads.get("", response_model=Page[OffRosterOut])
async def list_off_roster(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
    status: OffRosterStatus | None = None,
) -> Response:
    """Newest first. `unit_id` includes all units below."""
    conditions = repository.filtered_off_roster(
        principal.brand_id, principal.extent, unit_id=unit_id, status=status
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(
            connection, repository.SELECT_OFF_ROSTER, conditions, cursor
        )
    return json_response(page_of(rows, has_next, off_roster_json))


@reads.post("/by-ids", response_model=Batch[OffRosterOut])
async def get_off_roster(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("offroster")
    conditions = repository.visible_off_roster(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_OFF_ROSTER, conditions, ids)
    return json_response(batch_of(rows, "offroster", ids, off_roster_json))


@commands.post("", status_code=201, response_model=OffRosterOut)
async def report(
    body: OffRosterIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("off_roster.report"))],
) -> OffRosterAccount:
    return await use_cases.report_off_roster(
        session,
        principal,
        platform=body.platform,
        handle=body.handle,
        unit_id=body.unit_id,
        note=body.note,
    )


@commands.post("/{off_roster_id}/adopt", response_model=OffRosterOut)
async def adopt(
    off_roster_id: OffRosterId,
    body: AdoptIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("off_roster.adopt"))],
) -> OffRosterAccount:
    return await use_cases.adopt_off_roster(
        session,
        principal,
        off_roster_id,
        display_name=body.display_name,
        domain=body.domain,
        seat=body.seat,
        unit_id=body.unit_id,
        staff_id=body.staff_id,
    )


@commands.post("/{off_roster_id}/reject", response_model=OffRosterOut)
async def reject(
    off_roster_id: OffRosterId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("off_roster.reject"))],
) -> OffRosterAccount:
    return await use_cases.reject_off_roster(session, principal, off_roster_id, reason=body.reason)
