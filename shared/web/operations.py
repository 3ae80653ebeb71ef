"""Routes that every service has for its operators: parked events and the audit trail."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from shared import parked
from shared.access import AccessMatrix, Principal, Role
from shared.database import brand_session
from shared.errors import Invalid
from shared.tables import AuditRow, ParkedRow
from shared.web.commands import CommandRoute, Transaction
from shared.web.pages import CursorQuery, Page, PageInfo, encode_cursor

OPERATIONS_ACCESS: dict[str, frozenset[Role]] = {
    "parked.read": frozenset({Role.BRAND_ADMIN, Role.PLATFORM_ADMIN}),
    "parked.replay": frozenset({Role.BRAND_ADMIN, Role.PLATFORM_ADMIN}),
    "parked.discard": frozenset({Role.BRAND_ADMIN, Role.PLATFORM_ADMIN}),
    "audit.read": frozenset({Role.BRAND_ADMIN, Role.COMPLIANCE, Role.PLATFORM_ADMIN}),
}
"""Rows for a service's access matrix."""


class ParkedOut(BaseModel):
    """An event that a consumer could not apply yet. Its content is not shown."""

    model_config = ConfigDict(from_attributes=True)

    consumer: str
    event_id: UUID
    topic: str
    key: str
    version: int
    type: str
    status: str
    attempt: int
    next_at: datetime
    reason: str
    parked_at: datetime

    @classmethod
    def of(cls, row: ParkedRow) -> "ParkedOut":
        return cls(
            type=row.headers.get("ce_type", ""),
            **{name: getattr(row, name) for name in cls.model_fields if name != "type"},
        )


class ParkedIn(BaseModel):
    consumer: str


class AuditOut(BaseModel):
    """One change: who (`actor`) did what (`action`) to what (`subject`, a typed id)."""

    model_config = ConfigDict(from_attributes=True)

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    request_id: str | None


def operations_router(matrix: AccessMatrix) -> APIRouter:
    """`/parked`, `/parked/{event_id}/replay|discard`, `/audit`, for the caller's brand."""
    router = APIRouter(tags=["operations"])
    commands = APIRouter(route_class=CommandRoute)

    @router.get("/parked", response_model=Page[ParkedOut])
    async def list_parked(
        request: Request,
        cursor: CursorQuery,
        principal: Annotated[Principal, Depends(matrix.allow("parked.read"))],
    ) -> Page[ParkedOut]:
        async with brand_session(request.state.sessions, principal.brand_id) as session:
            rows = await parked.list_parked(
                session,
                first=cursor.first + 1,
                after=cursor.after_id,
                brand_id=principal.brand_id,
            )
        return Page.of(rows, cursor.first, ParkedOut.of)

    @commands.post("/parked/{event_id}/replay", response_model=ParkedOut)
    async def replay_parked(
        event_id: UUID,
        body: ParkedIn,
        session: Transaction,
        principal: Annotated[Principal, Depends(matrix.allow("parked.replay"))],
    ) -> ParkedOut:
        row = await parked.replay(
            session,
            body.consumer,
            event_id,
            actor=principal.actor,
            brand_id=principal.brand_id,
        )
        return ParkedOut.of(row)

    @commands.post("/parked/{event_id}/discard", response_model=ParkedOut)
    async def discard_parked(
        event_id: UUID,
        body: ParkedIn,
        session: Transaction,
        principal: Annotated[Principal, Depends(matrix.allow("parked.discard"))],
    ) -> ParkedOut:
        row = await parked.discard(
            session,
            body.consumer,
            event_id,
            actor=principal.actor,
            brand_id=principal.brand_id,
        )
        return ParkedOut.of(row)

    @router.get("/audit", response_model=Page[AuditOut])
    async def list_audit(
        request: Request,
        cursor: CursorQuery,
        principal: Annotated[Principal, Depends(matrix.allow("audit.read"))],
        subject: str | None = None,
    ) -> Page[AuditOut]:
        statement = (
            select(AuditRow)
            .where(AuditRow.brand_id == principal.brand_id)
            .order_by(AuditRow.sequence.desc())
            .limit(cursor.first + 1)
        )
        if subject is not None:
            statement = statement.where(AuditRow.subject == subject)
        if cursor.after is not None:
            statement = statement.where(AuditRow.sequence < _sequence(cursor.after))
        async with brand_session(request.state.sessions, principal.brand_id) as session:
            rows = list(await session.scalars(statement))
        shown = rows[: cursor.first]
        end = encode_cursor(shown[-1].sequence) if shown else None
        return Page(
            items=[AuditOut.model_validate(row) for row in shown],
            page=PageInfo(has_next=len(rows) > cursor.first, end_cursor=end),
        )

    router.include_router(commands)
    return router


def _sequence(after: list[Any]) -> int:
    if not after or not isinstance(after[0], int):
        raise Invalid("not a cursor of this list", field="/after")
    return after[0]
