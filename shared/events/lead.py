"""Facts that lead_svc publishes. Personal data never travels here, only ids."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.account import Platform
from shared.events.event import Event
from shared.ids import (
    AccountId,
    CampaignId,
    CommunityActivityId,
    CommunityId,
    ConnectionId,
    ContactId,
    DealId,
    HandoverId,
    LeadId,
    OfferId,
    PostId,
    ReceiptId,
    StaffId,
    TransferId,
    UnitId,
)


class Stage(StrEnum):
    INTENT = "intent"
    ADVICE = "advice"
    DEAL = "deal"
    CARE = "care"
    REPURCHASE = "repurchase"


class LeadInMeans(StrEnum):
    """How a customer comes from a public account to the private one: the words of the policy fact
    `lead_in_means`, and what a customer does of their own accord."""

    CONTACT_WAY = "contact_way"
    ACQUISITION_LINK = "acquisition_link"
    CONTACT_CARD = "contact_card"
    LEAD_FORM = "lead_form"
    WECOM_CARD = "wecom_card"
    WECOM_SERVICE = "wecom_service"
    STORE_VISIT = "store_visit"
    CUSTOMER_REQUEST = "customer_request"


class TransferStep(StrEnum):
    """In this order; none is left out."""

    STAGE_1_OPEN = "stage_1_open"
    STAGE_1_DONE = "stage_1_done"
    STAGE_2_OPEN = "stage_2_open"
    STAGE_2_DONE = "stage_2_done"


class TransferDropReason(StrEnum):
    CUSTOMER_DECLINED = "customer_declined"
    CUSTOMER_SILENT = "customer_silent"
    CUSTOMER_LEFT = "customer_left"
    """Removed the seller, or left the brand's side again."""
    WRONG_PERSON = "wrong_person"
    OPENED_BY_MISTAKE = "opened_by_mistake"
    TIMED_OUT = "timed_out"
    OWNER_CHANGED = "owner_changed"
    MERGED = "merged"
    """The contact is another one's, who has a transfer or an owner already."""


class CommunityActivityKind(StrEnum):
    """What happens in a community by the doing of its host, their deputy or other staff."""

    TOPIC_POSTED = "topic_posted"
    QUESTION_ANSWERED = "question_answered"
    UGC_POSTED = "ugc_posted"
    """A member posted something of their own that the person had asked for."""
    FIXED_SLOT_HELD = "fixed_slot_held"
    """One of the fixed slots of the host's rota."""
    EVENT_HELD = "event_held"
    FIRST_ORDER = "first_order"
    """A member's first one that the community brought."""
    REPEAT_ORDER = "repeat_order"


class CommunityRole(StrEnum):
    """As whom somebody of the brand does something in a community."""

    HOST = "host"
    DEPUTY = "deputy"
    STAFF = "staff"
    """Anybody else of the community's unit or below."""


class LeadEvent(Event):
    topic: ClassVar[str] = "kos.lead"
    subject_prefix: ClassVar[str] = "lead"
    lead_id: LeadId

    @property
    def key(self) -> UUID:
        return self.lead_id


class LeadCaptured(LeadEvent):
    """The lead is durable; who it is and where it came from is not yet worked out."""

    type: ClassVar[str] = "kos.lead.captured.v1"
    connection_id: ConnectionId
    receipt_id: ReceiptId
    source: str
    source_lead_id: str
    submitted_at: datetime


class LeadUpdated(LeadEvent):
    """The sender told more about a lead it had sent before."""

    type: ClassVar[str] = "kos.lead.updated.v1"
    receipt_id: ReceiptId


class LeadQualified(LeadEvent):
    """The lead has a contact, a touchpoint to thank and a score."""

    type: ClassVar[str] = "kos.lead.qualified.v1"
    contact_id: ContactId
    is_new_contact: bool
    source: str
    submitted_at: datetime
    post_id: PostId | None
    account_id: AccountId | None
    campaign_id: CampaignId | None
    unit_id: UnitId | None
    score: int
    grade: str


class LeadOffered(LeadEvent):
    """The seller has until `expires_at` to take the lead."""

    type: ClassVar[str] = "kos.lead.offered.v1"
    offer_id: OfferId
    staff_id: StaffId
    unit_id: UnitId
    expires_at: datetime
    attempt: int
    policy_version: int


class LeadAccepted(LeadEvent):
    """The seller owns the lead."""

    type: ClassVar[str] = "kos.lead.accepted.v1"
    offer_id: OfferId
    contact_id: ContactId
    staff_id: StaffId
    unit_id: UnitId
    account_id: AccountId | None
    post_id: PostId | None
    campaign_id: CampaignId | None
    accepted_at: datetime
    score: int | None = None
    grade: str | None = None
    entered_by: StaffId | None = None
    """The seller who typed the lead in, if one did."""


class LeadDeclined(LeadEvent):
    """The seller does not take the lead."""

    type: ClassVar[str] = "kos.lead.declined.v1"
    offer_id: OfferId
    staff_id: StaffId
    reason: str


class LeadExpired(LeadEvent):
    """The offer ran out unanswered."""

    type: ClassVar[str] = "kos.lead.expired.v1"
    offer_id: OfferId
    staff_id: StaffId


class LeadWithdrawn(LeadEvent):
    """The offer was taken back unanswered: the seller is away, leaving or gone."""

    type: ClassVar[str] = "kos.lead.withdrawn.v1"
    offer_id: OfferId
    staff_id: StaffId
    reason: str


class LeadPooled(LeadEvent):
    """Nobody able is left to offer the lead to; it lies in the pool."""

    type: ClassVar[str] = "kos.lead.pooled.v1"
    unit_id: UnitId | None
    reason: str


