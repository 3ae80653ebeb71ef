"""How accounts stand with their platforms (account_svc)."""

import strawberry

from gateway.rows import Batch
from gateway.schema.scalars import Instant
from gateway.schema.values import StatusState
from gateway.upstream import Service
from shared.events.account import PlatformStatus


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
