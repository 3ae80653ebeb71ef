"""Health of accounts over HTTP. `GET /accounts` filters by it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.repository import health as repository
from account_svc.schemas.health import AccountHealthOut, health_json
from shared.access import Principal
from shared.database import brand_read
from shared.ids import typed
from shared.web import Batch, ByIds, ReadRoute, json_response

reads = APIRouter(prefix="/accounts/health", tags=["health"], route_class=ReadRoute)
ROUTERS = (reads,)


@reads.post("/by-accounts", response_model=Batch[AccountHealthOut])
async def get_health(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.read"))],
    body: ByIds,
) -> Response:
    """As last judged. An account that is not yet or no longer there has none."""
    ids = body.uuids("acct")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        found = await repository.fetch_health(connection, principal.brand_id, principal.extent, ids)
    missing = [typed("acct", each) for each in dict.fromkeys(ids) if each not in found]
    return json_response({"items": list(map(health_json, found.values())), "missing": missing})
