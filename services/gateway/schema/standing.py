"""How accounts stand with their platforms (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.schema.standing_values import HealthCause, StatusState
from gateway.upstream import Service
from shared.events.account import HealthLevel, PlatformStatus


@strawberry.type(description="What was seen on the platform, and what of it holds now.")
class NotedPlatformStatus:
    platform_status: PlatformStatus
    state: StatusState
    is_held: bool = strawberry.field(description="False: the platform has taken it back.")
    valid_from: Instant
    valid_to: Instant | None
    reference: str
    noted_by: str
    noted_at: Instant


@strawberry.type
class AccountStatuses:
    account_id: str
    statuses: list[NotedPlatformStatus]


STATUSES_BY_ACCOUNT = Batch(
    "account_id", AccountStatuses, Service.ACCOUNT, "/accounts/platform-statuses/by-accounts"
)


@strawberry.type(description="What takes points from 100.")
class HealthReason:
    cause: HealthCause
    points: int
    message: str
    since: Instant | None


@strawberry.type(description="How an account does, as last judged.")
class AccountHealth:
    account_id: strawberry.Private[str]
    score: int
    level: HealthLevel = strawberry.field(
        description="Worse as soon as the score is; better once that is sure, so that it may stay "
        "behind the score for a time."
    )
    reasons: list[HealthReason] = strawberry.field(description="The heaviest first.")
    judged_at: Instant
    changed_at: Instant = strawberry.field(description="Since when it has this level.")
    last_post_at: Instant | None
    last_reply_at: Instant | None = strawberry.field(
        description="When a seller last took a lead that came by the account."
    )


HEALTH_BY_ACCOUNT = Batch(
    "account_id", AccountHealth, Service.ACCOUNT, "/accounts/health/by-accounts"
)
