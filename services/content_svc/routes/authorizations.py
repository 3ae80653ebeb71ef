"""Platform authorisations over HTTP: taken in, never read back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.models import Authorization
from content_svc.repository.reading import Conditions, optional, read_page
from content_svc.schemas.posts import AuthorizationIn, AuthorizationOut
from content_svc.use_cases import authorizations as use_cases
from shared.access import Principal
from shared.web import CommandRoute, CursorQuery, Page, Transaction, json_response

reads = APIRouter(tags=["authorizations"])
commands = APIRouter(tags=["authorizations"], route_class=CommandRoute)
ROUTERS = (reads, commands)


@reads.get("/authorizations", response_model=Page[AuthorizationOut])
async def list_authorizations(
    request: Request,
    cursor: CursorQuery,
    principal: Annotated[Principal, Depends(MATRIX.allow("authorization.read"))],
) -> Response:
    return json_response(
        await read_page(
            request.state.reads,
            "select z.* from platform_authorization z",
            Conditions("z", principal.brand_id),
            cursor,
            lambda row: {
                "platform": row["platform"],
                "account_id": optional("acct", row["account_id"]),
                "status": row["status"],
                "expires_at": row["expires_at"],
                "refresh_expires_at": row["refresh_expires_at"],
                "created_at": row["created_at"],
            },
        )
    )


@commands.post("/authorizations", status_code=201, response_model=AuthorizationOut)
async def grant_authorization(
    body: AuthorizationIn,
    request: Request,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("authorization.grant"))],
) -> Authorization:
    """Replaces what the account, or the brand's app, had before."""
    return await use_cases.grant_authorization(session, request.state.tokens, principal, body)
