"""Facts that account_svc publishes: the org tree, its people, their accounts, what they earned."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.event import Event
from shared.ids import (
    AccountId,
    CustomerGroupId,
    CustomerId,
    EntryId,
    HandoverId,
    PersonaId,
    RuleId,
    StaffId,
    UnitId,
)


class Platform(StrEnum):
    XIAOHONGSHU = "xiaohongshu"
    DOUYIN = "douyin"
    CHANNELS = "channels"
    KUAISHOU = "kuaishou"
    WECOM = "wecom"
    WECHAT = "wechat"
    OFFICIAL_ACCOUNT = "official_account"
    MINI_PROGRAM = "mini_program"
    BILIBILI = "bilibili"
    WEIBO = "weibo"


class UnitKind(StrEnum):
    BRAND = "brand"
    REGION = "region"
    DEALER = "dealer"
    STORE = "store"
    TEAM = "team"


class AccountStatus(StrEnum):
    PLANNED = "planned"
    PENDING = "pending"
    ACTIVE = "active"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"
    HANDED_OVER = "handed_over"
    RETIRED = "retired"


class Ownership(StrEnum):
    """Whose an account is when its person leaves."""

    BRAND_MADE = "brand_made"
    STAFF_OWNED = "staff_owned"
    CONSENT_GIVEN = "consent_given"
    """The person's own, who has agreed that somebody else may go on with it."""


class HandoverStatus(StrEnum):
    GATHERING = "gathering"
    """Customers are still being listed."""
    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class HealthLevel(StrEnum):
    """The best first."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    CRITICAL = "critical"


class PlatformStatus(StrEnum):
    """What a platform itself says that an account is, until a date."""

    DOUYIN_STAFF_CERTIFICATION = "douyin_staff_certification"
    XIAOHONGSHU_STAFF_BINDING = "xiaohongshu_staff_binding"


class Right(StrEnum):
    """What a person may do only with the certificates that their brand asks for it."""

    FREE_POSTING = "free_posting"
    PRICE_QUOTES = "price_quotes"
    LIVE = "live"
    HANDLING_LEADS = "handling_leads"
    RUN_ACCOUNT = "run_account"
    """Sell on an account: have it activated, or take it over."""


class OrgEvent(Event):
    topic: ClassVar[str] = "kos.org"
    subject_prefix: ClassVar[str] = "unit"
    unit_id: UnitId

    @property
    def key(self) -> UUID:
        return self.unit_id


class UnitAdded(OrgEvent):
    """The unit exists; `ancestor_ids` runs from the root to the unit itself."""

    type: ClassVar[str] = "kos.org.unit_added.v1"
    kind: UnitKind
    code: str
    name: str
    ancestor_ids: list[UnitId]
    city_code: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    opens_at: str | None = None
    closes_at: str | None = None
    """Business hours of a day as local `HH:MM` in Asia/Shanghai; None means always open."""


class UnitChanged(UnitAdded):
    """Facts of the unit other than its place in the tree are now these."""

    type: ClassVar[str] = "kos.org.unit_changed.v1"


class UnitMoved(OrgEvent):
    """The unit and all below it now hang under the last but one of `ancestor_ids`."""

    type: ClassVar[str] = "kos.org.unit_moved.v1"
    ancestor_ids: list[UnitId]


class StaffEvent(Event):
    topic: ClassVar[str] = "kos.staff"
    subject_prefix: ClassVar[str] = "staff"
    staff_id: StaffId

    @property
    def key(self) -> UUID:
        return self.staff_id


class StaffJoined(StaffEvent):
    """The person sells for the unit. Name and phone stay in account_svc."""

    type: ClassVar[str] = "kos.staff.joined.v1"
    unit_id: UnitId
    is_seller: bool
    open_lead_capacity: int
    skills: list[str] = Field(default_factory=list)
    product_lines: list[str] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list)
    tier: str = "standard"


class StaffChanged(StaffJoined):
    """Home unit, capacity or abilities of the person are now these."""

    type: ClassVar[str] = "kos.staff.changed.v1"


class StaffAbsent(StaffEvent):
    """The person takes no leads from `from_at` until `until_at` (None: until they return)."""

    type: ClassVar[str] = "kos.staff.absent.v1"
    from_at: datetime
    until_at: datetime | None = None


class StaffReturned(StaffEvent):
    """The absence is over."""

    type: ClassVar[str] = "kos.staff.returned.v1"


class StaffDeparted(StaffEvent):
    """The person no longer sells for the brand."""

    type: ClassVar[str] = "kos.staff.departed.v1"


class CertificateEarned(StaffEvent):
    """The person holds the right (one of `Right`) until `expires_at`, if nothing else is told."""

    type: ClassVar[str] = "kos.staff.certificate_earned.v1"
    right: str
    expires_at: datetime


class CertificateExpired(StaffEvent):
    """No certificate gives the person the right any longer."""

    type: ClassVar[str] = "kos.staff.certificate_expired.v1"
    right: str


class AccountEvent(Event):
    topic: ClassVar[str] = "kos.account"
    subject_prefix: ClassVar[str] = "acct"
    account_id: AccountId

    @property
    def key(self) -> UUID:
        return self.account_id


class AccountRegistered(AccountEvent):
    """The account is part of the matrix."""

    type: ClassVar[str] = "kos.account.registered.v1"
    platform: Platform
    handle: str
    domain: str
    seat: str
    unit_id: UnitId
    staff_id: StaffId | None = None
    persona_id: PersonaId | None = None
    persona_kind: str | None = None
    display_name: str | None = None
    """The name the public sees; None for accounts that go by their handle."""
    platform_id: str | None = None
    """What the platform calls the account in its hooks, as Douyin's open_id."""
    status: AccountStatus


