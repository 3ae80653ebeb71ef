"""Every statement about webhook endpoints and their deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import (
    Contact,
    DeliveryStatus,
    Lead,
    WebhookDelivery,
    WebhookEndpoint,
)
from lead_svc.webhooks.errors import EndpointNotFound


async def get_endpoint_for_update(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID
) -> WebhookEndpoint:
    endpoint = await session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.brand_id == brand_id, WebhookEndpoint.id == endpoint_id)
        .with_for_update()
    )
    if endpoint is None:
        raise EndpointNotFound("no such webhook endpoint")
    return endpoint


async def list_endpoints(
    session: AsyncSession, brand_id: UUID, *, first: int, before: UUID | None
) -> list[WebhookEndpoint]:
    statement = (
        select(WebhookEndpoint)
        .where(WebhookEndpoint.brand_id == brand_id)
        .order_by(WebhookEndpoint.id.desc())
        .limit(first)
    )
    if before is not None:
        statement = statement.where(WebhookEndpoint.id < before)
    return list(await session.scalars(statement))


async def list_deliveries_by_ids(
    session: AsyncSession, brand_id: UUID, ids: Sequence[UUID]
) -> list[WebhookDelivery]:
    return list(
        await session.scalars(
            select(WebhookDelivery).where(
                WebhookDelivery.brand_id == brand_id, WebhookDelivery.id.in_(ids)
            )
        )
    )


async def list_endpoints_by_ids(
    session: AsyncSession, brand_id: UUID, ids: Sequence[UUID]
) -> list[WebhookEndpoint]:
    return list(
        await session.scalars(
            select(WebhookEndpoint).where(
                WebhookEndpoint.brand_id == brand_id, WebhookEndpoint.id.in_(ids)
            )
        )
    )


async def add_delivery(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Queue one event for one endpoint; False when it is queued already."""
    added = await session.scalar(
        insert(WebhookDelivery)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["endpoint_id", "event_id"])
        .returning(WebhookDelivery.id)
    )
    return added is not None


async def list_heads(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID
) -> list[WebhookDelivery]:
    """The first pending delivery of each subject: what may be sent without breaking order."""
    heads = (
        select(WebhookDelivery)
        .where(
            WebhookDelivery.brand_id == brand_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status == DeliveryStatus.PENDING,
        )
        .ext(distinct_on(WebhookDelivery.subject))
        .order_by(WebhookDelivery.subject, WebhookDelivery.aggregate_version)
        .subquery()
    )
    return list(
        await session.scalars(
            select(WebhookDelivery)
            .join(heads, heads.c.id == WebhookDelivery.id)
            .order_by(WebhookDelivery.next_at)
            .limit(500)
        )
    )


async def record_attempt(
    session: AsyncSession, brand_id: UUID, delivery_id: UUID, values: dict[str, Any]
) -> None:
    await session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.brand_id == brand_id, WebhookDelivery.id == delivery_id)
        .values(attempts=WebhookDelivery.attempts + 1, **values)
    )


async def queue_again(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, since: datetime, at: datetime
) -> int:
    """Put every delivery of the endpoint created since then back in the queue; how many."""
    repeated = await session.scalars(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.brand_id == brand_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.created_at >= since,
        )
        .values(status=DeliveryStatus.PENDING, attempts=0, next_at=at)
        .returning(WebhookDelivery.id)
    )
    return len(repeated.all())


async def make_pending_due(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, at: datetime
) -> None:
    await session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.brand_id == brand_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status == DeliveryStatus.PENDING,
        )
        .values(attempts=0, next_at=at)
    )


async def list_deliveries(
    session: AsyncSession,
    brand_id: UUID,
    *,
    endpoint_id: UUID | None,
    status: DeliveryStatus | None,
    first: int,
    before: UUID | None,
) -> list[WebhookDelivery]:
    statement = (
        select(WebhookDelivery)
        .where(WebhookDelivery.brand_id == brand_id)
        .order_by(WebhookDelivery.id.desc())
        .limit(first)
    )
    if endpoint_id is not None:
        statement = statement.where(WebhookDelivery.endpoint_id == endpoint_id)
    if status is not None:
        statement = statement.where(WebhookDelivery.status == status)
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return list(await session.scalars(statement))


async def find_contact_of(
    session: AsyncSession, brand_id: UUID, *, contact_id: UUID | None, lead_id: UUID | None
) -> Contact | None:
    """The person an event is about, by contact or by lead."""
    if contact_id is None and lead_id is not None:
        contact_id = await session.scalar(
            select(Lead.contact_id).where(Lead.brand_id == brand_id, Lead.id == lead_id)
        )
    if contact_id is None:
        return None
    contact: Contact | None = await session.scalar(
        select(Contact).where(
            Contact.brand_id == brand_id,
            Contact.id == contact_id,
            Contact.erased_at.is_(None),
        )
    )
    return contact
