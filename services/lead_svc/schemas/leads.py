"""Bodies about leads, offers and decisions."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lead_svc.models import LeadStatus, OfferStatus
from lead_svc.routing import Outcome, Rejection, Step, TieBreak
from lead_svc.schemas import Reason, Text
from shared.ids import (
    AccountId,
    CampaignId,
    ConnectionId,
    ContactId,
    DecisionId,
    LeadId,
    OfferId,
    PostId,
    StaffId,
    UnitId,
)
from shared.instants import Instant


class ScoreReason(BaseModel):
    rule: str
    points: int
    because: str


class LeadOut(BaseModel):
    """One expression of interest; `staff_id` and `unit_id` say who has it now."""

    model_config = ConfigDict(from_attributes=True)

    id: LeadId
    status: LeadStatus
    source: str
    connection_id: ConnectionId
    source_lead_id: str
    contact_id: ContactId | None
    submitted_at: datetime
    captured_at: datetime
    city: str | None
    product: str | None
    score: int | None
    grade: str | None
    score_reasons: list[ScoreReason]
    post_id: PostId | None
    account_id: AccountId | None
    campaign_id: CampaignId | None
    unit_id: UnitId | None
    staff_id: StaffId | None
    keyword: str | None
    channel_code: str | None
    offer_id: OfferId | None
    version: int


class LeadsOut(BaseModel):
    items: list[LeadOut]
    missing: list[LeadId]


class LeadsOfPost(BaseModel):
    post_id: PostId
    total: int
    leads: list[LeadOut]


class LeadsOfContact(BaseModel):
    contact_id: ContactId
    total: int
    leads: list[LeadOut]


class LeadsByPosts(BaseModel):
    items: list[LeadsOfPost]


class LeadsByContacts(BaseModel):
    items: list[LeadsOfContact]


class ConsentIn(BaseModel):
    purpose: Text
    notice_version: Text
    at: Instant


class CaptureIn(BaseModel):
    """A lead taken by hand or by another system; the same fields as the generic hook.

    `lead_id` is the sender's own id: the same id again tells more of the same lead.
    """

    model_config = ConfigDict(extra="allow")

    lead_id: Text | None = None
    name: Text | None = None
    phone: Text | None = None
    wechat: Text | None = None
    email: Text | None = None
    city: Text | None = None
    product: Text | None = None
    note: Annotated[str, Field(max_length=10_000)] | None = None
    store_code: Text | None = None
    account_handle: Text | None = None
    post_url: Annotated[str, Field(max_length=2_000)] | None = None
    campaign: Text | None = None
    keyword: Text | None = None
    channel_code: Text | None = None
    consent: ConsentIn | None = None
    submitted_at: Instant | None = None


class AcceptIn(BaseModel):
    """`staff_id` is needed only from who answers for a seller, such as their manager."""

    staff_id: StaffId | None = None


class DeclineIn(AcceptIn):
    reason: Reason


class VoidIn(BaseModel):
    reason: Reason


class OfferOut(BaseModel):
    id: OfferId
    lead_id: LeadId
    staff_id: StaffId
    unit_id: UnitId
    status: OfferStatus
    attempt: int
    offered_at: datetime
    expires_at: datetime
    answered_at: datetime | None
    decision_id: DecisionId


class OffersOut(BaseModel):
    items: list[OfferOut]
    missing: list[OfferId]


class CandidateOut(BaseModel):
    staff_id: StaffId
    unit_id: UnitId
    step: Step
    is_chosen: bool
    rejected_because: Rejection | None


class ExplanationOut(BaseModel):
    kos: str
    manager: str
    auditor: str


class DecisionOut(BaseModel):
    """One run of the router; `inputs` is everything it saw, as it is replayed, with plain UUIDs.

    `uncounted` sellers were found beyond the candidates listed.
    """

    id: DecisionId
    lead_id: LeadId
    offer_id: OfferId | None
    policy_version: int
    decided_at: datetime
    outcome: Outcome
    staff_id: StaffId | None
    inputs: dict[str, Any]
    candidates: list[CandidateOut]
    uncounted: int
    tie_break: TieBreak | None
    explanation: ExplanationOut


class DecisionsOut(BaseModel):
    items: list[DecisionOut]
