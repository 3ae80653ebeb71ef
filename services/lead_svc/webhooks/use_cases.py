"""What subscribers do with their endpoints, and how an event becomes deliveries."""

from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import DeliveryStatus, EndpointStatus, WebhookEndpoint
from lead_svc.webhooks import repository, signing
from lead_svc.webhooks.errors import EndpointDisabled, EventTypeUnknown
from lead_svc.webhooks.targets import TargetPolicy, check_url
from shared import audit, timers
from shared.clock import now
from shared.events import Event, Received, event_types
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal

DELIVER = "webhook.deliver"
"""Timer kind: an endpoint has deliveries that are due."""

ROTATION = timedelta(hours=24)
"""How long the old secret signs beside the new one."""

OFFERED_TOPICS = ("kos.contact", "kos.deal", "kos.lead")


async def add_endpoint(
    session: AsyncSession,
    brand_id: UUID,
    *,
    vault: Vault,
    policy: TargetPolicy,
    actor: str,
    url: str,
    name: str,
    patterns: list[str],
    includes_personal_data: bool,
) -> tuple[WebhookEndpoint, str]:
    """Subscribe a URL to events; the endpoint and its secret, which is shown only now."""
    check_url(url, policy)
    _check_patterns(patterns)
    secret = signing.new_secret()
    endpoint = WebhookEndpoint(
        id=uuid7(),
        brand_id=brand_id,
        url=url,
        name=name,
        event_types=patterns,
        includes_personal_data=includes_personal_data,
        status=EndpointStatus.ACTIVE,
        created_at=now(),
    )
    endpoint.secret = await _seal_secret(session, vault, endpoint, secret)
    session.add(endpoint)
    _note(session, endpoint, actor, "webhook.add")
    return endpoint, secret


async def rotate_secret(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, *, vault: Vault, actor: str
) -> tuple[WebhookEndpoint, str]:
    """Sign with a new secret; the old one signs too for ROTATION."""
    endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
    secret = signing.new_secret()
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_until = now() + ROTATION
    endpoint.secret = await _seal_secret(session, vault, endpoint, secret)
    _note(session, endpoint, actor, "webhook.rotate_secret")
    return endpoint, secret


async def enable_endpoint(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, *, actor: str
) -> WebhookEndpoint:
    """Deliver again, starting with what waits, in order."""
    endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
    endpoint.status = EndpointStatus.ACTIVE
    endpoint.disabled_reason = None
    endpoint.failing_since = None
    await repository.make_pending_due(session, brand_id, endpoint_id, now())
    await timers.schedule(session, brand_id, DELIVER, endpoint_id, now())
    _note(session, endpoint, actor, "webhook.enable")
    return endpoint


async def disable_endpoint(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, *, reason: str, actor: str
) -> WebhookEndpoint:
    """Send nothing more; events go on being queued until it is enabled again."""
    endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
    endpoint.status = EndpointStatus.DISABLED
    endpoint.disabled_reason = reason
    _note(session, endpoint, actor, "webhook.disable")
    return endpoint


async def replay_since(
    session: AsyncSession, brand_id: UUID, endpoint_id: UUID, *, since: datetime, actor: str
) -> int:
    """Deliver everything from a time on once more, with the ids it had; how many events."""
    endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
    if endpoint.status is EndpointStatus.DISABLED:
        raise EndpointDisabled("enable the endpoint first")
    count = await repository.queue_again(session, brand_id, endpoint_id, since, now())
    await timers.schedule(session, brand_id, DELIVER, endpoint_id, now())
    _note(session, endpoint, actor, "webhook.replay", count=count)
    return count


async def queue_deliveries(session: AsyncSession, received: Received[Event]) -> None:
    """Queue the event for every endpoint of its brand that wants its type, disabled ones too."""
    event = received.event
    wanting = {
        found.endpoint_id: found
        for found in await repository.list_subscriptions(session, received.brand_id)
        if any(fnmatchcase(event.type, pattern) for pattern in found.event_types)
    }
    if not wanting:
        return
    at = now()
    added = await repository.add_deliveries(
        session,
        [
            {
                "id": uuid7(),
                "brand_id": received.brand_id,
                "endpoint_id": endpoint_id,
                "event_id": received.event_id,
                "event_type": event.type,
                "subject": event.subject,
                "aggregate_version": received.version,
                "body": body_of(received),
                "status": DeliveryStatus.PENDING,
                "attempts": 0,
                "next_at": at,
                "created_at": at,
            }
            for endpoint_id in wanting
        ],
    )
    for endpoint_id in added:
        if wanting[endpoint_id].status is EndpointStatus.ACTIVE:
            await timers.schedule(session, received.brand_id, DELIVER, endpoint_id, at)


def body_of(received: Received[Event]) -> bytes:
    """The event as structured CloudEvents JSON, with `timestamp` for Standard Webhooks readers."""
    event = received.event
    at = received.occurred_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(received.event_id),
        "source": event.publisher(),
        "type": event.type,
        "subject": event.subject,
        "time": at,
        "timestamp": at,
        "brandid": typed("brand", received.brand_id),
        "aggregateversion": received.version,
        "datacontenttype": "application/json",
        "data": orjson.loads(event.data()),
    }
    if received.traceparent is not None:
        envelope["traceparent"] = received.traceparent
    return orjson.dumps(envelope)


async def _seal_secret(
    session: AsyncSession, vault: Vault, endpoint: WebhookEndpoint, secret: str
) -> bytes:
    data_key = await vault.create_key(session, endpoint.brand_id, endpoint.id)
    return seal(data_key, secret.encode(), endpoint.brand_id, endpoint.id, "secret")


def _check_patterns(patterns: list[str]) -> None:
    offered = [kind.type for kind in event_types() if kind.topic in OFFERED_TOPICS]
    for position, pattern in enumerate(patterns):
        if not any(fnmatchcase(name, pattern) for name in offered):
            raise EventTypeUnknown(
                "matches no event type on offer", field=f"/event_types/{position}"
            )


def _note(
    session: AsyncSession, endpoint: WebhookEndpoint, actor: str, action: str, **details: Any
) -> None:
    audit.record(
        session, actor=actor, action=action, subject=typed("endpoint", endpoint.id), **details
    )
