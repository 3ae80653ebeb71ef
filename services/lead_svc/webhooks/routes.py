"""HTTP edge of webhook endpoints and their delivery log."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from lead_svc.access import MATRIX
from lead_svc.models import DeliveryStatus, EndpointStatus, WebhookEndpoint
from lead_svc.webhooks import repository, use_cases
from lead_svc.webhooks.targets import TargetPolicy
from shared.access import PERSONAL_DATA, NotAllowed, Principal
from shared.database import brand_session
from shared.errors import Invalid
from shared.ids import DeliveryId, EndpointId, typed
from shared.sealing import Vault
from shared.web import Batch, ByIds, CommandRoute, CursorQuery, Page, Transaction


class EndpointIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    name: Annotated[str, Field(min_length=1, max_length=100)]
    event_types: Annotated[list[str], Field(min_length=1, max_length=50)]
    """Event types or patterns, as `kos.lead.*`."""
    includes_personal_data: bool = False


class EndpointOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: EndpointId
    url: str
    name: str
    event_types: list[str]
    includes_personal_data: bool
    status: EndpointStatus
    disabled_reason: str | None
    created_at: datetime


class EndpointWithSecret(EndpointOut):
    secret: str
    """`whsec_…`; shown only in this answer."""


class DisableIn(BaseModel):
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class ReplayIn(BaseModel):
    since: datetime


class ReplayOut(BaseModel):
    count: int


class EndpointsByIds(BaseModel):
    items: list[EndpointOut]
    missing: list[str]


class DeliveryOut(BaseModel):
    """One event for one endpoint and what became of it. The body is not shown."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    id: DeliveryId
    endpoint_id: EndpointId
    event_id: UUID
    type: Annotated[str, Field(validation_alias="event_type")]
    subject: str
    status: DeliveryStatus
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


Reader = Annotated[Principal, Depends(MATRIX.allow("webhook.read"))]

reads = APIRouter(tags=["webhooks"])
commands = APIRouter(tags=["webhooks"], route_class=CommandRoute)
ROUTERS = (reads, commands)


@reads.get("/webhook-endpoints", response_model=Page[EndpointOut])
async def list_endpoints(
    request: Request, cursor: CursorQuery, principal: Reader
) -> Page[EndpointOut]:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_endpoints(
            session, principal.brand_id, first=cursor.first + 1, before=cursor.after_id
        )
    return Page.of(rows, cursor.first, EndpointOut.model_validate)


@reads.post("/webhook-endpoints/by-ids", response_model=EndpointsByIds)
async def get_endpoints(request: Request, body: ByIds, principal: Reader) -> EndpointsByIds:
    ids = body.uuids("endpoint")
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_endpoints_by_ids(session, principal.brand_id, ids)
    found = {row.id for row in rows}
    return EndpointsByIds(
        items=[EndpointOut.model_validate(row) for row in rows],
        missing=[typed("endpoint", missing) for missing in ids if missing not in found],
    )


@reads.get("/webhook-deliveries", response_model=Page[DeliveryOut])
async def list_deliveries(
    request: Request,
    cursor: CursorQuery,
    principal: Reader,
    endpoint_id: EndpointId | None = None,
    status: DeliveryStatus | None = None,
) -> Page[DeliveryOut]:
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_deliveries(
            session,
            principal.brand_id,
            endpoint_id=endpoint_id,
            status=status,
            first=cursor.first + 1,
            before=cursor.after_id,
        )
    return Page.of(rows, cursor.first, DeliveryOut.model_validate)


@reads.post("/webhook-deliveries/by-ids", response_model=Batch[DeliveryOut])
async def get_deliveries(request: Request, body: ByIds, principal: Reader) -> Batch[DeliveryOut]:
    ids = body.uuids("delivery")
    async with brand_session(request.state.sessions, principal.brand_id) as session:
        rows = await repository.list_deliveries_by_ids(session, principal.brand_id, ids)
    found = {row.id for row in rows}
    return Batch(
        items=[DeliveryOut.model_validate(row) for row in rows],
        missing=[typed("delivery", each) for each in dict.fromkeys(ids) if each not in found],
    )


@commands.post("/webhook-endpoints", response_model=EndpointWithSecret, status_code=201)
async def add_endpoint(
    request: Request,
    body: EndpointIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("webhook.add"))],
) -> EndpointWithSecret:
    if body.includes_personal_data and not principal.sees_personal_data:
        raise NotAllowed(f"needs the scope {PERSONAL_DATA}", field="/includes_personal_data")
    policy: TargetPolicy = request.state.target_policy
    endpoint, secret = await use_cases.add_endpoint(
        session,
        principal.brand_id,
        vault=_vault(request),
        policy=policy,
        actor=principal.actor,
        url=body.url,
        name=body.name,
        patterns=body.event_types,
        includes_personal_data=body.includes_personal_data,
    )
    return _with_secret(endpoint, secret)


@commands.post("/webhook-endpoints/{endpoint_id}/rotate-secret", response_model=EndpointWithSecret)
async def rotate_secret(
    request: Request,
    endpoint_id: EndpointId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("webhook.rotate_secret"))],
) -> EndpointWithSecret:
    endpoint, secret = await use_cases.rotate_secret(
        session,
        principal.brand_id,
        endpoint_id,
        vault=_vault(request),
        actor=principal.actor,
    )
    return _with_secret(endpoint, secret)


@commands.post("/webhook-endpoints/{endpoint_id}/enable", response_model=EndpointOut)
async def enable_endpoint(
    endpoint_id: EndpointId,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("webhook.enable"))],
) -> WebhookEndpoint:
    return await use_cases.enable_endpoint(
        session, principal.brand_id, endpoint_id, actor=principal.actor
    )


@commands.post("/webhook-endpoints/{endpoint_id}/disable", response_model=EndpointOut)
async def disable_endpoint(
    endpoint_id: EndpointId,
    body: DisableIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("webhook.disable"))],
) -> WebhookEndpoint:
    return await use_cases.disable_endpoint(
        session, principal.brand_id, endpoint_id, reason=body.reason, actor=principal.actor
    )


@commands.post("/webhook-endpoints/{endpoint_id}/replay", response_model=ReplayOut)
async def replay(
    endpoint_id: EndpointId,
    body: ReplayIn,
    session: Transaction,
    principal: Annotated[Principal, Depends(MATRIX.allow("webhook.replay"))],
) -> ReplayOut:
    if body.since.tzinfo is None:
        raise Invalid("needs a time zone", field="/since")
    count = await use_cases.replay_since(
        session, principal.brand_id, endpoint_id, since=body.since, actor=principal.actor
    )
    return ReplayOut(count=count)


def _vault(request: Request) -> Vault:
    vault = request.state.vault
    assert isinstance(vault, Vault)
    return vault


def _with_secret(endpoint: WebhookEndpoint, secret: str) -> EndpointWithSecret:
    shown = EndpointOut.model_validate(endpoint).model_dump()
    return EndpointWithSecret.model_validate({**shown, "secret": secret})
