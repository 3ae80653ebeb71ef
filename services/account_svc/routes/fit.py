"""The fit adviser over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.fit import Condition, Level, advise, fit_rules
from account_svc.repository import org as repository
from account_svc.schemas.fit import FitAdviceOut, advice_json
from shared.access import Principal
from shared.database import brand_read
from shared.web import ReadRoute, json_response

reads = APIRouter(tags=["fit"], route_class=ReadRoute)
ROUTERS = (reads,)


@reads.get("/fit-advice", response_model=FitAdviceOut)
async def get_advice(
    *,
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("fit.read"))],
    industry: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
    wide_market: Level | None = None,
    fierce_rivalry: Level | None = None,
    many_outlets: Level | None = None,
    active_audience: Level | None = None,
    lasting_budget: Level | None = None,
    long_decision: Level | None = None,
) -> Response:
    """Go or no-go with its reasons, and the platforms in order. The brand's own industry and the
    stores of its tree are taken where nothing else is said; other conditions stay open."""
    given = {
        Condition.WIDE_MARKET: wide_market,
        Condition.FIERCE_RIVALRY: fierce_rivalry,
        Condition.MANY_OUTLETS: many_outlets,
        Condition.ACTIVE_AUDIENCE: active_audience,
        Condition.LASTING_BUDGET: lasting_budget,
        Condition.LONG_DECISION: long_decision,
    }
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        brand = await repository.fetch_brand(connection, principal.brand_id)
        stores = await repository.count_stores(connection, principal.brand_id)
    about = industry or brand["industry"]
    answers = {condition: level for condition, level in given.items() if level is not None}
    advice = advise(fit_rules(), about, answers, stores=stores)
    return json_response(advice_json(about, advice))
