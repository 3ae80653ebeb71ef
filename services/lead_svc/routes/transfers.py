"""Transfers: contacts on their way from a public account to the brand's own, in two stages.

What somebody noted at the drop is sealed; an answer that shows it is audited.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.models import Transfer, TransferStatus
from lead_svc.repository import transfers as repository
from lead_svc.repository.reads import TRANSFER_STEPS, TRANSFERS, Where
from lead_svc.routes.contacts import note_reading, require_visible
from lead_svc.routes.rows import by_ids, page, shape_all
from lead_svc.schemas.leads import ConsentIn
from lead_svc.schemas.transfers import (
    CompleteStageIn,
    DropTransferIn,
    OpenSecondStageIn,
    OpenTransferIn,
    TransferOut,
    TransfersOut,
    TransferStepOut,
)
from lead_svc.use_cases import transfers as use_cases
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import ContactId, StaffId, TransferId, UnitId
from shared.reading import fetch_by_ids, fetch_page
from shared.sealing import Vault, unseal
from shared.web import ByIds, CommandRoute, CursorQuery, Page, ReadRoute, Transaction, json_response

reads = APIRouter(tags=["transfers"], route_class=ReadRoute)
commands = APIRouter(tags=["transfers"], route_class=CommandRoute)
ROUTERS = (reads, commands)

_KEY_COLUMNS = frozenset({"note_subject_id", "wrapped", "kek_version"})

Reader = Annotated[Principal, Depends(MATRIX.allow("transfer.read"))]


@reads.get("/transfers", response_model=Page[TransferOut])
async def list_transfers(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    status: TransferStatus | None = None,
    contact_id: ContactId | None = None,
    staff_id: StaffId | None = None,
    unit_id: UnitId | None = None,
) -> Response:
    where = Where(principal.brand_id)
    where.within(principal.extent)
    where.below(unit_id)
    where.equal(status=status.value if status else None, contact_id=contact_id, staff_id=staff_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, TRANSFERS, where, cursor)
        items = await _shape(request, principal, connection, rows)
    await _note_reading(request, principal, items, "transfer.list")
    return json_response(page(items, rows, has_next))


@reads.post("/transfers/by-ids", response_model=TransfersOut)
async def get_transfers(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("transfer")
    where = Where(principal.brand_id)
    where.within(principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, TRANSFERS, where, ids)
        items = await _shape(request, principal, connection, rows)
    await _note_reading(request, principal, items, "transfer.read")
    return json_response(by_ids(items, "transfer", ids))


async def _shape(
    request: Request,
    principal: Principal,
    connection: asyncpg.Connection,
    rows: Sequence[asyncpg.Record],
) -> list[dict[str, Any]]:
    """The transfers with their histories, as this caller may see them."""
    items = shape_all([_open_note(request.state.vault, principal, row) for row in rows], "transfer")
    steps: dict[str, list[dict[str, Any]]] = {item["id"]: [] for item in items}
    where = Where(principal.brand_id)
    where.add("t.transfer_id = any(?::uuid[])", [row["id"] for row in rows])
    found = await connection.fetch(
        f"{TRANSFER_STEPS} where {where.sql} order by t.transfer_id, t.number", *where.arguments
    )
    for step in shape_all(found, "transfer"):
        steps[step.pop("transfer_id")].append(_with_consent(step))
    return [{**item, "steps": steps[item["id"]]} for item in items]


def _open_note(vault: Vault, principal: Principal, row: asyncpg.Record) -> dict[str, Any]:
    """The row with its note in clear, null for who may not see personal data."""
    shown = {name: value for name, value in row.items() if name not in _KEY_COLUMNS}
    note, subject_id = row["note"], row["note_subject_id"]
    shown["note"] = None
    if note is not None and row["wrapped"] is not None and principal.sees_personal_data:
        brand_id = principal.brand_id
        data_key = vault.unwrap(row["wrapped"], row["kek_version"], brand_id, subject_id)
        shown["note"] = unseal(data_key, note, brand_id, subject_id, use_cases.NOTE).decode()
    return shown


async def _note_reading(
    request: Request, principal: Principal, items: Sequence[dict[str, Any]], action: str
) -> None:
    shown = [item["id"] for item in items if item["note"] is not None]
    if shown:
        await note_reading(request, principal, action, transfer_ids=shown)


def _with_consent(step: Mapping[str, Any]) -> dict[str, Any]:
    """The step with its three columns of consent as one, null where none was asked for."""
    consent = {name: step[f"consent_{name}"] for name in ("purpose", "notice_version", "at")}
    shown = {name: value for name, value in step.items() if not name.startswith("consent_")}
    return {**shown, "consent": consent if step["consent_at"] is not None else None}


@commands.post("/transfers", status_code=201)
async def open_transfer(
    request: Request,
    body: OpenTransferIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("transfer.open"))],
) -> TransferOut:
    await require_visible(request, principal, body.contact_id)
    transfer = await use_cases.open_transfer(
        session,
        principal,
        contact_id=body.contact_id,
        account_id=body.account_id,
        means=body.means,
        consent=_consent(body.consent),
        channel=body.channel,
        due_at=body.due_at,
        at=now(),
    )
    return await _out(session, transfer)


@commands.post("/transfers/{transfer_id}/complete-stage")
async def complete_stage(
    transfer_id: TransferId,
    body: CompleteStageIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("transfer.complete_stage"))],
) -> TransferOut:
    transfer = await use_cases.complete_stage(session, principal, transfer_id, body.stage, at=now())
    return await _out(session, transfer)


@commands.post("/transfers/{transfer_id}/open-second-stage")
async def open_second_stage(
    transfer_id: TransferId,
    body: OpenSecondStageIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("transfer.open_second_stage"))],
) -> TransferOut:
    transfer = await use_cases.open_second_stage(
        session,
        principal,
        transfer_id,
        consent=_consent(body.consent),
        channel=body.channel,
        due_at=body.due_at,
        at=now(),
    )
    return await _out(session, transfer)


@commands.post("/transfers/{transfer_id}/drop")
async def drop_transfer(
    request: Request,
    transfer_id: TransferId,
    body: DropTransferIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("transfer.drop"))],
) -> TransferOut:
    transfer = await use_cases.drop(
        session,
        request.state.vault,
        principal,
        transfer_id,
        reason=body.reason,
        note=body.note,
        at=now(),
    )
    return await _out(session, transfer, note=body.note if principal.sees_personal_data else None)


def _consent(given: ConsentIn) -> use_cases.Consent:
    return use_cases.Consent(given.purpose, given.notice_version, given.at)


async def _out(session: Transaction, transfer: Transfer, *, note: str | None = None) -> TransferOut:
    steps = await repository.list_steps(session, transfer.brand_id, transfer.id)
    plain = TransferOut.model_fields.keys() - {"steps", "note"}
    row = {name: getattr(transfer, name) for name in plain}
    names = [name for name in TransferStepOut.model_fields if name != "consent"]
    names += ["consent_purpose", "consent_notice_version", "consent_at"]
    taken = [_with_consent({name: getattr(step, name) for name in names}) for step in steps]
    return TransferOut.model_validate({**row, "note": note, "steps": taken})
