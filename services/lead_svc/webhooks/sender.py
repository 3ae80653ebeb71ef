"""Sending: due deliveries of one endpoint, in order per subject, until none is due.

A crash between the subscriber's 2xx and our record repeats the delivery with the same
`webhook-id`; the subscriber drops the repeat by that id.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import httpx
import orjson
import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import (
    Contact,
    EndpointStatus,
    WebhookDelivery,
    WebhookEndpoint,
)
from lead_svc.webhooks import repository, signing
from lead_svc.webhooks.errors import EndpointNotFound, TargetRefused
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.ids import parse_id
from shared.sealing import Vault, unseal
from shared.timers import Due
from shared.tracing import current_traceparent, span

_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
"""Of structured CloudEvents over HTTP; Standard Webhooks prescribes none."""
_BATCH = 16
_AT_ONCE = 8
_ATTEMPT_SECONDS = 15
_LARGEST_ANSWER = 64 * 1024
_ROUND_SECONDS = 20
# Standard Webhooks 1.0.0, retry schedule.
_RETRIES = tuple(
    timedelta(**step)
    for step in (
        {"seconds": 5},
        {"minutes": 5},
        {"minutes": 30},
        {"hours": 2},
        {"hours": 5},
        {"hours": 10},
        {"hours": 14},
        {"hours": 20},
        {"hours": 24},
    )
)

SENT = Counter("kos_webhook_attempts_total", "Webhook attempts", ["outcome"])
AGE = Histogram(
    "kos_webhook_age_seconds",
    "From the event to the attempt at its delivery",
    ["outcome"],
    buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 86_400),
)
DISABLED = Counter("kos_webhook_endpoints_disabled_total", "Endpoints given up after failures")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `retry_after` is the subscriber's own wish."""

    status: int | None
    error: str | None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Outgoing:
    delivery: WebhookDelivery
    body: bytes
    secrets: list[str]
    url: str


