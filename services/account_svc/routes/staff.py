"""Staff over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import Staff, StaffFacts, StaffStatus
from account_svc.repository import staff as repository
from account_svc.schemas.staff import (
    DepartIn,
    FindStaffIn,
    MarkAbsentIn,
    StaffIn,
    StaffOut,
    TransferIn,
    staff_json,
    staff_out,
)
from account_svc.use_cases import staff as use_cases
from shared.access import NotAllowed, Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import StaffId, UnitId
from shared.reading import Shape, batch_of, fetch_by_ids, fetch_page, page_of
from shared.sealing import Vault
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

reads = APIRouter(prefix="/staff", tags=["staff"], route_class=ReadRoute)
commands = APIRouter(prefix="/staff", tags=["staff"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("staff.read"))]


async def _vault(request: Request) -> Vault:
    vault = request.state.vault
    assert isinstance(vault, Vault)
    return vault


Sealed = Annotated[Vault, Depends(_vault)]


def _shape(principal: Principal, vault: Vault) -> Shape:
    at, masked = now(), not principal.sees_personal_data
    return lambda row: staff_json(row, principal.brand_id, vault, at, masked=masked)


@reads.get("", response_model=Page[StaffOut])
async def list_staff(
    *,
    request: Request,
    principal: MayRead,
    vault: Sealed,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
    status: StaffStatus | None = None,
    q: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Newest first. `unit_id` includes all units below; `q` is the beginning of a code."""
    conditions = repository.filtered_staff(
        principal.brand_id, principal.extent, unit_id=unit_id, status=status, q=q, at=now()
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_STAFF, conditions, cursor)
    return json_response(page_of(rows, has_next, _shape(principal, vault)))


@reads.post("/by-ids", response_model=Batch[StaffOut])
async def get_staff(request: Request, principal: MayRead, vault: Sealed, body: ByIds) -> Response:
    ids = body.uuids("staff")
    conditions = repository.visible_staff(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_STAFF, conditions, ids)
    return json_response(batch_of(rows, "staff", ids, _shape(principal, vault)))


@reads.post("/find", response_model=Page[StaffOut])
async def find_staff(
    request: Request, principal: MayRead, vault: Sealed, cursor: CursorQuery, body: FindStaffIn
) -> Response:
    """People by their phone number, for callers who may see it."""
    if not principal.sees_personal_data:
        raise NotAllowed("this credential may not see personal data")
    index = vault.index(principal.brand_id, "phone", body.phone)
    conditions = repository.visible_staff(principal.brand_id, principal.extent)
    conditions.add("s.phone_index = ?", index)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_STAFF, conditions, cursor)
    return json_response(page_of(rows, has_next, _shape(principal, vault)))


@commands.post("", status_code=201, response_model=StaffOut)
async def add_staff(
    body: StaffIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("staff.add"))],
) -> StaffOut:
    facts = StaffFacts(**body.model_dump(exclude={"unit_id"}))
    staff = await use_cases.add_staff(session, principal, vault, body.unit_id, facts)
    return await _answer(session, principal, vault, staff)


@commands.post("/{staff_id}/mark-absent", response_model=StaffOut)
async def mark_absent(
    staff_id: StaffId,
    body: MarkAbsentIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("staff.mark_absent"))],
) -> StaffOut:
    staff = await use_cases.mark_absent(
        session,
        principal,
        vault,
        staff_id,
        from_at=body.from_at,
        until_at=body.until_at,
        reason=body.reason,
    )
    return await _answer(session, principal, vault, staff)


@commands.post("/{staff_id}/return", response_model=StaffOut)
async def end_absence(
    staff_id: StaffId,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("staff.return"))],
) -> StaffOut:
    staff = await use_cases.end_absence(session, principal, staff_id)
    return await _answer(session, principal, vault, staff)


@commands.post("/{staff_id}/depart", response_model=StaffOut)
async def depart(
    staff_id: StaffId,
    body: DepartIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("staff.depart"))],
) -> StaffOut:
    staff = await use_cases.depart(session, principal, vault, staff_id, reason=body.reason)
    return await _answer(session, principal, vault, staff)


@commands.post("/{staff_id}/transfer", response_model=StaffOut)
async def transfer(
    staff_id: StaffId,
    body: TransferIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("staff.transfer"))],
) -> StaffOut:
    staff = await use_cases.transfer(session, principal, staff_id, body.unit_id)
    return await _answer(session, principal, vault, staff)


async def _answer(
    session: AsyncSession, principal: Principal, vault: Vault, staff: Staff
) -> StaffOut:
    keys = await vault.keys(session, staff.brand_id, [staff.id])
    return staff_out(staff, keys.get(staff.id), masked=not principal.sees_personal_data)
