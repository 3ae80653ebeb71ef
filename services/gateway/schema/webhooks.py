"""SCRM webhooks: endpoints and what was delivered to them (lead_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.commands import Command, OnOne, OnOneWithReason, run, run_for, run_on
from gateway.schema.fields import described, verb
from gateway.schema.lead_values import DeliveryStatus, EndpointStatus
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service


@resource
class WebhookEndpoint(Node):
    url: str
    name: str
    event_types: list[str]
    includes_personal_data: bool
    status: EndpointStatus
    disabled_reason: str | None
    created_at: Instant
    secret: str | None = strawberry.field(
        description="Only in the answer of the mutation that made it; never again."
    )


@resource
class WebhookDelivery(Node):
    event_id: str
    type: str
    subject: str = strawberry.field(description="What the event is about; a typed id.")
    status: DeliveryStatus
    attempts: int
    next_at: Instant | None
    last_status: int | None
    last_error: str | None
    created_at: Instant
    delivered_at: Instant | None
    endpoint_id: strawberry.Private[str | None]
    endpoint: WebhookEndpoint | None = to_one("endpoint_id", "endpoint")


@resource
class WebhookReplay:
    count: int = strawberry.field(description="Deliveries that go out again.")


ENDPOINTS = Kind("endpoint", WebhookEndpoint, Service.LEAD, "/webhook-endpoints")
DELIVERIES = Kind("delivery", WebhookDelivery, Service.LEAD, "/webhook-deliveries")

WebhookEndpointResult: TypeAlias = Annotated[
    WebhookEndpoint | Refusal, strawberry.union("WebhookEndpointResult")
]
WebhookReplayResult: TypeAlias = Annotated[
    WebhookReplay | Refusal, strawberry.union("WebhookReplayResult")
]


@strawberry.input
class AddWebhookEndpointInput(Command):
    url: str
    name: str
    event_types: list[str] = strawberry.field(description="Types or patterns, as `kos.lead.*`.")
    includes_personal_data: bool = False


@strawberry.input
class ReplayWebhooksInput(OnOne):
    since: Instant


@strawberry.type
class WebhooksQuery:
    @strawberry.field
    async def webhook_endpoints(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[WebhookEndpoint] | None:
        return await connection(info, ENDPOINTS, first, after)

    @described("The delivery log, newest first.")
    async def webhook_deliveries(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        endpoint_id: strawberry.ID | None = None,
        status: DeliveryStatus | None = None,
    ) -> Connection[WebhookDelivery] | None:
        return await connection(
            info, DELIVERIES, first, after, {"endpoint_id": endpoint_id, "status": status}
        )


@strawberry.type
class WebhooksMutation:
    @verb()
    async def add_webhook_endpoint(
        self, info: Info, input: AddWebhookEndpointInput
    ) -> WebhookEndpointResult:
        return await run(info, ENDPOINTS, input)

    @verb("The old secret signs beside the new one for a while.")
    async def rotate_webhook_secret(self, info: Info, input: OnOne) -> WebhookEndpointResult:
        return await run_on(info, ENDPOINTS, input, "rotate-secret")

    @verb()
    async def enable_webhook_endpoint(self, info: Info, input: OnOne) -> WebhookEndpointResult:
        return await run_on(info, ENDPOINTS, input, "enable")

    @verb()
    async def disable_webhook_endpoint(
        self, info: Info, input: OnOneWithReason
    ) -> WebhookEndpointResult:
        return await run_on(info, ENDPOINTS, input, "disable")

    @verb("Deliver again what happened since an instant.")
    async def replay_webhooks(self, info: Info, input: ReplayWebhooksInput) -> WebhookReplayResult:
        return await run_for(info, ENDPOINTS, input, "replay", WebhookReplay)