class AccountChanged(AccountRegistered):
    """Facts of the account are now these; a step of its life that has a fact is told apart."""

    type: ClassVar[str] = "kos.account.changed.v1"


class AccountActivated(AccountEvent):
    """The account may publish content and receive leads."""

    type: ClassVar[str] = "kos.account.activated.v1"


class AccountRestricted(AccountEvent):
    """The platform or the brand limits the account; it may not publish."""

    type: ClassVar[str] = "kos.account.restricted.v1"
    reason: str


class AccountSuspended(AccountEvent):
    """The account may no longer publish content or receive leads."""

    type: ClassVar[str] = "kos.account.suspended.v1"
    reason: str


class AccountHandedOver(AccountEvent):
    """The account is now run by `staff_id`."""

    type: ClassVar[str] = "kos.account.handed_over.v1"
    staff_id: StaffId
    unit_id: UnitId


class AccountRetired(AccountEvent):
    """The account is no longer part of the matrix."""

    type: ClassVar[str] = "kos.account.retired.v1"
    reason: str


class AccountPaired(AccountEvent):
    """The account plays the persona."""

    type: ClassVar[str] = "kos.account.paired.v1"
    persona_id: PersonaId
    persona_kind: str


class PlatformStatusNoted(AccountEvent):
    """The platform gives the account this status from `valid_from` until `valid_to` (None: no end
    is known), whatever was noted before; with `is_held` false it does not give it any more."""

    type: ClassVar[str] = "kos.account.platform_status_noted.v1"
    platform_status: PlatformStatus
    is_held: bool
    valid_from: datetime
    valid_to: datetime | None = None


class AccountPairChecked(AccountEvent):
    """The account and its seller's private one are found to be, or not to be, one persona.

    While the pair has failed, nobody is led from the public account to the private one.
    """

    type: ClassVar[str] = "kos.account.pair_checked.v1"
    private_account_id: AccountId
    persona_id: PersonaId
    state: str
    """`passed`, `failed` or `unchecked`."""
    score_percent: int | None
    staff_id: StaffId | None = None
    """Whose accounts they were when they were compared."""
    failed_fields: list[str] = Field(default_factory=list)
    """Which fields the pair failed by."""


