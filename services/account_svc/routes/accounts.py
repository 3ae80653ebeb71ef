"""Accounts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.errors import AccountNotFound
from account_svc.models import Account, AccountFacts, PlatformStatusFacts
from account_svc.repository import accounts as repository
from account_svc.schemas.accounts import (
    AccountChangeOut,
    AccountIn,
    AccountOut,
    AccountStatusesOut,
    ActivateIn,
    HandOverIn,
    PairIn,
    ReasonIn,
    account_json,
    change_json,
    statuses_json,
)
from account_svc.use_cases import accounts as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.events.account import AccountStatus, HealthLevel, Platform
from shared.ids import AccountId, StaffId, UnitId, typed
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

reads = APIRouter(prefix="/accounts", tags=["accounts"], route_class=ReadRoute)
commands = APIRouter(prefix="/accounts", tags=["accounts"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("account.read"))]


@reads.get("", response_model=Page[AccountOut])
async def list_accounts(
    *,
    request: Request,
    principal: MayRead,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
    staff_id: StaffId | None = None,
    platform: Platform | None = None,
    status: AccountStatus | None = None,
    health_below: HealthLevel | None = None,
) -> Response:
    """Newest first. `unit_id` includes all units below; `health_below` leaves those whose health is
    worse than that level."""
    conditions = repository.filtered_accounts(
        principal.brand_id,
        principal.extent,
        unit_id=unit_id,
        staff_id=staff_id,
        platform=platform,
        status=status,
        health_below=health_below,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_ACCOUNT, conditions, cursor)
    return json_response(page_of(rows, has_next, account_json))


@reads.post("/by-ids", response_model=Batch[AccountOut])
async def get_accounts(request: Request, principal: MayRead, body: ByIds) -> Response:
    ids = body.uuids("acct")
    conditions = repository.visible_accounts(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_ACCOUNT, conditions, ids)
    return json_response(batch_of(rows, "acct", ids, account_json))


@reads.post("/platform-statuses/by-accounts", response_model=Batch[AccountStatusesOut])
async def get_platform_statuses(request: Request, principal: MayRead, body: ByIds) -> Response:
    """What was noted of each account, and what of it holds now."""
    ids = body.uuids("acct")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        found = await repository.fetch_status_notes(
            connection, principal.brand_id, principal.extent, ids
        )
    at = now()
    items = [statuses_json(account_id, notes, at) for account_id, notes in found.items()]
    missing = [typed("acct", each) for each in dict.fromkeys(ids) if each not in found]
    return json_response({"items": items, "missing": missing})


@reads.get("/{account_id}/history", response_model=Page[AccountChangeOut])
async def list_history(
    request: Request, principal: MayRead, account_id: AccountId, cursor: CursorQuery
) -> Response:
    """The account's steps of life, the latest first."""
    conditions = repository.changes_of(principal.brand_id, principal.extent, [account_id])
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_CHANGE, conditions, cursor)
    if not rows and cursor.after is None:
        # every account has a first step: none means that there is no account to be seen
        raise AccountNotFound("no such account")
    return json_response(page_of(rows, has_next, change_json))


@commands.post("", status_code=201, response_model=AccountOut)
async def register_account(
    body: AccountIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.register"))],
) -> Account:
    own = body.model_dump(include=set(AccountFacts.model_fields))
    return await use_cases.register_account(
        session,
        principal,
        AccountFacts(**own),
        unit_id=body.unit_id,
        staff_id=body.staff_id,
        persona_id=body.persona_id,
        status=body.status,
    )


@commands.post("/{account_id}/submit", response_model=AccountOut)
async def submit(
    account_id: AccountId,
    body: ActivateIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.submit"))],
) -> Account:
    """A planned account is opened and waits for the platform."""
    return await use_cases.submit(session, principal, account_id, reason=body.reason)


@commands.post("/{account_id}/activate", response_model=AccountOut)
async def activate(
    account_id: AccountId,
    body: ActivateIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.activate"))],
) -> Account:
    return await use_cases.activate(session, principal, account_id, reason=body.reason)


@commands.post("/{account_id}/restrict", response_model=AccountOut)
async def restrict(
    account_id: AccountId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.restrict"))],
) -> Account:
    return await use_cases.restrict(session, principal, account_id, reason=body.reason)


@commands.post("/{account_id}/suspend", response_model=AccountOut)
async def suspend(
    account_id: AccountId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.suspend"))],
) -> Account:
    return await use_cases.suspend(session, principal, account_id, reason=body.reason)


@commands.post("/{account_id}/hand-over", response_model=AccountOut)
async def hand_over(
    account_id: AccountId,
    body: HandOverIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.hand_over"))],
) -> Account:
    return await use_cases.hand_over(
        session, principal, account_id, staff_id=body.staff_id, reason=body.reason
    )


@commands.post("/{account_id}/retire", response_model=AccountOut)
async def retire(
    account_id: AccountId,
    body: ReasonIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.retire"))],
) -> Account:
    return await use_cases.retire(session, principal, account_id, reason=body.reason)


@commands.post("/{account_id}/pair", response_model=AccountOut)
async def pair(
    account_id: AccountId,
    body: PairIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.pair"))],
) -> Account:
    return await use_cases.pair(session, principal, account_id, body.persona_id)


@commands.post("/{account_id}/note-platform-status", response_model=AccountOut)
async def note_platform_status(
    account_id: AccountId,
    body: PlatformStatusFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("account.note_platform_status"))],
) -> Account:
    """What the platform itself says that the account is, from when until when."""
    return await use_cases.note_platform_status(session, principal, account_id, body)
