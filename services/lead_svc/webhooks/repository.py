"""Every statement about webhook endpoints and their deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import (
    Contact,
    DeliveryStatus,
    EndpointStatus,
    Lead,
    WebhookDelivery,
    WebhookEndpoint,
)
from lead_svc.webhooks.errors import EndpointNotFound

_SUBSCRIPTIONS = select(
    WebhookEndpoint.id, WebhookEndpoint.event_types, WebhookEndpoint.status
).where(WebhookEndpoint.brand_id == bindparam("brand_id"))
_ADD_DELIVERIES = (
    insert(WebhookDelivery)
    .on_conflict_do_nothing(index_elements=["endpoint_id", "event_id"])
    .returning(WebhookDelivery.endpoint_id)
)


class Subscription(NamedTuple):
    """What an endpoint wants to be told of."""

    endpoint_id: UUID
    event_types: list[str]
    status: EndpointStatus


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


async def list_subscriptions(session: AsyncSession, brand_id: UUID) -> list[Subscription]:
    """Every endpoint of the brand, and which types it wants."""
    found = await session.execute(_SUBSCRIPTIONS, {"brand_id": brand_id})
    return [Subscription(*row) for row in found]


async def add_deliveries(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[UUID]:
    """Queue events for endpoints; the endpoints for which they were not queued already."""
    return set(await session.scalars(_ADD_DELIVERIES, rows))


async def list_ready(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, *, at: datetime, size: int
) -> list[WebhookDelivery]:
    """Deliveries that are due, of each subject the first: they may go out without breaking order.

    A subject whose first pending delivery waits for its next attempt holds up its later ones.
    """
    heads = _heads(brand_id, endpoint_id).subquery()
    return list(
        await session.scalars(
            select(WebhookDelivery)
            .join(heads, heads.c.id == WebhookDelivery.id)
            .where(heads.c.next_at <= at)
            .order_by(WebhookDelivery.next_at)
            .limit(size)
        )
    )


async def find_next_at(session: AsyncSession, brand_id: UUID, endpoint_id: UUID) -> datetime | None:
    """When the first of the endpoint's pending deliveries may go out; None if there are none."""
    heads = _heads(brand_id, endpoint_id).subquery()
    found: datetime | None = await session.scalar(select(func.min(heads.c.next_at)))
    return found


def _heads(brand_id: UUID, endpoint_id: UUID) -> Select[UUID, datetime]:
    """The first pending delivery of each subject."""
    return (
        select(WebhookDelivery.id, WebhookDelivery.next_at)
        .where(
            WebhookDelivery.brand_id == brand_id,
            WebhookDelivery.endpoint_id == endpoint_id,
            WebhookDelivery.status == DeliveryStatus.PENDING,
        )
        .ext(distinct_on(WebhookDelivery.subject))
        .order_by(WebhookDelivery.subject, WebhookDelivery.aggregate_version)
    )


async def record_deliveries(
    session: AsyncSession, brand_id: UUID, attempts: Sequence[tuple[UUID, int | None]], at: datetime
) -> None:
    """Deliveries that their subscriber has taken, with the status it answered."""
    await session.execute(
        text(
            "update webhook_delivery d set attempts = attempts + 1, status = 'delivered',"
            " delivered_at = :at, last_status = t.status, last_error = null"
            " from unnest(cast(:ids as uuid[]), cast(:statuses as smallint[])) t(id, status)"
            " where d.brand_id = :brand_id and d.id = t.id"
        ),
        {
            "brand_id": brand_id,
            "at": at,
            "ids": [delivery_id for delivery_id, _ in attempts],
            "statuses": [status for _, status in attempts],
        },
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