class AccountHealthChanged(AccountEvent):
    """The account's health has another level than before; None: it had none yet."""

    type: ClassVar[str] = "kos.account.health_changed.v1"
    level: HealthLevel
    previous_level: HealthLevel | None
    score: int
    causes: list[str]


class HandoverEvent(Event):
    topic: ClassVar[str] = "kos.handover"
    subject_prefix: ClassVar[str] = "handover"
    handover_id: HandoverId

    @property
    def key(self) -> UUID:
        return self.handover_id


class HandoverOpened(HandoverEvent):
    """What the person leaves behind is being planned; the customers and communities of these
    accounts are wanted by the plan."""

    type: ClassVar[str] = "kos.handover.opened.v1"
    staff_id: StaffId
    customers_of: list[AccountId]
    account_ids: list[AccountId] = Field(default_factory=list)
    """What the person runs: the plan wants to know how many drafts and posts wait there."""


class HandoverStarted(HandoverEvent):
    """The plan is carried out: these people, the first one first, take what the person had."""

    type: ClassVar[str] = "kos.handover.started.v1"
    staff_id: StaffId
    taker_ids: list[StaffId]


class HandoverTakersChanged(HandoverEvent):
    """These people, the first one first, take what is not with others yet."""

    type: ClassVar[str] = "kos.handover.takers_changed.v1"
    staff_id: StaffId
    taker_ids: list[StaffId]


class CustomersAssigned(HandoverEvent):
    """By the plan these customers belong to the taker from now on. They are no more than the
    platform takes in one call, and none of them breaks its limits by moving now."""

    type: ClassVar[str] = "kos.handover.customers_assigned.v1"
    call_id: UUID
    account_id: AccountId
    """Whose customers they were."""
    taker_id: StaffId
    taker_account_id: AccountId
    customer_ids: list[CustomerId]


class CommunitiesAssigned(HandoverEvent):
    """By the plan these communities belong to the taker from now on. They are no more than the
    platform takes in one call, and none of them breaks its limits by moving now."""

    type: ClassVar[str] = "kos.handover.communities_assigned.v1"
    call_id: UUID
    account_id: AccountId
    """Whose communities they were."""
    taker_id: StaffId
    taker_account_id: AccountId
    community_ids: list[CustomerGroupId]


class DraftsAssigned(HandoverEvent):
    """By the plan the account's open drafts and queued posts are the taker's from now on, as the
    account is; without a taker they leave with it."""

    type: ClassVar[str] = "kos.handover.drafts_assigned.v1"
    account_id: AccountId
    from_staff_id: StaffId
    taker_id: StaffId | None
    unit_id: UnitId


class HandoverFinished(HandoverEvent):
    """Nothing of what the person left is open any more."""

    type: ClassVar[str] = "kos.handover.finished.v1"
    staff_id: StaffId


class HandoverCancelled(HandoverEvent):
    """Nothing more of what the person has goes to others; what has gone stays where it is, and
    what a platform is moving already is moved."""

    type: ClassVar[str] = "kos.handover.cancelled.v1"
    staff_id: StaffId
    reason: str


class IncentiveEvent(Event):
    topic: ClassVar[str] = "kos.incentive"
    subject_prefix: ClassVar[str] = "entry"
    entry_id: EntryId

    @property
    def key(self) -> UUID:
        return self.entry_id


class IncentivePosted(IncentiveEvent):
    """The ledger paid the seller. `amount` is in points, or in minor units of `currency`."""

    type: ClassVar[str] = "kos.incentive.posted.v1"
    staff_id: StaffId
    unit_id: UnitId
    rule_id: RuleId
    rule_version: int
    cause: str
    amount: int
    currency: str
    earned_at: datetime


class IncentiveReversed(IncentiveEvent):
    """A counter-entry took back the entry `reverses_id`; `amount` is negative."""

    type: ClassVar[str] = "kos.incentive.reversed.v1"
    staff_id: StaffId
    unit_id: UnitId
    reverses_id: EntryId
    cause: str
    amount: int
    currency: str
