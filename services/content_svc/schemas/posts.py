"""Bodies of posts, their figures, what converts, and platform authorisations."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator

from content_svc.models import AuthorizationStatus, PostStatus
from content_svc.schemas.library import In, Out
from shared.events.account import Platform
from shared.ids import AccountId, AssetId, CampaignId, DraftId, PostId, StaffId, UnitId
from shared.instants import Instant

Total = Annotated[int, Field(ge=0, le=10**12)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class HandoffOut(BaseModel):
    """What a seller needs to publish by hand."""

    title: str
    text: str
    asset_ids: list[AssetId]
    deep_link: str
    deadline_at: datetime


class MetricsOut(BaseModel):
    views: int
    likes: int
    saves: int
    comments: int
    shares: int
    follows: int
    measured_at: datetime


class DeliveryOut(BaseModel):
    """WeCom: a task is created, its member confirms it, customers receive it."""

    state: Literal["created", "confirmed", "delivered"]
    delivered: int
    failed: int


class PostOut(BaseModel):
    id: PostId
    campaign_id: CampaignId | None
    draft_id: DraftId
    account_id: AccountId
    staff_id: StaffId | None
    unit_id: UnitId
    platform: Platform
    status: PostStatus
    due_at: datetime
    published_at: datetime | None
    url: str | None
    platform_post_id: str | None
    failure_reason: str | None
    handoff: HandoffOut | None
    metrics: MetricsOut | None
    delivery: DeliveryOut | None
    version: int


class ConfirmHandoffIn(In):
    url: Annotated[str, Field(min_length=8, max_length=2000)]


class WithdrawPostIn(In):
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class MetricIn(In):
    """Totals of one post at one time; a figure left out stays as it is."""

    post_id: PostId | None = None
    platform: Platform | None = None
    platform_post_id: Annotated[str | None, Field(max_length=200)] = None
    measured_at: Instant
    views: Total | None = None
    likes: Total | None = None
    saves: Total | None = None
    comments: Total | None = None
    shares: Total | None = None
    follows: Total | None = None
    is_correction: bool = False
    """The totals may go down: the platform took back false figures."""

    @model_validator(mode="after")
    def _names_a_post(self) -> "MetricIn":
        by_platform = self.platform is not None and self.platform_post_id is not None
        if (self.post_id is not None) == by_platform:
            raise ValueError("give post_id, or platform with platform_post_id")
        return self


class ImportMetricsIn(In):
    items: Annotated[list[MetricIn], Field(min_length=1, max_length=500)]


class MetricRefusal(Out):
    position: int
    field: str
    reason: str


class ImportMetricsOut(Out):
    taken: int
    changed: int
    refused: list[MetricRefusal]


class WhatConvertsRow(BaseModel):
    """Leads per view with the 95 % Wilson interval; null rates where nobody viewed."""

    key: str
    posts: int
    views: int
    leads: int
    accepted: int
    deals: int
    amount_minor: int
    lead_rate: float | None
    lead_rate_low: float | None
    lead_rate_high: float | None


class WhatConvertsOut(BaseModel):
    items: list[WhatConvertsRow]


Seconds = Annotated[int, Field(gt=0, le=10 * 366 * 24 * 3600)]
"""Of a token's life: platforms give a month at most; far beyond, there is no such date."""


class DouyinAuthorizationIn(In):
    """What a seller's consent gave; `expires_in` and `refresh_expires_in` are in seconds."""

    platform: Literal["douyin"]
    account_id: AccountId
    client_key: Annotated[str, Field(min_length=1, max_length=200)]
    open_id: Annotated[str, Field(min_length=1, max_length=200)]
    access_token: Secret
    refresh_token: Secret
    expires_in: Seconds
    refresh_expires_in: Seconds


class WecomAuthorizationIn(In):
    """The brand's app: its secret fetches tokens for all members."""

    platform: Literal["wecom"]
    account_id: None = None
    corp_id: Annotated[str, Field(min_length=1, max_length=200)]
    secret: Secret
    deliver_by: Literal["message", "moment"] = "message"


AuthorizationIn = Annotated[
    DouyinAuthorizationIn | WecomAuthorizationIn, Field(discriminator="platform")
]


class AuthorizationOut(Out):
    """Status and expiry; credentials are never read back."""

    platform: Platform
    account_id: AccountId | None
    status: AuthorizationStatus
    expires_at: datetime | None
    refresh_expires_at: datetime | None
    ended_reason: str | None
    """Why somebody has to consent again."""
    created_at: datetime
