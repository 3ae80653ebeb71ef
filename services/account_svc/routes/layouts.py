"""Layouts, and what they ask of the matrix, over HTTP."""

import asyncio
from operator import index
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.layout import Compiled, SeatState, built_in_layouts, compile_layout
from account_svc.models import Domain, Layout, LayoutFacts
from account_svc.repository import layouts as repository
from account_svc.schemas.layouts import (
    BuiltInLayouts,
    LayoutOut,
    LayoutReportOut,
    SeatOut,
    layout_json,
    report_json,
    seat_json,
)
from account_svc.use_cases import layouts as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.errors import Invalid
from shared.events.account import Platform
from shared.ids import UnitId
from shared.reading import batch_of, fetch_by_ids, fetch_page, page_of
from shared.web import (
    Batch,
    ByIds,
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    encode_cursor,
    json_response,
)
from shared.web.pages import Cursor

reads = APIRouter(prefix="/layouts", tags=["layouts"], route_class=ReadRoute)
commands = APIRouter(prefix="/layouts", tags=["layouts"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("layout.read"))]
LayoutName = Annotated[str, Query(min_length=1, max_length=100)]


@reads.get("", response_model=Page[LayoutOut])
async def list_layouts(request: Request, principal: MayRead, cursor: CursorQuery) -> Response:
    """Every version of the brand's own layouts, newest first."""
    conditions = repository.all_layouts(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_LAYOUT, conditions, cursor)
    return json_response(page_of(rows, has_next, layout_json))


@reads.post("/by-ids", response_model=Batch[LayoutOut])
async def get_layouts(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("layout")
    conditions = repository.all_layouts(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_LAYOUT, conditions, ids)
    return json_response(batch_of(rows, "layout", ids, layout_json))


@reads.get(
    "/built-in",
    response_model=BuiltInLayouts,
    dependencies=[Depends(MATRIX.allow("layout.read"))],
)
async def list_built_in() -> Response:
    """Those that every brand has."""
    return json_response(
        {"items": [each.model_dump(mode="json") for each in built_in_layouts().values()]}
    )


@reads.get("/report", response_model=LayoutReportOut)
async def get_report(
    *,
    request: Request,
    principal: MayRead,
    layout: LayoutName,
    form: Domain,
    unit_id: UnitId | None = None,
    platform: Platform | None = None,
) -> Response:
    """What the layout asks of the caller's part of the matrix, in figures."""
    compiled, version = await _compile(request, principal, layout, form, unit_id, platform)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        off_roster = await repository.count_off_roster(
            connection, principal.brand_id, principal.extent, unit_id=unit_id
        )
    return json_response(
        report_json(
            compiled, layout=layout, version=version, form=form, at=now(), off_roster=off_roster
        )
    )


@reads.get("/seats", response_model=Page[SeatOut])
async def list_seats(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    layout: LayoutName,
    form: Domain,
    state: SeatState = SeatState.MISSING,
    unit_id: UnitId | None = None,
    platform: Platform | None = None,
) -> Response:
    """The seats in one state, in the order of the tree; each page is compiled anew."""
    compiled, _ = await _compile(request, principal, layout, form, unit_id, platform)
    lines, start = compiled.lines[state], _start_of(cursor)
    end = min(start + cursor.first, len(lines))
    return json_response(
        {
            "items": [seat_json(number, lines[number]) for number in range(start, end)],
            "page": {
                "has_next": end < len(lines),
                "end_cursor": encode_cursor(end - 1) if start < end else None,
            },
        }
    )


@commands.post("", status_code=201, response_model=LayoutOut)
async def set_layout(
    body: LayoutFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("layout.set"))],
) -> Layout:
    return await use_cases.set_layout(session, principal, body)


async def _compile(
    request: Request,
    principal: Principal,
    name: str,
    form: Domain,
    unit_id: UUID | None,
    platform: Platform | None,
) -> tuple[Compiled, int]:
    """In a thread: a large matrix takes seconds, and other requests wait for the loop."""
    at = now()
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        facts, version = built_in_layouts().get(name), 0
        if facts is None:
            facts, version = await repository.fetch_layout(connection, principal.brand_id, name)
        snapshot = await repository.fetch_snapshot(
            connection, principal.brand_id, principal.extent, unit_id=unit_id, at=at
        )
    compiled = await asyncio.to_thread(
        compile_layout,
        facts.rules(form),
        form,
        facts.cities,
        snapshot,
        platform=platform,
    )
    return compiled, version


def _start_of(cursor: Cursor) -> int:
    if cursor.after is None:
        return 0
    try:
        after = index(cursor.after[0])
    except (TypeError, IndexError) as error:
        raise Invalid("not a cursor of this list", field="/after") from error
    return max(after + 1, 0)
