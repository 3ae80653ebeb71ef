"""Offers: which seller has which lead until when."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.models import OfferStatus
from lead_svc.repository.reads import OFFERS, Where
from lead_svc.routes.rows import by_ids, page, shape_all
from lead_svc.schemas.leads import OfferOut, OffersOut
from shared.access import Principal
from shared.database import brand_read
from shared.ids import LeadId, StaffId
from shared.reading import fetch_by_ids, fetch_page
from shared.web import ByIds, CursorQuery, Page, ReadRoute, json_response

reads = APIRouter(tags=["offers"], route_class=ReadRoute)
ROUTERS = (reads,)

Reader = Annotated[Principal, Depends(MATRIX.allow("offer.read"))]


@reads.get("/offers", response_model=Page[OfferOut])
async def list_offers(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    staff_id: StaffId | None = None,
    lead_id: LeadId | None = None,
    status: OfferStatus | None = None,
) -> Response:
    where = Where(principal.brand_id)
    where.within(principal.extent)
    where.equal(staff_id=staff_id, lead_id=lead_id, status=status.value if status else None)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, OFFERS, where, cursor)
    return json_response(page(shape_all(rows, "offer"), rows, has_next))


@reads.post("/offers/by-ids", response_model=OffersOut)
async def get_offers(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("offer")
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, OFFERS, where, ids)
    return json_response(by_ids(shape_all(rows, "offer"), "offer", ids))
