"""The brand itself, its API keys, its imports, and the audit trail of every service."""

from typing import Annotated, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info, is_id
from gateway.rows import Kind, read_one, resource
from gateway.schema.commands import Command, OnOne, run, run_on
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant, Long
from gateway.upstream import Refused, Service
from shared.access import Role


@resource
class Brand(Node):
    name: str
    industry: str
    created_at: Instant | None


@resource
class ApiKey(Node):
    name: str
    role: Role
    scopes: list[str]
    prefix: str
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    secret: str | None = strawberry.field(
        description="Only in the answer of the mutation that made it; never again."
    )


@strawberry.type
class ImportProblem:
    line: int
    field: str | None
    reason: str


@resource
class Import(Node):
    kind: str
    status: str
    rows_read: int
    rows_added: int
    rows_changed: int
    rows_unchanged: int
    rows_refused: int
    problems: list[ImportProblem]
    started_at: Instant
    finished_at: Instant | None


@resource
class AuditEntry:
    sequence: Long
    at: Instant
    actor: str
    action: str
    subject: str
    details: JSON | None
    request_id: str | None


BRANDS = Kind("brand", Brand, Service.ACCOUNT, "/brands")
API_KEYS = Kind("apikey", ApiKey, Service.ACCOUNT, "/api-keys")
IMPORTS = Kind("import", Import, Service.ACCOUNT, "/imports")
AUDIT = {
    service: Kind("audit", AuditEntry, service, "/audit", sort_key="sequence")
    for service in Service
}

strawberry.enum(Service, name="ServiceName")

BrandResult: TypeAlias = Annotated[Brand | Refusal, strawberry.union("BrandResult")]
ApiKeyResult: TypeAlias = Annotated[ApiKey | Refusal, strawberry.union("ApiKeyResult")]


@strawberry.input
class CreateBrandInput(Command):
    id: strawberry.ID | None = None
    name: str
    industry: str


@strawberry.input
class CreateApiKeyInput(Command):
    name: str
    role: Role
    scopes: list[str] = strawberry.field(description="Patterns over actions, as `lead.*`.")
    expires_at: Instant | None = None


@strawberry.type
class BrandQuery:
    @strawberry.field
    async def brand(self, info: Info) -> Brand | None:
        return read_one(Brand, await info.context.get(Service.ACCOUNT, "/brand"))

    @strawberry.field
    async def api_keys(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[ApiKey] | None:
        return await connection(info, API_KEYS, first, after)

    @described("The latest first, without their problems.")
    async def imports(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Import] | None:
        return await connection(info, IMPORTS, first, after)

    @described("Progress and report of an import.")
    async def import_progress(self, info: Info, id: strawberry.ID) -> Import | None:
        if not is_id(id, "import"):
            return None
        try:
            return read_one(Import, await info.context.get(Service.ACCOUNT, f"/imports/{id}"))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    @described("Who did what in a service, newest first.")
    async def audit_trail(
        self, info: Info, service: Service, first: int = 50, after: str | None = None
    ) -> Connection[AuditEntry] | None:
        return await connection(info, AUDIT[service], first, after)


@strawberry.type
class BrandMutation:
    @verb("For platform administrators; also makes the root of the brand's tree.")
    async def create_brand(self, info: Info, input: CreateBrandInput) -> BrandResult:
        return await run(info, BRANDS, input)

    @verb()
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> ApiKeyResult:
        return await run(info, API_KEYS, input)

    @verb()
    async def revoke_api_key(self, info: Info, input: OnOne) -> ApiKeyResult:
        return await run_on(info, API_KEYS, input, "revoke")