@dataclass(frozen=True, slots=True)
class Sender:
    """Delivers for all endpoints; one timer per endpoint keeps two workers off the same one."""

    sessions: Sessions
    vault: Vault
    client: httpx.AsyncClient

    async def deliver_due(self, due: Due) -> datetime | None:
        """Timer handler: send what is due at the endpoint; when the next delivery is due."""
        end = now() + timedelta(seconds=_ROUND_SECONDS)
        while now() < end:
            outgoing, next_at = await self._take_due(due.brand_id, due.subject_id)
            if not outgoing:
                return next_at
            limit = asyncio.Semaphore(_AT_ONCE)
            outcomes = await asyncio.gather(*(self._attempt(item, limit) for item in outgoing))
            await self._record(due.brand_id, due.subject_id, outgoing, outcomes)
        return now()

    async def _take_due(
        self, brand_id: UUID, endpoint_id: UUID
    ) -> tuple[list[Outgoing], datetime | None]:
        async with brand_session(self.sessions, brand_id) as session:
            try:
                endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
            except EndpointNotFound:
                return [], None
            if endpoint.status is EndpointStatus.DISABLED:
                return [], None
            ready = await repository.list_ready(
                session, brand_id, endpoint_id, at=now(), size=_BATCH
            )
            if not ready:
                return [], await repository.find_next_at(session, brand_id, endpoint_id)
            secrets = await self._secrets(session, endpoint)
            return [
                Outgoing(
                    delivery=head,
                    body=await self._body(session, endpoint, head),
                    secrets=secrets,
                    url=endpoint.url,
                )
                for head in ready
            ], None

    async def _secrets(self, session: AsyncSession, endpoint: WebhookEndpoint) -> list[str]:
        keys = await self.vault.keys(session, endpoint.brand_id, [endpoint.id])
        sealed = [endpoint.secret]
        until = endpoint.previous_secret_until
        if endpoint.previous_secret is not None and until is not None and until > now():
            sealed.append(endpoint.previous_secret)
        return [
            unseal(keys[endpoint.id], blob, endpoint.brand_id, endpoint.id, "secret").decode()
            for blob in sealed
        ]

    async def _body(
        self, session: AsyncSession, endpoint: WebhookEndpoint, delivery: WebhookDelivery
    ) -> bytes:
        """The stored body; with the person's data where the subscription includes it.

        The data is read at this moment and never stored with the delivery, so an erased person
        is gone from every later attempt.
        """
        if not endpoint.includes_personal_data:
            return delivery.body
        envelope = orjson.loads(delivery.body)
        data = envelope["data"]
        contact = await repository.find_contact_of(
            session,
            endpoint.brand_id,
            contact_id=_id(data, "contact"),
            lead_id=_id(data, "lead"),
        )
        if contact is not None:
            data["contact"] = await self._person(session, contact)
        return orjson.dumps(envelope)

    async def _person(self, session: AsyncSession, contact: Contact) -> dict[str, str | None]:
        keys = await self.vault.keys(session, contact.brand_id, [contact.id])
        key = keys.get(contact.id)
        return {
            field: None
            if key is None or (blob := getattr(contact, field)) is None
            else unseal(key, blob, contact.brand_id, contact.id, field).decode()
            for field in ("name", "phone", "wechat", "email")
        }

    async def _attempt(self, outgoing: Outgoing, limit: asyncio.Semaphore) -> Outcome:
        delivery = outgoing.delivery
        traceparent = orjson.loads(delivery.body).get("traceparent")
        with span(
            f"webhook {delivery.event_type}", kind=SpanKind.PRODUCER, traceparent=traceparent
        ):
            headers = signing.sign(outgoing.secrets, str(delivery.event_id), now(), outgoing.body)
            headers["content-type"] = _CONTENT_TYPE
            current = current_traceparent()
            if current is not None:
                headers["traceparent"] = current
            async with limit:
                return await self._post(outgoing.url, headers, outgoing.body)

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        try:
            async with asyncio.timeout(_ATTEMPT_SECONDS):
                async with self.client.stream("POST", url, content=body, headers=headers) as answer:
                    await _read_at_most(answer, _LARGEST_ANSWER)
                    return Outcome(
                        status=answer.status_code,
                        error=None if answer.is_success else f"status {answer.status_code}",
                        retry_after=_retry_after(answer),
                    )
        except TargetRefused as error:
            return Outcome(status=None, error=error.message)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Outcome(status=None, error=type(error).__name__)

    async def _record(
        self,
        brand_id: UUID,
        endpoint_id: UUID,
        outgoing: list[Outgoing],
        outcomes: list[Outcome],
    ) -> None:
        async with brand_session(self.sessions, brand_id) as session:
            endpoint = await repository.get_endpoint_for_update(session, brand_id, endpoint_id)
            taken: list[tuple[UUID, int | None]] = []
            for item, outcome in zip(outgoing, outcomes, strict=True):
                delivery = item.delivery
                name = "delivered" if outcome.is_success else "failed"
                SENT.labels(name).inc()
                AGE.labels(name).observe((now() - delivery.created_at).total_seconds())
                if outcome.is_success:
                    endpoint.failing_since = None
                    taken.append((delivery.id, outcome.status))
                    continue
                endpoint.failing_since = endpoint.failing_since or now()
                self._disable_if_hopeless(endpoint, delivery, outcome)
                await repository.record_attempt(
                    session,
                    brand_id,
                    delivery.id,
                    {
                        "last_status": outcome.status,
                        "last_error": outcome.error,
                        "next_at": next_attempt(delivery.attempts, outcome),
                    },
                )
            if taken:
                await repository.record_deliveries(session, brand_id, taken, now())

    def _disable_if_hopeless(
        self, endpoint: WebhookEndpoint, delivery: WebhookDelivery, outcome: Outcome
    ) -> None:
        if outcome.status == 410:
            reason = "the endpoint answered 410 Gone"
        elif delivery.attempts >= len(_RETRIES):
            reason = f"{len(_RETRIES) + 1} attempts failed, the last with {outcome.error}"
        else:
            return
        endpoint.status = EndpointStatus.DISABLED
        endpoint.disabled_reason = reason
        DISABLED.inc()
        log.error("webhook_endpoint_disabled", endpoint_id=str(endpoint.id), reason=reason)


def next_attempt(attempts: int, outcome: Outcome) -> datetime:
    """When to try again after `attempts` earlier ones: by schedule with jitter, later if asked."""
    step = _RETRIES[min(attempts, len(_RETRIES) - 1)]
    wait = step * random.uniform(0.8, 1.2)
    if outcome.retry_after is not None:
        wait = max(wait, min(outcome.retry_after, timedelta(hours=24)))
    return now() + wait


def _retry_after(answer: httpx.Response) -> timedelta | None:
    text = answer.headers.get("retry-after", "").strip()
    if answer.status_code not in (429, 502, 503, 504) or not text:
        return None
    try:
        if text.isdecimal():
            return timedelta(seconds=min(int(text), 86_400))
        return max(parsedate_to_datetime(text) - now(), timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None


async def _read_at_most(answer: httpx.Response, limit: int) -> None:
    """Read the answer's body, which we have no use for, up to `limit` bytes."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read >= limit:
            return


def _id(data: dict[str, object], prefix: str) -> UUID | None:
    value = data.get(f"{prefix}_id")
    return parse_id(prefix, value) if isinstance(value, str) else None
