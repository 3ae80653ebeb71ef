"""Campaigns over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.models import Campaign, CampaignStatus
from content_svc.repository import posts, views
from content_svc.repository.campaigns import count_places
from content_svc.repository.reading import Conditions, read_by_ids, read_page
from content_svc.schemas.campaigns import CampaignIn, CampaignOut, Counts, StopIn, Target
from content_svc.use_cases import campaigns as use_cases
from shared.access import Principal
from shared.events.account import Right
from shared.ids import CampaignId
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

reads = APIRouter(tags=["campaigns"], route_class=ReadRoute)
commands = APIRouter(tags=["campaigns"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("campaign.read"))]


@reads.get("/campaigns", response_model=Page[CampaignOut])
async def list_campaigns(
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    status: CampaignStatus | None = None,
) -> Response:
    conditions = Conditions("c", principal.brand_id)
    conditions.add_given("c.status = ?", status)
    return json_response(
        await read_page(
            request.state.reads, views.SELECT_CAMPAIGN, conditions, cursor, views.campaign
        )
    )


@reads.post("/campaigns/by-ids", response_model=Batch[CampaignOut])
async def get_campaigns(request: Request, principal: MayRead, body: ByIds) -> Response:
    return json_response(
        await read_by_ids(
            request.state.reads,
            views.SELECT_CAMPAIGN,
            Conditions("c", principal.brand_id),
            "camp",
            body.uuids("camp"),
            views.campaign,
        )
    )


@commands.post("/campaigns", status_code=201, response_model=CampaignOut)
async def create_campaign(
    body: CampaignIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("campaign.create"))],
) -> CampaignOut:
    campaign = await use_cases.create_campaign(
        session,
        principal.brand_id,
        **body.model_dump(exclude={"target"}),
        **body.target.model_dump(),
        actor=principal.actor,
    )
    return await _shape(session, campaign)


@commands.post("/campaigns/{campaign_id}/launch", response_model=CampaignOut)
async def launch_campaign(
    campaign_id: CampaignId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("campaign.launch"))],
) -> CampaignOut:
    campaign = await use_cases.launch_campaign(
        session, principal.brand_id, campaign_id, actor=principal.actor
    )
    return await _shape(session, campaign)


@commands.post("/campaigns/{campaign_id}/pause", response_model=CampaignOut)
async def pause_campaign(
    campaign_id: CampaignId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("campaign.pause"))],
) -> CampaignOut:
    campaign = await use_cases.pause_campaign(
        session, principal.brand_id, campaign_id, actor=principal.actor
    )
    return await _shape(session, campaign)


@commands.post("/campaigns/{campaign_id}/resume", response_model=CampaignOut)
async def resume_campaign(
    campaign_id: CampaignId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("campaign.resume"))],
) -> CampaignOut:
    campaign = await use_cases.resume_campaign(
        session, principal.brand_id, campaign_id, actor=principal.actor
    )
    return await _shape(session, campaign)


@commands.post("/campaigns/{campaign_id}/stop", response_model=CampaignOut)
async def stop_campaign(
    campaign_id: CampaignId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("campaign.stop"))],
    body: StopIn | None = None,
) -> CampaignOut:
    campaign = await use_cases.stop_campaign(
        session,
        principal.brand_id,
        campaign_id,
        reason=(body or StopIn()).reason,
        actor=principal.actor,
    )
    return await _shape(session, campaign)


async def _shape(session: AsyncSession, campaign: Campaign) -> CampaignOut:
    brand_id = campaign.brand_id
    sent = await posts.count_by_status(session, brand_id, campaign.id)
    drafts = await posts.count_drafts_by_status(session, brand_id, campaign.id)
    return CampaignOut(
        id=campaign.id,
        code=campaign.code,
        name=campaign.name,
        mode=campaign.mode,
        template_id=campaign.template_id,
        asset_ids=campaign.asset_ids,
        target=Target(
            unit_ids=campaign.unit_ids,
            platforms=campaign.platforms,
            persona_kinds=campaign.persona_kinds,
            rights=[Right(each) for each in campaign.rights],
        ),
        slot_values=campaign.slot_values,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        posts_per_account_gap_minutes=campaign.posts_per_account_gap_minutes,
        status=campaign.status,
        counts=Counts(
            planned=await count_places(session, brand_id, campaign.id),
            held=drafts.get("held", 0),
            scheduled=sent.get("scheduled", 0) + sent.get("dispatching", 0),
            handed_off=sent.get("handed_off", 0),
            published=sent.get("published", 0),
            failed=sent.get("failed", 0),
            withdrawn=sent.get("withdrawn", 0),
        ),
        created_at=campaign.created_at,
        version=campaign.version,
    )
