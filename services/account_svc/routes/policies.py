"""Platform policies over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.errors import PolicyExpired, PolicyNotFound
from account_svc.models import PlatformPolicy, PolicyFact, PolicyFacts, find_policy
from account_svc.repository import policies as repository
from account_svc.schemas.policies import (
    HoldingPoliciesOut,
    HoldingPolicyOut,
    PolicyOut,
    holding_json,
    policy_json,
)
from account_svc.use_cases import policies as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.events.account import Platform
from shared.instants import Instant
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

reads = APIRouter(prefix="/policies", tags=["policies"], route_class=ReadRoute)
commands = APIRouter(prefix="/policies", tags=["policies"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("policy.read"))]


@reads.get("", response_model=Page[PolicyOut])
async def list_policies(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    platform: Platform | None = None,
    fact: PolicyFact | None = None,
) -> Response:
    """The brand's own rows, expired ones too, newest first."""
    conditions = repository.filtered_policies(principal.brand_id, platform=platform, fact=fact)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_POLICY, conditions, cursor)
    return json_response(page_of(rows, has_next, policy_json))


@reads.post("/by-ids", response_model=Batch[PolicyOut])
async def get_policies(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("policy")
    conditions = repository.all_policies(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_POLICY, conditions, ids)
    return json_response(batch_of(rows, "policy", ids, policy_json))


@reads.get("/holding", response_model=HoldingPoliciesOut)
async def list_holding(
    request: Request,
    principal: MayRead,
    platform: Platform | None = None,
    at: Annotated[Instant | None, Query()] = None,
) -> Response:
    """What holds at an instant, now if left out: for every fact that any row is about, the row
    that decides, or since when none does. The brand's rows come before those for every brand."""
    at = at or now()
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_policies(connection, principal.brand_id, platform)
    items, expired = [], []
    for about in sorted({(row.platform, row.fact) for row in rows}):
        try:
            found = find_policy(rows, *about, at)
        except PolicyExpired as refusal:
            expired.append({"platform": about[0], "fact": about[1], "reason": refusal.message})
        else:
            items += [] if found is None else [holding_json(found)]
    return json_response({"at": at, "items": items, "expired": expired})


@reads.get("/holding/{platform}/{fact}", response_model=HoldingPolicyOut)
async def get_holding(
    request: Request,
    principal: MayRead,
    platform: Platform,
    fact: PolicyFact,
    at: Annotated[Instant | None, Query()] = None,
) -> Response:
    """The row that decides at an instant; 409 `policy_expired` when those there were have ended."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_policies(connection, principal.brand_id, platform)
    found = find_policy(rows, platform, fact, at or now())
    if found is None:
        raise PolicyNotFound(f"no policy says {fact} of {platform}", field="/fact")
    return json_response(holding_json(found))


@commands.post("", status_code=201, response_model=PolicyOut)
async def set_policy(
    body: PolicyFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("policy.set"))],
) -> PlatformPolicy:
    return await use_cases.set_policy(session, principal, body)
