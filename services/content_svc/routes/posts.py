"""Posts and their figures over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.models import Post, PostStatus
from content_svc.repository import posts as repository
from content_svc.repository import views
from content_svc.repository.metrics import FIGURES
from content_svc.repository.reading import Conditions, read_by_ids, read_page
from content_svc.schemas.posts import (
    ConfirmHandoffIn,
    DeliveryOut,
    HandoffOut,
    ImportMetricsIn,
    ImportMetricsOut,
    MetricIn,
    MetricsOut,
    PostOut,
    WithdrawPostIn,
)
from content_svc.settings import Settings
from content_svc.use_cases import posts as use_cases
from content_svc.use_cases.measuring import Report
from shared.access import Principal
from shared.database import brand_session
from shared.events.account import Platform
from shared.ids import AccountId, CampaignId, PostId, UnitId, typed
from shared.web import (
    Batch,
    BodyRoute,
    ByIds,
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    json_response,
)

reads = APIRouter(tags=["posts"], route_class=ReadRoute)
proofs = APIRouter(tags=["posts"], route_class=BodyRoute)
commands = APIRouter(tags=["posts"], route_class=CommandRoute)
ROUTERS = (reads, proofs, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("post.read"))]


@reads.get("/posts", response_model=Page[PostOut])
async def list_posts(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    campaign_id: CampaignId | None = None,
    account_id: AccountId | None = None,
    unit_id: UnitId | None = None,
    platform: Platform | None = None,
    status: PostStatus | None = None,
) -> Response:
    """`unit_id` includes all units below it."""
    conditions = _visible(principal)
    conditions.add_given("p.campaign_id = ?", campaign_id)
    conditions.add_given("p.account_id = ?", account_id)
    conditions.add_given("p.platform = ?", platform)
    conditions.add_given("p.status = ?", status)
    if unit_id is not None:
        conditions.within("p", (unit_id,))
    shape = views.post_shape(request.state.settings.handoff_link)
    return json_response(
        await read_page(request.state.reads, views.SELECT_POST, conditions, cursor, shape)
    )


@reads.post("/posts/by-ids", response_model=Batch[PostOut])
async def get_posts(request: Request, principal: MayRead, body: ByIds) -> Response:
    return json_response(
        await read_by_ids(
            request.state.reads,
            views.SELECT_POST,
            _visible(principal),
            "post",
            body.uuids("post"),
            views.post_shape(request.state.settings.handoff_link),
        )
    )


@proofs.post("/posts/{post_id}/confirm-handoff", response_model=PostOut)
async def confirm_handoff(
    post_id: PostId,
    body: ConfirmHandoffIn,
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("post.confirm_handoff"))],
) -> PostOut:
    """Repeating it with the same link changes nothing, so it needs no idempotency key.

    The page is read between two transactions, hence no CommandRoute.
    """
    post = await request.state.prover.confirm_handoff(principal, post_id, body.url)
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        return await shape_post(session, post, request.state.settings)


@commands.post("/posts/{post_id}/withdraw", response_model=PostOut)
async def withdraw_post(
    post_id: PostId,
    body: WithdrawPostIn,
    request: Request,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("post.withdraw"))],
) -> PostOut:
    post = await use_cases.withdraw_post(session, principal, post_id, reason=body.reason)
    return await shape_post(session, post, request.state.settings)


@commands.post("/posts/metrics", response_model=ImportMetricsOut)
async def import_metrics(
    body: ImportMetricsIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("post.measure"))],
) -> ImportMetricsOut:
    """A repeat changes nothing; totals go down only by a correction."""
    result = await use_cases.import_metrics(
        session, principal, [_report(item) for item in body.items]
    )
    return ImportMetricsOut.model_validate(result)


async def shape_post(session: AsyncSession, post: Post, settings: Settings) -> PostOut:
    """The resource of a post that a command just changed."""
    handoff = None
    if post.handoff_deadline_at is not None:
        found = (await repository.list_claimed(session, post.brand_id, [post.id]))[0]
        handoff = HandoffOut(
            title=found.title,
            text=found.text,
            asset_ids=list(found.asset_ids),
            deep_link=settings.handoff_link.format(post_id=typed("post", post.id)),
            deadline_at=post.handoff_deadline_at,
        )
    return PostOut(
        id=post.id,
        campaign_id=post.campaign_id,
        draft_id=post.draft_id,
        account_id=post.account_id,
        staff_id=post.staff_id,
        unit_id=post.unit_id,
        platform=post.platform,
        status=post.status,
        due_at=post.due_at,
        published_at=post.published_at,
        url=post.url,
        platform_post_id=post.platform_post_id,
        failure_reason=post.failure_reason,
        handoff=handoff,
        metrics=None
        if post.measured_at is None
        else MetricsOut(
            measured_at=post.measured_at, **{name: getattr(post, name) for name in FIGURES}
        ),
        delivery=None if post.delivery is None else DeliveryOut(**post.delivery),
        version=post.version,
    )


def _report(item: MetricIn) -> Report:
    told = item.model_dump(include=set(FIGURES), exclude_none=True)
    return Report(
        post_id=item.post_id,
        platform=item.platform,
        platform_post_id=item.platform_post_id,
        measured_at=item.measured_at,
        figures=told,
        is_correction=item.is_correction,
    )


def _visible(principal: Principal) -> Conditions:
    conditions = Conditions("p", principal.brand_id)
    conditions.limit_to(principal.extent)
    return conditions
