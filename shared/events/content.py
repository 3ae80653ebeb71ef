"""Facts that content_svc publishes: campaigns, drafts, posts and what posts achieved."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.account import Platform
from shared.events.event import Event
from shared.ids import (
    AccountId,
    AuthorizationId,
    CampaignId,
    CustomerBookId,
    CustomerGroupId,
    CustomerId,
    DraftId,
    HandoverId,
    PostId,
    StaffId,
    TemplateId,
    UnitId,
)


class CampaignMode(StrEnum):
    DISTRIBUTED_CREATION = "distributed_creation"
    CENTRAL_ENABLEMENT = "central_enablement"
    CENTRAL_DISTRIBUTION = "central_distribution"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict
    REVIEW = "review"
    BLOCK = "block"


class AuthorizationEvent(Event):
    """What the product may sign in with on a platform; the credentials themselves stay where they
    are. `account_id` is None for the brand's own app, which signs in for all its accounts there."""

    topic: ClassVar[str] = "kos.authorization"
    subject_prefix: ClassVar[str] = "authorization"
    authorization_id: AuthorizationId
    platform: Platform
    account_id: AccountId | None

    @property
    def key(self) -> UUID:
        return self.authorization_id


class AuthorizationGranted(AuthorizationEvent):
    """The product may sign in. Unless it is renewed, that ends at `refresh_expires_at` (None: when
    the platform says so)."""

    type: ClassVar[str] = "kos.authorization.granted.v1"
    expires_at: datetime | None
    refresh_expires_at: datetime | None


class AuthorizationRenewed(AuthorizationGranted):
    """The platform gave a new token."""

    type: ClassVar[str] = "kos.authorization.renewed.v1"


class AuthorizationEnded(AuthorizationEvent):
    """The platform gives no new token: somebody has to consent again."""

    type: ClassVar[str] = "kos.authorization.ended.v1"
    reason: str


class CustomersEvent(Event):
    """About the customers and communities of a WeCom account whose person leaves; who they are
    stays here."""

    topic: ClassVar[str] = "kos.customers"
    subject_prefix: ClassVar[str] = "book"
    book_id: CustomerBookId
    handover_id: HandoverId
    account_id: AccountId

    @property
    def key(self) -> UUID:
        return self.book_id


class ListedCustomer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    customer_id: CustomerId
    moved_at: list[datetime]
    """When the platform accepted earlier moves of theirs that are known."""


class ListedCommunity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    community_id: CustomerGroupId
    moved_at: list[datetime]
    """When the platform gave it to others before, as far as that is known."""


class CustomersListed(CustomersEvent):
    """These are customers and communities of the account; with `is_last` there are no more."""

    type: ClassVar[str] = "kos.customers.listed.v1"
    customers: list[ListedCustomer]
    is_last: bool
    communities: list[ListedCommunity] = Field(default_factory=list)


