"""Connections to the platforms that send leads, and what they sent (lead_svc)."""

from typing import Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info, find
from gateway.relations import to_one
from gateway.rows import Kind, resource
from gateway.schema.commands import Command, OnOne, run, run_on
from gateway.schema.fields import PERSONAL, described, verb
from gateway.schema.lead_values import ReceiptStatus
from gateway.schema.pages import Connection as Page
from gateway.schema.pages import Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.upstream import Service


@resource
class PlatformConnection(Node):
    platform: str
    name: str
    settings: JSON | None
    status: str
    hook_path: str
    created_at: Instant


@resource
class Receipt(Node):
    platform: str
    kind: str | None
    status: ReceiptStatus
    reason: str | None = strawberry.field(description="Why it lies in quarantine.")
    received_at: Instant
    connection_id: strawberry.Private[str | None]
    connection: PlatformConnection | None = to_one("connection_id", "conn")


CONNECTIONS = Kind("conn", PlatformConnection, Service.LEAD, "/connections")
RECEIPTS = Kind("rcpt", Receipt, Service.LEAD, "/receipts")

PlatformConnectionResult: TypeAlias = Annotated[
    PlatformConnection | Refusal, strawberry.union("PlatformConnectionResult")
]
ReceiptResult: TypeAlias = Annotated[Receipt | Refusal, strawberry.union("ReceiptResult")]


@strawberry.input
class ConnectPlatformInput(Command):
    platform: str = strawberry.field(description="wecom, douyin, oceanengine, kuaishou, …")
    name: str
    secrets: JSON = strawberry.field(
        description="Sealed on arrival and never read back.", metadata={PERSONAL: True}
    )
    settings: JSON | None = None


@strawberry.input
class RotateSecretsInput(OnOne):
    secrets: JSON = strawberry.field(metadata={PERSONAL: True})


@strawberry.input
class ChangeConnectionSettingsInput(OnOne):
    settings: JSON


@strawberry.type
class ConnectionsQuery:
    @strawberry.field
    async def connections(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Page[PlatformConnection] | None:
        return await connection(info, CONNECTIONS, first, after)

    @strawberry.field
    async def connection(self, info: Info, id: strawberry.ID) -> PlatformConnection | None:
        return await find(info, CONNECTIONS, id)

    @described("What the platforms delivered, newest first.")
    async def receipts(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        status: ReceiptStatus | None = None,
    ) -> Page[Receipt] | None:
        return await connection(info, RECEIPTS, first, after, {"status": status})


@strawberry.type
class ConnectionsMutation:
    @verb()
    async def connect_platform(
        self, info: Info, input: ConnectPlatformInput
    ) -> PlatformConnectionResult:
        return await run(info, CONNECTIONS, input)

    @verb()
    async def change_connection_settings(
        self, info: Info, input: ChangeConnectionSettingsInput
    ) -> PlatformConnectionResult:
        return await run_on(info, CONNECTIONS, input, "change-settings")

    @verb()
    async def rotate_connection_secrets(
        self, info: Info, input: RotateSecretsInput
    ) -> PlatformConnectionResult:
        return await run_on(info, CONNECTIONS, input, "rotate-secrets")

    @verb()
    async def disable_connection(self, info: Info, input: OnOne) -> PlatformConnectionResult:
        return await run_on(info, CONNECTIONS, input, "disable")

    @verb("Read a quarantined delivery again and go on as if it came now.")
    async def replay_receipt(self, info: Info, input: OnOne) -> ReceiptResult:
        return await run_on(info, RECEIPTS, input, "replay")
