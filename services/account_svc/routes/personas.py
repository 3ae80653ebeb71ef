"""Personas over HTTP. They hold nothing personal and are the whole brand's to see."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models import Persona, PersonaFacts
from account_svc.repository import accounts as repository
from account_svc.schemas.accounts import PersonaOut, persona_json
from account_svc.use_cases import accounts as use_cases
from shared.access import Principal
from shared.database import brand_read
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

reads = APIRouter(prefix="/personas", tags=["personas"], route_class=ReadRoute)
commands = APIRouter(prefix="/personas", tags=["personas"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("persona.read"))]


@reads.get("", response_model=Page[PersonaOut])
async def list_personas(request: Request, principal: MayRead, cursor: CursorQuery) -> Response:
    conditions = repository.all_personas(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_PERSONA, conditions, cursor)
    return json_response(page_of(rows, has_next, persona_json))


@reads.post("/by-ids", response_model=Batch[PersonaOut])
async def get_personas(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("persona")
    conditions = repository.all_personas(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_PERSONA, conditions, ids)
    return json_response(batch_of(rows, "persona", ids, persona_json))


@commands.post("", status_code=201, response_model=PersonaOut)
async def add_persona(
    body: PersonaFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("persona.add"))],
) -> Persona:
    return await use_cases.add_persona(session, principal, body)
