"""What converts, over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.repository import outcomes
from content_svc.schemas.posts import WhatConvertsOut
from content_svc.wilson import interval
from shared.access import Principal
from shared.database import brand_read
from shared.ids import CampaignId
from shared.web import json_response

reads = APIRouter(tags=["outcomes"])
ROUTERS = (reads,)


@reads.get("/what-converts", response_model=WhatConvertsOut)
async def list_what_converts(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("what_converts.read"))],
    by: Literal["platform", "template", "campaign", "account"],
    campaign_id: CampaignId | None = None,
) -> Response:
    """Leads, deals and CNY amounts by what brought them, most leads first, at most 500 rows."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await outcomes.fetch_what_converts(
            connection,
            principal.brand_id,
            by=by,
            campaign_id=campaign_id,
            extent=principal.extent,
        )
    return json_response(
        {"items": [{**row, **interval(row["leads"], row["views"])} for row in rows]}
    )
