"""Leads: what there is, and what sellers and systems do with it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.errors import StaffNotNamed
from lead_svc.models import LeadStatus
from lead_svc.repository import leads as repository
from lead_svc.repository.reads import (
    DECISIONS,
    LEAD,
    LEADS,
    Where,
    fetch_newest_per,
)
from lead_svc.routes.rows import by_ids, grouped, page, shape_all
from lead_svc.schemas.leads import (
    AcceptIn,
    CaptureIn,
    DecisionsOut,
    DeclineIn,
    LeadOut,
    LeadsByContacts,
    LeadsByPosts,
    LeadsOut,
    VoidIn,
)
from lead_svc.use_cases import capture, offers
from lead_svc.use_cases import leads as use_cases
from shared.access import NotAllowed, Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import CampaignId, ContactId, LeadId, PostId, StaffId, UnitId
from shared.reading import fetch_by_ids, fetch_page
from shared.web import (
    ByIds,
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    json_response,
)

reads = APIRouter(tags=["leads"], route_class=ReadRoute)
commands = APIRouter(tags=["leads"], route_class=CommandRoute)
ROUTERS = (reads, commands)

Reader = Annotated[Principal, Depends(MATRIX.allow("lead.read"))]


class NewestPer(ByIds):
    first: Annotated[int, Field(ge=1, le=100)] = 10


@reads.get("/leads", response_model=Page[LeadOut])
async def list_leads(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    status: LeadStatus | None = None,
    unit_id: UnitId | None = None,
    staff_id: StaffId | None = None,
    campaign_id: CampaignId | None = None,
    post_id: PostId | None = None,
    contact_id: ContactId | None = None,
) -> Response:
    where = Where(principal.brand_id)
    where.within(principal.extent)
    where.below(unit_id)
    where.equal(
        status=status.value if status else None,
        staff_id=staff_id,
        campaign_id=campaign_id,
        post_id=post_id,
        contact_id=contact_id,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, LEADS, where, cursor)
    return json_response(page(shape_all(rows, "lead"), rows, has_next))


@reads.post("/leads/by-ids", response_model=LeadsOut)
async def get_leads(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("lead")
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, LEADS, where, ids)
    return json_response(by_ids(shape_all(rows, "lead"), "lead", ids))


@reads.post("/leads/by-posts", response_model=LeadsByPosts)
async def get_leads_by_posts(request: Request, body: NewestPer, principal: Reader) -> Response:
    return json_response(await _newest_per(request, principal, body, "post", "post_id"))


@reads.post("/leads/by-contacts", response_model=LeadsByContacts)
async def get_leads_by_contacts(request: Request, body: NewestPer, principal: Reader) -> Response:
    return json_response(await _newest_per(request, principal, body, "contact", "contact_id"))


async def _newest_per(
    request: Request, principal: Principal, body: NewestPer, prefix: str, key: str
) -> dict[str, Any]:
    ids = body.uuids(prefix)
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_newest_per(connection, LEAD, "lead", where, key, ids, body.first)
    return grouped(rows, key=key, prefix="lead", name="leads", wanted=ids)


@reads.get("/leads/{lead_id}/decisions", response_model=DecisionsOut)
async def list_decisions(
    request: Request,
    lead_id: LeadId,
    principal: Annotated[Principal, Depends(MATRIX.allow("decision.read"))],
) -> Response:
    visible = Where(principal.brand_id)
    visible.within(principal.extent)
    where = Where(principal.brand_id)
    where.equal(lead_id=lead_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        repository.require_found(
            await fetch_by_ids(connection, "select t.id from lead t", visible, [lead_id])
        )
        rows = await connection.fetch(
            f"{DECISIONS} where {where.sql} order by t.id desc limit 100",
            *where.arguments,
        )
    return json_response({"items": shape_all(rows, "decision")})


@commands.post("/leads", status_code=201)
async def capture_lead(
    request: Request,
    body: CaptureIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lead.capture"))],
) -> LeadOut:
    lead = await capture.capture_lead(
        session,
        request.state.vault,
        principal,
        body.model_dump(mode="json", exclude_none=True),
    )
    return LeadOut.model_validate(lead)


@commands.post("/leads/{lead_id}/accept")
async def accept_lead(
    lead_id: LeadId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lead.accept"))],
    body: AcceptIn | None = None,
) -> LeadOut:
    staff_id = await _seller(session, principal, lead_id, body)
    lead = await offers.accept(
        session, principal.brand_id, lead_id, staff_id, actor=principal.actor, at=now()
    )
    return LeadOut.model_validate(lead)


@commands.post("/leads/{lead_id}/decline")
async def decline_lead(
    lead_id: LeadId,
    body: DeclineIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lead.decline"))],
) -> LeadOut:
    staff_id = await _seller(session, principal, lead_id, body)
    lead = await offers.decline(
        session,
        principal.brand_id,
        lead_id,
        staff_id,
        reason=body.reason,
        actor=principal.actor,
        at=now(),
    )
    return LeadOut.model_validate(lead)


@commands.post("/leads/{lead_id}/void")
async def void_lead(
    lead_id: LeadId,
    body: VoidIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("lead.void"))],
) -> LeadOut:
    lead = await use_cases.void_lead(
        session,
        principal.brand_id,
        principal.extent,
        lead_id,
        reason=body.reason,
        actor=principal.actor,
    )
    return LeadOut.model_validate(lead)


async def _seller(
    session: Transaction, principal: Principal, lead_id: UUID, body: AcceptIn | None
) -> UUID:
    """Who answers the offer: the caller, or the seller that a manager of the lead names."""
    named = body.staff_id if body else None
    if principal.extent.staff_id is not None:
        if named not in (None, principal.extent.staff_id):
            raise NotAllowed("a seller answers for themselves only", field="/staff_id")
        return principal.extent.staff_id
    await repository.get_for_update(session, principal.brand_id, lead_id, principal.extent)
    staff_id = named or principal.staff_id
    if staff_id is None:
        raise StaffNotNamed("name the seller who answers", field="/staff_id")
    return staff_id
