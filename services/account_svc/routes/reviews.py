"""Suspicions, reviews of what was earned, and appeals over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import Appeal, AppealStatus, Review, period_of
from account_svc.repository import race
from account_svc.repository import reviews as repository
from account_svc.schemas.accounts import ReasonIn
from account_svc.schemas.periods import Period
from account_svc.schemas.reviews import (
    AppealOut,
    DecideAppealIn,
    ReviewIn,
    ReviewOut,
    SuspicionOut,
    appeal_json,
    review_json,
    suspicion_json,
)
from account_svc.use_cases import reviews as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import AppealId, EntryId, UnitId
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

reads = APIRouter(tags=["reviews"], route_class=ReadRoute)
commands = APIRouter(tags=["reviews"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayReadReviews = Annotated[Principal, Depends(MATRIX.allow("review.read"))]
MayReadAppeals = Annotated[Principal, Depends(MATRIX.allow("appeal.read"))]


@reads.get("/ledger/suspicions", response_model=Page[SuspicionOut])
async def list_suspicions(
    *,
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("suspicion.read"))],
    cursor: CursorQuery,
    period: Period = None,
    unit_id: UnitId | None = None,
) -> Response:
    """A month's entries that the checks of its race find and nobody has ruled on, newest first."""
    period = period or period_of(now())
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        _, rules = await race.fetch_policy(connection, principal.brand_id, period)
        conditions = repository.suspects(
            principal.brand_id, principal.extent, rules.checks, period=period, unit_id=unit_id
        )
        rows, has_next = await repository.fetch_suspects(connection, conditions, cursor)
    return json_response(page_of(rows, has_next, suspicion_json))


@commands.post("/ledger/{entry_id}/review", response_model=ReviewOut)
async def review_entry(
    entry_id: EntryId,
    body: ReviewIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("entry.review"))],
) -> Review:
    """Clear a reward of suspicion, or take it back."""
    return await use_cases.review_entry(
        session, principal, entry_id, body.outcome, reason=body.reason
    )


@commands.post("/ledger/{entry_id}/appeal", response_model=AppealOut)
async def appeal_entry(
    entry_id: EntryId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("entry.appeal"))],
) -> Appeal:
    return await use_cases.open_appeal(session, principal, entry_id, reason=body.reason)


@reads.get("/reviews", response_model=Page[ReviewOut])
async def list_reviews(
    request: Request,
    principal: MayReadReviews,
    cursor: CursorQuery,
    entry_id: EntryId | None = None,
) -> Response:
    """Newest first."""
    conditions = repository.filtered_reviews(
        principal.brand_id, principal.extent, entry_id=entry_id
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_REVIEW, conditions, cursor)
    return json_response(page_of(rows, has_next, review_json))


@reads.post("/reviews/by-ids", response_model=Batch[ReviewOut])
async def get_reviews(request: Request, principal: MayReadReviews, body: ByIds) -> Response:
    ids = body.uuids("review")
    conditions = repository.visible_reviews(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_REVIEW, conditions, ids)
    return json_response(batch_of(rows, "review", ids, review_json))


@reads.get("/appeals", response_model=Page[AppealOut])
async def list_appeals(
    request: Request,
    principal: MayReadAppeals,
    cursor: CursorQuery,
    status: AppealStatus | None = None,
) -> Response:
    """Newest first."""
    conditions = repository.filtered_appeals(principal.brand_id, principal.extent, status=status)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_APPEAL, conditions, cursor)
    return json_response(page_of(rows, has_next, appeal_json))


@reads.post("/appeals/by-ids", response_model=Batch[AppealOut])
async def get_appeals(request: Request, principal: MayReadAppeals, body: ByIds) -> Response:
    ids = body.uuids("appeal")
    conditions = repository.visible_appeals(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_APPEAL, conditions, ids)
    return json_response(batch_of(rows, "appeal", ids, appeal_json))


@commands.post("/appeals/{appeal_id}/decide", response_model=AppealOut)
async def decide_appeal(
    appeal_id: AppealId,
    body: DecideAppealIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("appeal.decide"))],
) -> Appeal:
    """Give the reward back, or leave it taken back."""
    return await use_cases.decide_appeal(
        session,
        principal,
        appeal_id,
        is_granted=body.outcome is AppealStatus.GRANTED,
        reason=body.reason,
    )
