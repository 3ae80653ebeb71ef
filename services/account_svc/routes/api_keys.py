"""API keys over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import ApiKey
from account_svc.repository import api_keys as repository
from account_svc.schemas.api_keys import (
    ApiKeyIn,
    ApiKeyOut,
    ClaimsOut,
    NewApiKeyOut,
    VerifyIn,
    key_json,
)
from account_svc.use_cases import api_keys as use_cases
from shared.access import Principal
from shared.authentication import claims_of
from shared.database import brand_read
from shared.ids import ApiKeyId
from shared.reading import batch_of, fetch_by_ids, fetch_page, page_of
from shared.web import Batch, ByIds, CommandRoute, CursorQuery, Page, Transaction, json_response

reads = APIRouter(prefix="/api-keys", tags=["api keys"])
commands = APIRouter(prefix="/api-keys", tags=["api keys"], route_class=CommandRoute)
ROUTERS = (reads, commands)


@reads.get("", response_model=Page[ApiKeyOut])
async def list_keys(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("api_key.read"))],
    cursor: CursorQuery,
) -> Response:
    conditions = repository.all_keys(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_KEY, conditions, cursor)
    return json_response(page_of(rows, has_next, key_json))


@reads.post("/by-ids", response_model=Batch[ApiKeyOut])
async def get_keys(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("api_key.read"))],
    body: ByIds,
) -> Response:
    ids = body.uuids("apikey")
    conditions = repository.all_keys(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_KEY, conditions, ids)
    return json_response(batch_of(rows, "apikey", ids, key_json))


@reads.post(
    "/verify", response_model=ClaimsOut, dependencies=[Depends(MATRIX.allow("api_key.verify"))]
)
async def verify_key(request: Request, body: VerifyIn) -> Response:
    """The claims of whom the key speaks for; 401 for a key that is unknown, expired or revoked."""
    return json_response(claims_of(await use_cases.verify_key(request.state.sessions, body.key)))


@commands.post("", status_code=201, response_model=NewApiKeyOut)
async def create_key(
    body: ApiKeyIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("api_key.create"))],
) -> NewApiKeyOut:
    """The answer holds the key itself as `secret`, this once."""
    key, key_text = await use_cases.create_key(
        session,
        principal,
        name=body.name,
        role=body.role,
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    shown = ApiKeyOut.model_validate(key).model_dump()
    return NewApiKeyOut(**shown, secret=key_text.text)


@commands.post("/{key_id}/revoke", response_model=ApiKeyOut)
async def revoke_key(
    key_id: ApiKeyId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("api_key.revoke"))],
) -> ApiKey:
    return await use_cases.revoke_key(session, principal, key_id)
