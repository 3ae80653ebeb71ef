"""Drafts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.models import Draft, DraftStatus, Post
from content_svc.repository import views
from content_svc.repository.reading import Conditions, read_by_ids, read_page
from content_svc.routes.posts import shape_post
from content_svc.schemas.campaigns import DraftIn, DraftOut, ReviseDraftIn, ScheduleDraftIn
from content_svc.schemas.posts import PostOut
from content_svc.use_cases import drafts as use_cases
from shared.access import Principal
from shared.events.content import Verdict
from shared.ids import AccountId, CampaignId, DraftId
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

reads = APIRouter(tags=["drafts"], route_class=ReadRoute)
commands = APIRouter(tags=["drafts"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("draft.read"))]


@reads.get("/drafts", response_model=Page[DraftOut])
async def list_drafts(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    campaign_id: CampaignId | None = None,
    account_id: AccountId | None = None,
    status: DraftStatus | None = None,
    verdict: Verdict | None = None,
) -> Response:
    conditions = _visible(principal)
    conditions.add_given("d.campaign_id = ?", campaign_id)
    conditions.add_given("d.account_id = ?", account_id)
    conditions.add_given("d.status = ?", status)
    conditions.add_given("d.verdict = ?", verdict)
    return json_response(
        await read_page(request.state.reads, views.SELECT_DRAFT, conditions, cursor, views.draft)
    )


@reads.post("/drafts/by-ids", response_model=Batch[DraftOut])
async def get_drafts(request: Request, principal: MayRead, body: ByIds) -> Response:
    return json_response(
        await read_by_ids(
            request.state.reads,
            views.SELECT_DRAFT,
            _visible(principal),
            "draft",
            body.uuids("draft"),
            views.draft,
        )
    )


@commands.post("/drafts", status_code=201, response_model=DraftOut)
async def write_draft(
    body: DraftIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("draft.write"))],
) -> Draft:
    return await use_cases.write_draft(
        session,
        principal,
        body.account_id,
        campaign_id=body.campaign_id,
        title=body.title,
        text=body.text,
        asset_ids=body.asset_ids,
    )


@commands.post("/drafts/{draft_id}/revise", response_model=DraftOut)
async def revise_draft(
    draft_id: DraftId,
    body: ReviseDraftIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("draft.revise"))],
) -> Draft:
    return await use_cases.revise_draft(
        session, principal, draft_id, title=body.title, text=body.text
    )


@commands.post("/drafts/{draft_id}/approve", response_model=DraftOut)
async def approve_draft(
    draft_id: DraftId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("draft.approve"))],
) -> Draft:
    return await use_cases.approve_draft(session, principal, draft_id)


@commands.post("/drafts/{draft_id}/schedule", response_model=PostOut)
async def schedule_draft(
    draft_id: DraftId,
    body: ScheduleDraftIn,
    request: Request,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("draft.schedule"))],
) -> PostOut:
    """The post that will go out."""
    post: Post = await use_cases.schedule_draft(session, principal, draft_id, due_at=body.due_at)
    return await shape_post(session, post, request.state.settings)


def _visible(principal: Principal) -> Conditions:
    conditions = Conditions("d", principal.brand_id)
    conditions.limit_to(principal.extent, "a")
    return conditions
