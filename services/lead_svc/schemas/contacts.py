"""Bodies about contacts and deals."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lead_svc.models import DealStatus
from lead_svc.schemas import Reason, Text
from shared.events.lead import LARGEST_DEAL, Stage
from shared.ids import (
    AccountId,
    CampaignId,
    ContactId,
    DealId,
    LeadId,
    PostId,
    StaffId,
    TouchpointId,
    UnitId,
)
from shared.instants import Instant


class ContactOut(BaseModel):
    """A person; masked for callers without the right to personal data."""

    id: ContactId
    name: str | None
    phone: str | None
    wechat: str | None
    email: str | None
    city: str | None
    stage: Stage
    owner_staff_id: StaffId | None
    lead_count: int
    created_at: datetime
    version: int


class ContactsOut(BaseModel):
    items: list[ContactOut]
    missing: list[ContactId]


class FoundOut(BaseModel):
    items: list[ContactOut]


class FindIn(BaseModel):
    """A telephone number in any spelling; Chinese unless it says otherwise."""

    phone: Text


class MoveStageIn(BaseModel):
    stage: Stage


class TouchpointOut(BaseModel):
    id: TouchpointId
    lead_id: LeadId
    source: str
    post_id: PostId | None
    account_id: AccountId | None
    campaign_id: CampaignId | None
    unit_id: UnitId | None
    keyword: str | None
    channel_code: str | None
    at: datetime


class TouchpointsOut(BaseModel):
    items: list[TouchpointOut]


Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class WinIn(BaseModel):
    """`amount_minor` is in minor units of `currency` (fen)."""

    lead_id: LeadId
    amount_minor: Annotated[int, Field(gt=0, le=LARGEST_DEAL)]
    currency: Currency = "CNY"
    closed_at: Instant | None = None
    """When the sale was made; now when absent."""


class VoidDealIn(BaseModel):
    reason: Reason


class DealOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: DealId
    lead_id: LeadId
    contact_id: ContactId
    staff_id: StaffId
    unit_id: UnitId
    account_id: AccountId | None
    post_id: PostId | None
    campaign_id: CampaignId | None
    amount_minor: int
    currency: str
    status: DealStatus
    closed_at: datetime
    void_reason: str | None
    version: int


class DealsOut(BaseModel):
    items: list[DealOut]
    missing: list[DealId]


class DealsOfLead(BaseModel):
    lead_id: LeadId
    total: int
    deals: list[DealOut]


class DealsByLeads(BaseModel):
    items: list[DealsOfLead]
