"""Brands and units over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import Brand, Unit, UnitFacts
from account_svc.repository import org as repository
from account_svc.schemas.org import BrandIn, BrandOut, MoveUnitIn, UnitIn, UnitOut, brand_json
from account_svc.schemas.org import unit_json as shape
from account_svc.use_cases import org as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.events.account import UnitKind
from shared.ids import UnitId, typed
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

reads = APIRouter(tags=["org"], route_class=ReadRoute)
commands = APIRouter(tags=["org"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("unit.read"))]


@reads.get("/brand", response_model=BrandOut)
async def get_brand(
    request: Request, principal: Annotated[Principal, Depends(MATRIX.allow("brand.read"))]
) -> Response:
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        row = await repository.fetch_brand(connection, principal.brand_id)
    return json_response(brand_json(row))


@reads.get("/brands", response_model=Page[BrandOut])
async def list_brands(
    request: Request, principal: Annotated[Principal, Depends(MATRIX.allow("brand.read"))]
) -> Response:
    """The caller's own brand, as a list."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        row = await repository.fetch_brand(connection, principal.brand_id)
    return json_response(
        {"items": [brand_json(row)], "page": {"has_next": False, "end_cursor": None}}
    )


@reads.post("/brands/by-ids", response_model=Batch[BrandOut])
async def get_brands(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("brand.read"))],
    body: ByIds,
) -> Response:
    """Only the caller's own brand can be found."""
    ids = body.uuids("brand")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        row = await repository.fetch_brand(connection, principal.brand_id)
    own = brand_json(row)
    return json_response(
        {
            "items": [own] if principal.brand_id in ids else [],
            "missing": [typed("brand", each) for each in ids if each != principal.brand_id],
        }
    )


@reads.get("/units", response_model=Page[UnitOut])
async def list_units(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    parent_id: UnitId | None = None,
    kind: UnitKind | None = None,
    q: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Newest first; `q` is a part of the name or the code."""
    conditions = repository.filtered_units(
        principal.brand_id, principal.extent, parent_id=parent_id, kind=kind, q=q
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_UNIT, conditions, cursor)
    return json_response(page_of(rows, has_next, shape))


@reads.post("/units/by-ids", response_model=Batch[UnitOut])
async def get_units(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("unit")
    conditions = repository.visible_units(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_UNIT, conditions, ids)
    return json_response(batch_of(rows, "unit", ids, shape))


@commands.post("/brands", status_code=201, response_model=BrandOut)
async def create_brand(
    body: BrandIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("brand.create"))],
) -> Brand:
    return await use_cases.create_brand(
        session, principal, brand_id=body.id, name=body.name, industry=body.industry
    )


@commands.post("/units", status_code=201, response_model=UnitOut)
async def add_unit(
    body: UnitIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("unit.add"))],
) -> Unit:
    facts = UnitFacts(**body.model_dump(exclude={"parent_id"}))
    return await use_cases.add_unit(session, principal, body.parent_id, facts)


@commands.post("/units/{unit_id}/move", response_model=UnitOut)
async def move_unit(
    unit_id: UnitId,
    body: MoveUnitIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("unit.move"))],
) -> Unit:
    return await use_cases.move_unit(session, principal, unit_id, body.parent_id)
