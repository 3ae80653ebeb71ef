"""Advocates, their history, and of who made posts, over HTTP."""

from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from account_svc.access import MATRIX
from account_svc.models.advocate import AdvocateFacts, AdvocateRelation, RelationFacts, class_at
from account_svc.repository import advocates as repository
from account_svc.repository.talent import driver_of
from account_svc.schemas.advocates import (
    AdvocateIn,
    AdvocateOut,
    HistoryChangedOut,
    LinkAccountIn,
    PostAuthorOut,
    ReclassedOut,
    WithdrawRelationIn,
    advocate_json,
    author_json,
    histories,
)
from account_svc.use_cases import advocates as use_cases
from account_svc.use_cases.advocates import Reclassed
from shared.access import Principal
from shared.clock import now
from shared.database import brand_read
from shared.ids import AdvocateId, UnitId, typed
from shared.reading import fetch_by_ids, fetch_page, page_of
from shared.sealing import Vault
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

reads = APIRouter(tags=["advocates"], route_class=ReadRoute)
commands = APIRouter(prefix="/advocates", tags=["advocates"], route_class=CommandRoute)
ROUTERS = (reads, commands)

MayRead = Annotated[Principal, Depends(MATRIX.allow("advocate.read"))]
MayReadAuthors = Annotated[Principal, Depends(MATRIX.allow("post_author.read"))]


async def _vault(request: Request) -> Vault:
    vault = request.state.vault
    assert isinstance(vault, Vault)
    return vault


Sealed = Annotated[Vault, Depends(_vault)]


@reads.get("/advocates", response_model=Page[AdvocateOut])
async def list_advocates(
    *,
    request: Request,
    principal: MayRead,
    vault: Sealed,
    cursor: CursorQuery,
    unit_id: UnitId | None = None,
) -> Response:
    """Newest first."""
    conditions = repository.visible_advocates(principal.brand_id, principal.extent)
    conditions.add_given("a.unit_id = ?", unit_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(
            connection, repository.SELECT_ADVOCATE, conditions, cursor
        )
        shown = await _shown(connection, principal, vault, rows)
    return json_response(page_of(rows, has_next, lambda row: shown[row["id"]]))


@reads.post("/advocates/by-ids", response_model=Batch[AdvocateOut])
async def get_advocates(
    request: Request, principal: MayRead, vault: Sealed, body: ByIds
) -> Response:
    ids = body.uuids("advocate")
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        shown = await _fetch(connection, principal, vault, ids)
    missing = [typed("advocate", each) for each in dict.fromkeys(ids) if each not in shown]
    return json_response({"items": list(shown.values()), "missing": missing})


@reads.get("/post-authors", response_model=Page[PostAuthorOut])
async def list_authors(
    request: Request,
    principal: MayReadAuthors,
    cursor: CursorQuery,
    advocate_id: AdvocateId | None = None,
) -> Response:
    """As whom posts were made, newest first."""
    conditions = repository.visible_authors(principal.brand_id, principal.extent)
    conditions.add_given("own.advocate_id = ?", advocate_id)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows, has_next = await fetch_page(connection, repository.SELECT_AUTHOR, conditions, cursor)
        known = await _known(connection, principal, rows)
    return json_response(page_of(rows, has_next, lambda row: author_json(row, known)))


@reads.post("/post-authors/by-posts", response_model=Batch[PostAuthorOut])
async def get_authors(request: Request, principal: MayReadAuthors, body: ByIds) -> Response:
    ids = body.uuids("post")
    conditions = repository.visible_authors(principal.brand_id, principal.extent)
    async with brand_read(request.state.reads, principal.brand_id) as connection:
        rows = await fetch_by_ids(connection, repository.SELECT_AUTHOR, conditions, ids)
        known = await _known(connection, principal, rows)
    found = {row["id"] for row in rows}
    missing = [typed("post", each) for each in dict.fromkeys(ids) if each not in found]
    return json_response({"items": [author_json(row, known) for row in rows], "missing": missing})


@commands.post("", status_code=201, response_model=AdvocateOut)
async def add_advocate(
    body: AdvocateIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("advocate.add"))],
) -> dict[str, Any]:
    facts = AdvocateFacts(**body.model_dump(exclude={"unit_id"}))
    advocate = await use_cases.add_advocate(session, principal, vault, body.unit_id, facts)
    return await _answer(session, principal, vault, advocate.id)


