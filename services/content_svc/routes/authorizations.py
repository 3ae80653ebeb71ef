"""Platform authorisations over HTTP: taken in, never read back."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from content_svc.access import MATRIX
from content_svc.connectors.tokens import Renewed
from content_svc.models import Authorization
from content_svc.repository.reading import Conditions, optional, read_page
from content_svc.schemas.posts import (
    AuthorizationIn,
    AuthorizationOut,
    DouyinAuthorizationIn,
    WecomAuthorizationIn,
)
from content_svc.use_cases import authorizations as use_cases
from shared.access import Principal
from shared.clock import now
from shared.events.account import Platform
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
                "ended_reason": row["ended_reason"],
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
    settings, renewed = _split(body)
    return await use_cases.grant_authorization(
        session,
        request.state.tokens,
        principal,
        platform=Platform(body.platform),
        account_id=body.account_id,
        settings=settings,
        renewed=renewed,
    )


def _split(
    body: DouyinAuthorizationIn | WecomAuthorizationIn,
) -> tuple[dict[str, Any], Renewed]:
    """What is no secret, and what is sealed."""
    at = now()
    if isinstance(body, WecomAuthorizationIn):
        settings = {"corp_id": body.corp_id, "deliver_by": body.deliver_by}
        # No token yet: the first call fetches one.
        return settings, Renewed({"secret": body.secret.get_secret_value()}, at)
    refresh_ends = at + timedelta(seconds=body.refresh_expires_in)
    credentials = {
        "access_token": body.access_token.get_secret_value(),
        "refresh_token": body.refresh_token.get_secret_value(),
    }
    settings = {"client_key": body.client_key, "open_id": body.open_id}
    ends = at + timedelta(seconds=body.expires_in)
    return settings, Renewed(credentials, ends, refresh_ends)
