"""Deals: sales that came of leads, and their voiding."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.models import DealStatus
from lead_svc.repository.reads import DEAL, DEALS, Where, fetch_newest_per
from lead_svc.routes.rows import by_ids, grouped, page, shape_all
from lead_svc.schemas.contacts import DealOut, DealsByLeads, DealsOut, VoidDealIn, WinIn
from lead_svc.use_cases import deals as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import CampaignId, DealId, LeadId, StaffId, UnitId
from shared.reading import fetch_by_ids, fetch_page
from shared.web import ByIds, CommandRoute, CursorQuery, Page, ReadRoute, Transaction, json_response
from shared.web.pages import LARGEST_PAGE

reads = APIRouter(tags=["deals"], route_class=ReadRoute)
commands = APIRouter(tags=["deals"], route_class=CommandRoute)
ROUTERS = (reads, commands)

Reader = Annotated[Principal, Depends(MATRIX.allow("deal.read"))]


@reads.get("/deals", response_model=Page[DealOut])
async def list_deals(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    status: DealStatus | None = None,
    unit_id: UnitId | None = None,
    staff_id: StaffId | None = None,
    campaign_id: CampaignId | None = None,
    lead_id: LeadId | None = None,
) -> Response:
    where = Where(principal.brand_id)
    where.within(principal.extent)
    where.below(unit_id)
    where.equal(
        status=status.value if status else None,
        staff_id=staff_id,
        campaign_id=campaign_id,
        lead_id=lead_id,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, DEALS, where, cursor)
    return json_response(page(shape_all(rows, "deal"), rows, has_next))


@reads.post("/deals/by-ids", response_model=DealsOut)
async def get_deals(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("deal")
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, DEALS, where, ids)
    return json_response(by_ids(shape_all(rows, "deal"), "deal", ids))


@reads.post("/deals/by-leads", response_model=DealsByLeads)
async def get_deals_by_leads(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("lead")
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_newest_per(connection, DEAL, "deal", where, "lead_id", ids, LARGEST_PAGE)
    return json_response(grouped(rows, key="lead_id", prefix="deal", name="deals", wanted=ids))


@commands.post("/deals", status_code=201)
async def win_deal(
    body: WinIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("deal.win"))],
) -> DealOut:
    deal = await use_cases.win_deal(
        session,
        principal.brand_id,
        principal.extent,
        lead_id=body.lead_id,
        amount_minor=body.amount_minor,
        currency=body.currency,
        closed_at=body.closed_at or now(),
        actor=principal.actor,
    )
    return DealOut.model_validate(deal)


@commands.post("/deals/{deal_id}/void")
async def void_deal(
    deal_id: DealId,
    body: VoidDealIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("deal.void"))],
) -> DealOut:
    deal = await use_cases.void_deal(
        session,
        principal.brand_id,
        principal.extent,
        deal_id,
        reason=body.reason,
        actor=principal.actor,
    )
    return DealOut.model_validate(deal)
