"""How content goes out: the brand's content policy, platform tokens, figures that come in."""

from typing import Annotated, Any, TypeAlias

import strawberry
from strawberry.scalars import JSON

from gateway.context import Info
from gateway.relations import to_one
from gateway.rows import Kind, read_one, resource
from gateway.schema.accounts import Account
from gateway.schema.commands import Command, body_of, send
from gateway.schema.content_values import AuthorizationStatus
from gateway.schema.fields import PERSONAL, described, verb
from gateway.schema.pages import Connection, connection
from gateway.schema.problems import Invalid, Refusal
from gateway.schema.scalars import Instant, Long
from gateway.upstream import Service
from shared.events.account import Platform


@resource
class ContentPolicy:
    industry: str
    never_words: JSON = strawberry.field(description="Words with `review` or `block`.")
    competitor_words: list[str]
    evidence: list[str] = strawberry.field(description="Kinds of proof the brand holds.")
    updated_at: Instant | None


@resource
class Authorization:
    platform: Platform
    status: AuthorizationStatus
    expires_at: Instant | None
    refresh_expires_at: Instant | None
    ended_reason: str | None = strawberry.field(description="Why somebody has to consent again.")
    created_at: Instant
    account_id: strawberry.Private[str | None]
    account: Account | None = to_one(
        "account_id", "acct", description="Null: of the brand's own app on the platform."
    )


@strawberry.type
class MetricRefusal:
    position: int
    field: str
    reason: str


@resource
class MetricsImport:
    taken: int
    changed: int
    refused: list[MetricRefusal]


AUTHORIZATIONS = Kind("authorization", Authorization, Service.CONTENT, "/authorizations")

ContentPolicyResult: TypeAlias = Annotated[
    ContentPolicy | Refusal, strawberry.union("ContentPolicyResult")
]
AuthorizationResult: TypeAlias = Annotated[
    Authorization | Refusal, strawberry.union("AuthorizationResult")
]
MetricsImportResult: TypeAlias = Annotated[
    MetricsImport | Refusal, strawberry.union("MetricsImportResult")
]


@strawberry.input
class SetContentPolicyInput(Command):
    industry: str
    never_words: JSON | None = strawberry.field(
        default=None, description="Words with `review` or `block`."
    )
    competitor_words: list[str] = strawberry.field(default_factory=list)
    evidence: list[str] = strawberry.field(default_factory=list)


@strawberry.input
class AuthorizePlatformInput(Command):
    platform: Platform
    account_id: strawberry.ID | None = None
    credentials: JSON = strawberry.field(
        description="As the platform gave them; sealed and never read back.",
        metadata={PERSONAL: True},
    )


@strawberry.input(description="Name the post by `postId`, or by platform and `platformPostId`.")
class MetricInput:
    post_id: strawberry.ID | None = None
    platform: Platform | None = None
    platform_post_id: str | None = None
    measured_at: Instant
    views: Long | None = None
    likes: Long | None = None
    saves: Long | None = None
    comments: Long | None = None
    shares: Long | None = None
    follows: Long | None = None
    is_correction: bool = False


@strawberry.input
class ImportMetricsInput(Command):
    items: list[MetricInput]


@strawberry.type
class PublishingQuery:
    @described("What the rule pack knows of the brand.")
    async def content_policy(self, info: Info) -> ContentPolicy | None:
        return read_one(ContentPolicy, await info.context.get(Service.CONTENT, "/content-policy"))

    @described("Which platforms may be published on, and until when.")
    async def authorizations(
        self, info: Info, first: int = 50, after: str | None = None
    ) -> Connection[Authorization] | None:
        return await connection(info, AUTHORIZATIONS, first, after)


@strawberry.type
class PublishingMutation:
    @verb()
    async def set_content_policy(
        self, info: Info, input: SetContentPolicyInput
    ) -> ContentPolicyResult:
        return await send(
            info, Service.CONTENT, "/content-policy", ContentPolicy, input, method="PUT"
        )

    @verb()
    async def authorize_platform(
        self, info: Info, input: AuthorizePlatformInput
    ) -> AuthorizationResult:
        body = body_of(input)
        credentials: Any = body.pop("credentials")
        if not isinstance(credentials, dict):
            return Invalid(
                code="invalid", message="credentials are an object", path=["input", "credentials"]
            )
        return await send(
            info,
            Service.CONTENT,
            AUTHORIZATIONS.path,
            Authorization,
            input,
            body={**credentials, **body},
        )

    @verb("Running totals of posts, up to 500 at once.")
    async def import_metrics(self, info: Info, input: ImportMetricsInput) -> MetricsImportResult:
        return await send(info, Service.CONTENT, "/posts/metrics", MetricsImport, input)
