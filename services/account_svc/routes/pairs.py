"""Profiles as they were seen, and pairs, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.drift import DriftState
from account_svc.models import ProfileFacts, ProfileObservation
from account_svc.repository import pairs as repository
from account_svc.schemas.pairs import PairOut, ProfileOut, pair_json
from account_svc.use_cases import pairs as use_cases
from shared.access import Principal
from shared.database import brand_read
from shared.ids import AccountId, UnitId
from shared.reading import fetch_by_ids, fetch_page, page_of
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

reads = APIRouter(tags=["pairs"], route_class=ReadRoute)
commands = APIRouter(tags=["pairs"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("account.read"))]


@commands.post("/accounts/{account_id}/observe", response_model=ProfileOut)
async def observe_profile(
    account_id: AccountId,
    body: ProfileFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.observe"))],
) -> ProfileObservation:
    """Keep how the account looks now, and compare the pairs that it belongs to."""
    return await use_cases.observe_profile(session, principal, account_id, body)


@reads.get("/pairs", response_model=Page[PairOut])
async def list_pairs(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
    state: DriftState | None = None,
) -> Response:
    """Public accounts with a persona and a seller, newest first, each with its private one."""
    conditions = repository.filtered_pairs(
        principal.brand_id, principal.extent, unit_id=unit_id, state=state
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_PAIR, conditions, cursor)
    return json_response(page_of(rows, has_next, pair_json))


@reads.post("/pairs/by-accounts", response_model=Batch[PairOut])
async def get_pairs(request: Request, principal: MayRead, body: ByIds) -> Response:
    """Of each public account that has a persona and a seller."""
    conditions = repository.visible_pairs(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(
            connection, repository.SELECT_PAIR, conditions, body.uuids("acct")
        )
    found = [pair_json(row) for row in rows]
    shown = {each["account_id"] for each in found}
    missing = [each for each in dict.fromkeys(body.ids) if each not in shown]
    return json_response({"items": found, "missing": missing})
