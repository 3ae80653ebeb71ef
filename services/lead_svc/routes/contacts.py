"""Contacts: the people behind leads. Every answer with personal data in clear is audited."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from lead_svc.access import MATRIX
from lead_svc.identity import normal_phone
from lead_svc.models import Contact
from lead_svc.personal import clear_or_masked
from lead_svc.repository import contacts as repository
from lead_svc.repository.reads import CONTACTS, TOUCHPOINTS, Where
from lead_svc.routes.rows import by_ids, page, shape, shape_all
from lead_svc.schemas.contacts import (
    ContactOut,
    ContactsOut,
    FindIn,
    FoundOut,
    MoveStageIn,
    TouchpointsOut,
)
from lead_svc.use_cases import contacts as use_cases
from shared import audit
from shared.access import Principal
from shared.database import brand_read, brand_session
from shared.errors import Invalid
from shared.events.lead import Stage
from shared.ids import ContactId, typed
from shared.reading import fetch_by_ids, fetch_page
from shared.tables import DataKeyRow
from shared.web import ByIds, CommandRoute, CursorQuery, Page, ReadRoute, Transaction, json_response

reads = APIRouter(tags=["contacts"], route_class=ReadRoute)
commands = APIRouter(tags=["contacts"], route_class=CommandRoute)
ROUTERS = (reads, commands)

Reader = Annotated[Principal, Depends(MATRIX.allow("contact.read"))]


def visible(principal: Principal) -> Where:
    where = Where(principal.brand_id)
    where.add("t.merged_into_id is null")
    where.contacts_within(principal.extent)
    return where


@reads.get("/contacts", response_model=Page[ContactOut])
async def list_contacts(
    request: Request, cursor: CursorQuery, principal: Reader, stage: Stage | None = None
) -> Response:
    where = visible(principal)
    where.equal(stage=stage.value if stage else None)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, CONTACTS, where, cursor)
    items = await _show(request, principal, rows, "contact.list")
    return json_response(page(items, rows, has_next))


@reads.post("/contacts/by-ids", response_model=ContactsOut)
async def get_contacts(request: Request, body: ByIds, principal: Reader) -> Response:
    ids = body.uuids("contact")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, CONTACTS, visible(principal), ids)
    items = await _show(request, principal, rows, "contact.read")
    return json_response(by_ids(items, "contact", ids))


@reads.post("/contacts/find", response_model=FoundOut)
async def find_contact(
    request: Request,
    body: FindIn,
    principal: Annotated[Principal, Depends(MATRIX.allow("contact.find"))],
) -> Response:
    phone = normal_phone(body.phone)
    if phone is None:
        raise Invalid("not a telephone number", field="/phone")
    index = request.state.vault.index(principal.brand_id, "phone", phone)
    where = visible(principal)
    where.add(
        """t.id in (select i.contact_id from contact_identity i
            where i.brand_id = $1 and i.kind = 'phone' and i.value_index = ?)""",
        index,
    )
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await connection.fetch(f"{CONTACTS} where {where.sql}", *where.arguments)
    items = await _show(request, principal, rows, "contact.find")
    return json_response({"items": items})


@reads.get("/contacts/{contact_id}/touchpoints", response_model=TouchpointsOut)
async def list_touchpoints(request: Request, contact_id: ContactId, principal: Reader) -> Response:
    where = Where(principal.brand_id)
    where.equal(contact_id=contact_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        repository.require_found(
            await fetch_by_ids(
                connection, "select t.id from contact t", visible(principal), [contact_id]
            )
        )
        rows = await connection.fetch(
            f"{TOUCHPOINTS} where {where.sql} order by t.at desc, t.id desc limit 500",
            *where.arguments,
        )
    return json_response({"items": shape_all(rows, "touch")})


@commands.post("/contacts/{contact_id}/move-stage")
async def move_stage(
    request: Request,
    contact_id: ContactId,
    body: MoveStageIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("contact.move_stage"))],
) -> ContactOut:
    await require_visible(request, principal, contact_id)
    contact = await use_cases.move_stage(
        session, principal.brand_id, contact_id, body.stage, actor=principal.actor
    )
    return await _out(request, session, principal, contact)


@commands.post("/contacts/{contact_id}/erase")
async def erase_contact(
    request: Request,
    contact_id: ContactId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("contact.erase"))],
) -> ContactOut:
    contact = await use_cases.erase(session, principal.brand_id, contact_id, actor=principal.actor)
    return await _out(request, session, principal, contact)


async def require_visible(request: Request, principal: Principal, contact_id: UUID) -> None:
    """ContactNotFound for a contact that is not the caller's to see."""
    if principal.extent.is_whole_brand:
        return
    where = visible(principal)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        repository.require_found(
            await fetch_by_ids(connection, "select t.id from contact t", where, [contact_id])
        )


async def _show(
    request: Request, principal: Principal, rows: Sequence[asyncpg.Record], action: str
) -> list[dict[str, Any]]:
    """The contacts as this caller may see them; noted in the audit trail if that is in clear."""
    items = [shape(clear_or_masked(request.state.vault, principal, row), "contact") for row in rows]
    if items and principal.sees_personal_data:
        await note_reading(request, principal, action, contact_ids=[item["id"] for item in items])
    return items


async def note_reading(
    request: Request, principal: Principal, action: str, **ids: list[str]
) -> None:
    """Note in the audit trail whose personal data the caller is shown in clear."""
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        audit.record(
            session,
            actor=principal.actor,
            action=action,
            subject=typed("brand", principal.brand_id),
            **ids,
        )
        await audit.flush(session, principal.brand_id, request.state.audit_key)


async def _out(
    request: Request, session: Transaction, principal: Principal, contact: Contact
) -> ContactOut:
    """The contact that a command changed, as this caller may see it."""
    await session.flush()
    key = await session.get(DataKeyRow, (contact.brand_id, contact.id))
    row = {name: getattr(contact, name) for name in ContactOut.model_fields}
    row |= {"wrapped": key and key.wrapped, "kek_version": key and key.kek_version}
    return ContactOut(**clear_or_masked(request.state.vault, principal, row))