class CustomerResult(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    customer_id: CustomerId
    outcome: str
    """`accepted` (takes effect after the platform's delay), then `moved` or `refused`; or at once
    `taker_full`, `too_often`, `in_progress`, `gone`, `failed`; or `cancelled`: the platform was not
    asked, for the handover was cancelled first."""
    at: datetime
    reason: str | None = None


class CustomersAnswered(CustomersEvent):
    """What came of asking the platform to move these customers."""

    type: ClassVar[str] = "kos.customers.answered.v1"
    results: list[CustomerResult]


class CommunityResult(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    community_id: CustomerGroupId
    outcome: str
    """`moved`, `gone` or `failed`; or `cancelled`: the platform was not asked, for the handover was
    cancelled first."""
    at: datetime
    reason: str | None = None


class CommunitiesAnswered(CustomersEvent):
    """What came of asking the platform for another owner of these communities."""

    type: ClassVar[str] = "kos.customers.communities_answered.v1"
    results: list[CommunityResult]


class ContentHandoverEvent(Event):
    topic: ClassVar[str] = "kos.content_handover"
    subject_prefix: ClassVar[str] = "contenthandover"  # the handover itself is account_svc's
    handover_id: HandoverId

    @property
    def key(self) -> UUID:
        return self.handover_id


class AccountDrafts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    account_id: AccountId
    drafts: int
    """That are held, in review, or approved and not scheduled."""
    posts: int
    """That are queued: scheduled, being sent, or with the seller."""


class DraftsCounted(ContentHandoverEvent):
    """This much waits on the accounts that somebody leaves."""

    type: ClassVar[str] = "kos.content_handover.drafts_counted.v1"
    accounts: list[AccountDrafts]


class DraftsHandedOver(ContentHandoverEvent):
    """What waits on the account is the business of whoever runs it now."""

    type: ClassVar[str] = "kos.content_handover.drafts_handed_over.v1"
    account_id: AccountId
    drafts: int
    posts: int


class CampaignEvent(Event):
    topic: ClassVar[str] = "kos.campaign"
    subject_prefix: ClassVar[str] = "camp"
    campaign_id: CampaignId

    @property
    def key(self) -> UUID:
        return self.campaign_id


class CampaignLaunched(CampaignEvent):
    """The campaign runs; `planned` accounts are to post. `code` is what links and forms carry."""

    type: ClassVar[str] = "kos.campaign.launched.v1"
    name: str
    code: str
    mode: CampaignMode
    planned: int
    starts_at: datetime
    ends_at: datetime


class CampaignPaused(CampaignEvent):
    """No post of the campaign goes out until it is resumed."""

    type: ClassVar[str] = "kos.campaign.paused.v1"


class CampaignResumed(CampaignEvent):
    """Posts of the campaign go out again."""

    type: ClassVar[str] = "kos.campaign.resumed.v1"


class CampaignStopped(CampaignEvent):
    """Every queued post of the campaign is withdrawn."""

    type: ClassVar[str] = "kos.campaign.stopped.v1"
    reason: str


class CampaignCompleted(CampaignEvent):
    """No post of the campaign is open any more."""

    type: ClassVar[str] = "kos.campaign.completed.v1"
    published: int
    failed: int
    held: int


class DraftEvent(Event):
    topic: ClassVar[str] = "kos.draft"
    subject_prefix: ClassVar[str] = "draft"
    draft_id: DraftId
    account_id: AccountId
    campaign_id: CampaignId | None = None

    @property
    def key(self) -> UUID:
        return self.draft_id


class DraftChecked(DraftEvent):
    """The draft was measured against the rule pack."""

    type: ClassVar[str] = "kos.draft.checked.v1"
    verdict: Verdict
    rules: list[str]
    pack_version: str


class DraftHeld(DraftEvent):
    """The draft may not go out as it stands."""

    type: ClassVar[str] = "kos.draft.held.v1"
    rules: list[str]


class DraftApproved(DraftEvent):
    """The draft may be scheduled."""

    type: ClassVar[str] = "kos.draft.approved.v1"


class PostEvent(Event):
    topic: ClassVar[str] = "kos.post"
    subject_prefix: ClassVar[str] = "post"
    post_id: PostId
    account_id: AccountId
    campaign_id: CampaignId | None = None

    @property
    def key(self) -> UUID:
        return self.post_id


class PostScheduled(PostEvent):
    """The post is to go out at `due_at`."""

    type: ClassVar[str] = "kos.post.scheduled.v1"
    platform: Platform
    due_at: datetime


class PostHandedOff(PostEvent):
    """The seller has the text and publishes by hand until `deadline_at`."""

    type: ClassVar[str] = "kos.post.handed_off.v1"
    staff_id: StaffId | None
    deadline_at: datetime


class PostPublished(PostEvent):
    """The post is public (or, on WeCom, with the members who send it)."""

    type: ClassVar[str] = "kos.post.published.v1"
    platform: Platform
    staff_id: StaffId | None
    unit_id: UnitId
    template_id: TemplateId | None = None
    platform_post_id: str
    url: str | None
    published_at: datetime


class PostFailed(PostEvent):
    """The post did not go out and will not be tried again by itself."""

    type: ClassVar[str] = "kos.post.failed.v1"
    reason: str


class PostWithdrawn(PostEvent):
    """The post was taken back before it went out."""

    type: ClassVar[str] = "kos.post.withdrawn.v1"
    reason: str


class PostMeasured(PostEvent):
    """Running totals of the post at `measured_at`."""

    type: ClassVar[str] = "kos.post.measured.v1"
    measured_at: datetime
    views: int
    likes: int
    saves: int
    comments: int
    shares: int
    follows: int
