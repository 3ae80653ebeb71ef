"""Incentive rules and the ledger over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.errors import StaffNotFound
from account_svc.models import IncentiveRule, RuleFacts, period_of
from account_svc.repository import incentives as repository
from account_svc.repository import staff
from account_svc.schemas.incentives import (
    BalancesOut,
    LedgerEntryOut,
    RuleOut,
    StatementOut,
    entry_json,
    rule_json,
    statement_json,
)
from account_svc.schemas.periods import Period
from account_svc.use_cases import incentives as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import StaffId, UnitId
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

reads = APIRouter(tags=["incentives"], route_class=ReadRoute)
commands = APIRouter(tags=["incentives"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayReadRules = Annotated[Principal, Depends(MATRIX.allow("rule.read"))]
MayReadLedger = Annotated[Principal, Depends(MATRIX.allow("ledger.read"))]


@reads.get("/incentive-rules", response_model=Page[RuleOut])
async def list_rules(request: Request, principal: MayReadRules, cursor: CursorQuery) -> Response:
    """Every version of every rule, newest first."""
    conditions = repository.all_rules(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_RULE, conditions, cursor)
    return json_response(page_of(rows, has_next, rule_json))


@reads.post("/incentive-rules/by-ids", response_model=Batch[RuleOut])
async def get_rules(request: Request, principal: MayReadRules, body: ByIds) -> Response:
    ids = body.uuids("rule")
    conditions = repository.all_rules(principal.brand_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_RULE, conditions, ids)
    return json_response(batch_of(rows, "rule", ids, rule_json))


@commands.post("/incentive-rules", status_code=201, response_model=RuleOut)
async def set_rule(
    body: RuleFacts,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("rule.set"))],
) -> IncentiveRule:
    return await use_cases.set_rule(session, principal, body)


@reads.get("/ledger", response_model=Page[LedgerEntryOut])
async def list_entries(
    request: Request,
    principal: MayReadLedger,
    cursor: CursorQuery,
    staff_id: StaffId | None = None,
    unit_id: UnitId | None = None,
) -> Response:
    """Newest first. `unit_id` includes all units below."""
    conditions = repository.filtered_entries(
        principal.brand_id, principal.extent, staff_id=staff_id, unit_id=unit_id
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_ENTRY, conditions, cursor)
    return json_response(page_of(rows, has_next, entry_json))


@reads.post("/ledger/by-ids", response_model=Batch[LedgerEntryOut])
async def get_entries(request: Request, principal: MayReadLedger, body: ByIds) -> Response:
    ids = body.uuids("entry")
    conditions = repository.visible_entries(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_ENTRY, conditions, ids)
    return json_response(batch_of(rows, "entry", ids, entry_json))


@reads.get("/ledger/balances", response_model=BalancesOut)
async def get_balances(
    request: Request,
    principal: Annotated[Principal, Depends(MATRIX.allow("ledger.balance"))],
    period: Period = None,
) -> Response:
    """The trial balance of a month's causes: what the brand's rewards gave and sellers got."""
    period = period or period_of(now())
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await repository.fetch_balances(connection, principal.brand_id, period)
    return json_response({"period": period, "items": [dict(row) for row in rows]})


@reads.get("/staff/{staff_id}/statement", response_model=StatementOut)
async def get_statement(
    request: Request, principal: MayReadLedger, staff_id: StaffId, period: Period = None
) -> Response:
    """What a person earned in a month, and what of it the brand pays out."""
    period = period or period_of(now())
    seen = staff.visible_staff(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        if not await fetch_by_ids(connection, staff.SELECT_STAFF, seen, [staff_id]):
            raise StaffNotFound("no such person")
        rows = await repository.fetch_statement(connection, principal.brand_id, staff_id, period)
    return json_response(statement_json(staff_id, period, rows))
