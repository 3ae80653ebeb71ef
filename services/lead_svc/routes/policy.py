"""The brand's routing policy, and how far its leads came."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.repository import offers as repository
from lead_svc.repository.reads import fetch_funnel
from lead_svc.schemas.policy import FunnelOut, PolicyIn, PolicyOut
from lead_svc.use_cases import policy as use_cases
from shared.access import Principal
from shared.database import brand_read, brand_session
from shared.ids import CampaignId
from shared.web import CommandRoute, Transaction, json_response

reads = APIRouter(tags=["routing"])
commands = APIRouter(tags=["routing"], route_class=CommandRoute)
ROUTERS = (reads, commands)


@reads.get("/routing-policy")
async def get_policy(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("routing_policy.read"))],
) -> PolicyOut:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        policy = await repository.get_policy(session, principal.brand_id)
    return PolicyOut.model_validate(policy)


@commands.put("/routing-policy")
async def set_policy(
    body: PolicyIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("routing_policy.set"))],
) -> PolicyOut:
    policy = await use_cases.set_policy(
        session, principal.brand_id, body.model_dump(mode="json"), actor=principal.actor
    )
    return PolicyOut.model_validate(policy)


@reads.get("/funnel", response_model=FunnelOut)
async def get_funnel(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("funnel.read"))],
    campaign_id: CampaignId | None = None,
) -> Response:
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        row = await fetch_funnel(connection, principal.brand_id, principal.extent, campaign_id)
    return json_response(dict(row))