class LeadHandedOver(LeadEvent):
    """Somebody left, and the lead has another owner."""

    type: ClassVar[str] = "kos.lead.handed_over.v1"
    from_staff_id: StaffId
    staff_id: StaffId
    unit_id: UnitId
    handover_id: HandoverId


class LeadVoided(LeadEvent):
    """The lead was none: what it earned is taken back."""

    type: ClassVar[str] = "kos.lead.voided.v1"
    reason: str
    staff_id: StaffId | None
    unit_id: UnitId | None
    account_id: AccountId | None
    post_id: PostId | None
    campaign_id: CampaignId | None


class ContactEvent(Event):
    topic: ClassVar[str] = "kos.contact"
    subject_prefix: ClassVar[str] = "contact"
    contact_id: ContactId

    @property
    def key(self) -> UUID:
        return self.contact_id


class ContactMerged(ContactEvent):
    """`merged_contact_id` turned out to be the same person; this contact stays."""

    type: ClassVar[str] = "kos.contact.merged.v1"
    merged_contact_id: ContactId


class ContactStageChanged(ContactEvent):
    """The contact stands at `stage` of the journey."""

    type: ClassVar[str] = "kos.contact.stage_changed.v1"
    from_stage: Stage
    stage: Stage
    changed_by: str


class ContactHandedOver(ContactEvent):
    """Somebody left, and the contact belongs to another seller."""

    type: ClassVar[str] = "kos.contact.handed_over.v1"
    from_staff_id: StaffId
    staff_id: StaffId
    handover_id: HandoverId


class ContactTransferred(ContactEvent):
    """A transfer of the contact has reached `step`, or was dropped there.

    `staff_id` is the seller whose transfer it was at that time.
    """

    type: ClassVar[str] = "kos.contact.transferred.v1"
    transfer_id: TransferId
    attempt: int
    """How many transfers the contact has had, this one included."""
    staff_id: StaffId
    unit_id: UnitId
    account_id: AccountId
    """The public account that the contact comes from."""
    means: LeadInMeans
    step: TransferStep
    dropped_reason: TransferDropReason | None
    at: datetime


class ContactErased(ContactEvent):
    """The person's data is gone: its keys are destroyed."""

    type: ClassVar[str] = "kos.contact.erased.v1"


class LeadHandoverEvent(Event):
    topic: ClassVar[str] = "kos.lead_handover"
    subject_prefix: ClassVar[str] = "leadhandover"  # the handover itself is account_svc's
    handover_id: HandoverId
    leads: int
    contacts: int

    @property
    def key(self) -> UUID:
        return self.handover_id


class LeadHandoverFinished(LeadHandoverEvent):
    """Nobody who left in this handover owns an open lead or a contact any more."""

    type: ClassVar[str] = "kos.lead_handover.finished.v1"


class LeadHandoverCancelled(LeadHandoverEvent):
    """No more leads and contacts are handed on than these, which were before it was cancelled."""

    type: ClassVar[str] = "kos.lead_handover.cancelled.v1"


LARGEST_DEAL = 10**15
"""In minor units: what no sale reaches, and every consumer's column holds."""


class DealEvent(Event):
    topic: ClassVar[str] = "kos.deal"
    subject_prefix: ClassVar[str] = "deal"
    deal_id: DealId
    lead_id: LeadId
    contact_id: ContactId
    staff_id: StaffId
    unit_id: UnitId
    account_id: AccountId | None
    post_id: PostId | None
    campaign_id: CampaignId | None
    amount_minor: int
    currency: str

    @property
    def key(self) -> UUID:
        return self.deal_id


class DealWon(DealEvent):
    """The contact bought. `amount_minor` is in minor units (fen)."""

    type: ClassVar[str] = "kos.deal.won.v1"
    closed_at: datetime


class DealVoided(DealEvent):
    """The deal came to nothing: credit and reward for it are taken back."""

    type: ClassVar[str] = "kos.deal.voided.v1"
    reason: str


class CommunityEvent(Event):
    topic: ClassVar[str] = "kos.community"
    subject_prefix: ClassVar[str] = "comm"
    community_id: CommunityId

    @property
    def key(self) -> UUID:
        return self.community_id


class CommunityRegistered(CommunityEvent):
    """The unit has this community on the platform, and these look after it. What it is called, here
    and there, does not travel."""

    type: ClassVar[str] = "kos.community.registered.v1"
    unit_id: UnitId
    platform: Platform
    account_id: AccountId | None
    """The account that it lives on."""
    host_staff_id: StaffId
    deputy_staff_id: StaffId | None


class CommunityChanged(CommunityRegistered):
    """This is true of the community from now on, and what it is called may be new."""

    type: ClassVar[str] = "kos.community.changed.v1"


class CommunityClosed(CommunityEvent):
    """Nothing happens in the community after `closed_at`."""

    type: ClassVar[str] = "kos.community.closed.v1"
    closed_at: datetime


class CommunityActivityRecorded(CommunityEvent):
    """Something happened in the community by the doing of `staff_id`, who was of `unit_id` then;
    no member is named."""

    type: ClassVar[str] = "kos.community.activity_recorded.v1"
    activity_id: CommunityActivityId
    kind: CommunityActivityKind
    staff_id: StaffId
    unit_id: UnitId
    done_as: CommunityRole
    recorded_by: StaffId | None
    """Who recorded it; None: nobody of the staff, but a system or the head office."""
    has_external_id: bool
    """Whether its cause is known by an id of the sender's, which no other activity of the community
    has."""
    at: datetime


class CommunityActivityVoided(CommunityEvent):
    """The activity was none: what it earned is taken back."""

    type: ClassVar[str] = "kos.community.activity_voided.v1"
    activity_id: CommunityActivityId
    kind: CommunityActivityKind
    staff_id: StaffId
    unit_id: UnitId
