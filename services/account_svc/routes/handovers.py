"""Handovers over HTTP: opened and started by people, carried out by the worker."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import (
    Account,
    Handover,
    HandoverFacts,
    ItemKind,
    ItemStatus,
    TakersFacts,
)
from account_svc.repository import handovers as repository
from account_svc.schemas.accounts import AccountOut, ReasonIn
from account_svc.schemas.handovers import (
    HandoverItemOut,
    HandoverOut,
    HandoverProgressOut,
    OwnershipIn,
    count_json,
    handover_json,
    item_json,
)
from account_svc.use_cases import handovers as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import AccountId, HandoverId, StaffId, typed
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

reads = APIRouter(tags=["handovers"], route_class=ReadRoute)
commands = APIRouter(tags=["handovers"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("handover.read"))]


@reads.get("/handovers", response_model=Page[HandoverOut])
async def list_handovers(
    request: Request, principal: MayRead, cursor: CursorQuery, staff_id: StaffId | None = None
) -> Response:
    """Newest first."""
    conditions = repository.visible_handovers(principal.brand_id, principal.extent)
    conditions.add_given("h.staff_id = ?", staff_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(
            connection, repository.SELECT_HANDOVER, conditions, cursor
        )
    return json_response(page_of(rows, has_next, handover_json))


@reads.post("/handovers/by-ids", response_model=Batch[HandoverOut])
async def get_handovers(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("handover")
    conditions = repository.visible_handovers(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_HANDOVER, conditions, ids)
    return json_response(batch_of(rows, "handover", ids, handover_json))


@reads.post("/handovers/progress/by-handovers", response_model=Batch[HandoverProgressOut])
async def get_progress(request: Request, principal: MayRead, body: ByIds) -> Response:
    """How many things of each kind stand where."""
    ids = body.uuids("handover")
    conditions = repository.visible_handovers(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, "select h.id from handover h", conditions, ids)
        seen = [row["id"] for row in rows]
        counts = await repository.fetch_progress(connection, principal.brand_id, seen)
    items = [
        {
            "handover_id": typed("handover", each),
            "counts": [count_json(row) for row in counts.get(each, [])],
        }
        for each in seen
    ]
    missing = [typed("handover", each) for each in dict.fromkeys(ids) if each not in seen]
    return json_response({"items": items, "missing": missing})


@reads.get("/handover-items", response_model=Page[HandoverItemOut])
async def list_items(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    handover_id: HandoverId | None = None,
    kind: ItemKind | None = None,
    status: ItemStatus | None = None,
) -> Response:
    """Newest first."""
    conditions = repository.visible_items(principal.brand_id, principal.extent)
    conditions.add_given("i.handover_id = ?", handover_id)
    conditions.add_given("i.kind = ?", kind)
    conditions.add_given("i.status = ?", status)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_ITEM, conditions, cursor)
    return json_response(page_of(rows, has_next, item_json))


@reads.post("/handover-items/by-ids", response_model=Batch[HandoverItemOut])
async def get_items(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("hitem")
    conditions = repository.visible_items(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_ITEM, conditions, ids)
    return json_response(batch_of(rows, "hitem", ids, item_json))


@commands.post("/handovers", status_code=201, response_model=HandoverOut)
async def open_handover(
    body: HandoverFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("handover.open"))],
) -> Handover:
    """Plan where everything goes that the person runs. Nothing is done before it is started."""
    return await use_cases.open_handover(session, principal, body)


@commands.post("/handovers/{handover_id}/start", response_model=HandoverOut)
async def start(
    handover_id: HandoverId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("handover.start"))],
) -> Handover:
    """The plan is carried out from `starts_at` on."""
    return await use_cases.start(session, principal, handover_id)


@commands.post("/handovers/{handover_id}/change-takers", response_model=HandoverOut)
async def change_takers(
    handover_id: HandoverId,
    body: TakersFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("handover.change_takers"))],
) -> Handover:
    """Others take what is not done yet; what failed is tried again."""
    return await use_cases.change_takers(session, principal, handover_id, body.taker_ids)


@commands.post("/handovers/{handover_id}/cancel", response_model=HandoverOut)
async def cancel(
    handover_id: HandoverId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("handover.cancel"))],
) -> Handover:
    """Nothing more goes to others. What is done stays done; what a platform is moving already is
    followed to its end."""
    return await use_cases.cancel(session, principal, handover_id, reason=body.reason)


@commands.post("/accounts/{account_id}/state-ownership", response_model=AccountOut)
async def state_ownership(
    account_id: AccountId,
    body: OwnershipIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.state_ownership"))],
) -> Account:
    """Whose the account is when its person leaves."""
    return await use_cases.state_ownership(
        session, principal, account_id, body.ownership, reference=body.reference
    )
