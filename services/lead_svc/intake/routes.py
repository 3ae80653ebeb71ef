"""Connections to platforms, and what they delivered."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from lead_svc.access import MATRIX
from lead_svc.intake import repository, use_cases
from lead_svc.intake.schemas import (
    AddConnectionIn,
    ChangeSettingsIn,
    ConnectionOut,
    Connections,
    ReceiptOut,
    RotateSecretsIn,
)
from lead_svc.models import ReceiptStatus
from shared.access import Principal
from shared.database import brand_session
from shared.ids import ConnectionId, ReceiptId, typed
from shared.web import Batch, ByIds, CommandRoute, CursorQuery, Page, Transaction

reads = APIRouter(tags=["intake"])
commands = APIRouter(tags=["intake"], route_class=CommandRoute)
ROUTERS = (reads, commands)


@reads.get("/connections")
async def list_connections(
    request: Request,
    cursor: CursorQuery,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.read"))],
) -> Page[ConnectionOut]:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_connections(
            session, principal.brand_id, first=cursor.first + 1, after=cursor.after_id
        )
    return Page.of(rows, cursor.first, ConnectionOut.of)


@reads.post("/connections/by-ids")
async def get_connections(
    request: Request,
    body: ByIds,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.read"))],
) -> Connections:
    ids = body.uuids("conn")
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_connections_by_ids(session, principal.brand_id, ids)
    found = {row.id for row in rows}
    return Connections(
        items=[ConnectionOut.of(row) for row in rows],
        missing=[each for each in ids if each not in found],
    )


@commands.post("/connections", status_code=201)
async def add_connection(
    request: Request,
    body: AddConnectionIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.add"))],
) -> ConnectionOut:
    connection = await use_cases.add_connection(
        session, request.state.vault, principal, **body.model_dump()
    )
    return ConnectionOut.of(connection)


@commands.post("/connections/{connection_id}/rotate-secrets")
async def rotate_secrets(
    request: Request,
    connection_id: ConnectionId,
    body: RotateSecretsIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.rotate_secrets"))],
) -> ConnectionOut:
    connection = await use_cases.rotate_secrets(
        session, request.state.vault, principal, connection_id, body.secrets
    )
    return ConnectionOut.of(connection)


@commands.post("/connections/{connection_id}/change-settings")
async def change_settings(
    request: Request,
    connection_id: ConnectionId,
    body: ChangeSettingsIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.change_settings"))],
) -> ConnectionOut:
    connection = await use_cases.change_settings(
        session, request.state.vault, principal, connection_id, body.settings
    )
    return ConnectionOut.of(connection)


@commands.post("/connections/{connection_id}/disable")
async def disable_connection(
    connection_id: ConnectionId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("connection.disable"))],
) -> ConnectionOut:
    return ConnectionOut.of(await use_cases.disable_connection(session, principal, connection_id))


@reads.get("/receipts")
async def list_receipts(
    request: Request,
    cursor: CursorQuery,
    principal: Annotated[Principal, Depends(MATRIX.allow("receipt.read"))],
    status: ReceiptStatus | None = None,
    connection_id: ConnectionId | None = None,
) -> Page[ReceiptOut]:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_receipts(
            session,
            principal.brand_id,
            status=status,
            connection_id=connection_id,
            first=cursor.first + 1,
            after=cursor.after_id,
        )
    return Page.of(rows, cursor.first, ReceiptOut.model_validate)


@reads.post("/receipts/by-ids")
async def get_receipts(
    request: Request,
    body: ByIds,
    principal: Annotated[Principal, Depends(MATRIX.allow("receipt.read"))],
) -> Batch[ReceiptOut]:
    ids = body.uuids("rcpt")
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_receipts_by_ids(session, principal.brand_id, ids)
    found = {row.id for row in rows}
    return Batch(
        items=[ReceiptOut.model_validate(row) for row in rows],
        missing=[typed("rcpt", each) for each in dict.fromkeys(ids) if each not in found],
    )


@commands.post("/receipts/{receipt_id}/replay")
async def replay_receipt(
    request: Request,
    receipt_id: ReceiptId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("receipt.replay"))],
) -> ReceiptOut:
    receipt = await use_cases.replay_receipt(session, request.state.vault, principal, receipt_id)
    return ReceiptOut.model_validate(receipt)