@commands.post("/{advocate_id}/link-account", response_model=AdvocateOut)
async def link_account(
    advocate_id: AdvocateId,
    body: LinkAccountIn,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("advocate.link"))],
) -> dict[str, Any]:
    """The account belongs to the advocate; posts on it are made in their class."""
    await use_cases.link_account(session, principal, advocate_id, body.account_id)
    return await _answer(session, principal, vault, advocate_id)


@commands.post("/{advocate_id}/record", status_code=201, response_model=HistoryChangedOut)
async def record(
    advocate_id: AdvocateId,
    body: RelationFacts,
    session: Transaction,
    vault: Sealed,
    principal: Annotated[Principal, Depends(MATRIX.allow("advocate.record"))],
) -> HistoryChangedOut:
    """A dated fact with its proof, also one of an earlier day than those that are known."""
    found = await use_cases.record(session, principal, vault, advocate_id, body)
    return await _changed(session, *found)


@commands.post("/{advocate_id}/withdraw", response_model=HistoryChangedOut)
async def withdraw(
    advocate_id: AdvocateId,
    body: WithdrawRelationIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("advocate.record"))],
) -> HistoryChangedOut:
    """A fact that was wrong counts no more; it stays to be seen."""
    found = await use_cases.withdraw(
        session, principal, advocate_id, body.relation_id, reason=body.reason
    )
    return await _changed(session, *found)


async def _changed(
    session: AsyncSession, relation: AdvocateRelation, reclassed: list[Reclassed]
) -> HistoryChangedOut:
    history = await repository.list_history(session, relation.brand_id, relation.advocate_id)
    return HistoryChangedOut(
        advocate_id=relation.advocate_id,
        relation_id=relation.id,
        author_class=class_at(history, now()),
        reclassed=[ReclassedOut.model_validate(each) for each in reclassed],
    )


async def _answer(
    session: AsyncSession, principal: Principal, vault: Vault, advocate_id: UUID
) -> dict[str, Any]:
    await session.flush()  # the driver's connection reads what the session wrote
    shown = await _fetch(await driver_of(session), principal, vault, [advocate_id])
    return shown[advocate_id]


async def _fetch(
    connection: asyncpg.Connection, principal: Principal, vault: Vault, ids: list[UUID]
) -> dict[UUID, dict[str, Any]]:
    conditions = repository.visible_advocates(principal.brand_id, principal.extent)
    rows = await fetch_by_ids(connection, repository.SELECT_ADVOCATE, conditions, ids)
    return await _shown(connection, principal, vault, rows)


async def _shown(
    connection: asyncpg.Connection,
    principal: Principal,
    vault: Vault,
    rows: list[asyncpg.Record],
) -> dict[UUID, dict[str, Any]]:
    """Each advocate with history and accounts, in the shape of AdvocateOut."""
    brand_id, ids = principal.brand_id, [row["id"] for row in rows]
    relations: dict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for each in await repository.fetch_relations(connection, brand_id, ids):
        relations[each["advocate_id"]].append(each)
    accounts: dict[UUID, list[UUID]] = defaultdict(list)
    for each in await repository.fetch_accounts(connection, brand_id, ids):
        accounts[each["advocate_id"]].append(each["account_id"])
    at, masked = now(), not principal.sees_personal_data
    return {
        row["id"]: advocate_json(
            row,
            relations[row["id"]],
            accounts[row["id"]],
            brand_id,
            vault,
            at,
            masked=masked,
        )
        for row in rows
    }


async def _known(
    connection: asyncpg.Connection, principal: Principal, rows: list[asyncpg.Record]
) -> dict[UUID, list[Any]]:
    advocates = {row["advocate_id"] for row in rows if row["advocate_id"] is not None}
    found = await repository.fetch_relations(connection, principal.brand_id, sorted(advocates))
    return histories(found)
