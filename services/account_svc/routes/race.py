"""The race and its rules over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import RaceRules, period_of
from account_svc.repository import race as repository
from account_svc.schemas.periods import Period
from account_svc.schemas.race import RacePolicyIn, RacePolicyOut, StandingOut, standing_json
from account_svc.use_cases import race as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.web import (
    CommandRoute,
    CursorQuery,
    Page,
    ReadRoute,
    Transaction,
    encode_cursor,
    json_response,
)

reads = APIRouter(tags=["race"], route_class=ReadRoute)
commands = APIRouter(tags=["race"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("race.read"))]


@reads.get("/race", response_model=Page[StandingOut])
async def list_race(
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    period: Period = None,
    league: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> Response:
    """The stores' month by rank, of one league or of all; equal stores share a rank.

    Everybody sees the whole race: it is no race otherwise.
    """
    period = period or period_of(now())
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        _, rules = await repository.fetch_policy(connection, principal.brand_id, period)
        rows, has_next = await repository.fetch_race(
            connection, principal.brand_id, period, rules, league, cursor
        )
    end = encode_cursor(rows[-1]["rank"], str(rows[-1]["store_id"])) if rows else None
    return json_response(
        {
            "items": [standing_json(row, rules) for row in rows],
            "page": {"has_next": has_next, "end_cursor": end},
        }
    )


@reads.get("/race-policy", response_model=RacePolicyOut)
async def get_policy(request: Request, principal: MayRead, period: Period = None) -> Response:
    """The rules of a month."""
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        version, rules = await repository.fetch_policy(
            connection, principal.brand_id, period or period_of(now())
        )
    return json_response({**rules.model_dump(mode="json"), "version": version})


@commands.put("/race-policy")
async def set_policy(
    body: RacePolicyIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("race_policy.set"))],
) -> RacePolicyOut:
    """A new version; months that are over keep theirs."""
    rules = RaceRules.model_validate(body.model_dump(exclude={"from_period"}))
    policy = await use_cases.set_policy(session, principal, rules, from_period=body.from_period)
    return RacePolicyOut(version=policy.version, **rules.model_dump())
