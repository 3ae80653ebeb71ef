"""Bodies about transfers."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from lead_svc.models import TransferStage, TransferStatus
from lead_svc.models.transfer import BY_THE_SYSTEM
from lead_svc.schemas import Reason, Text
from lead_svc.schemas.leads import ConsentIn
from shared.events.lead import LeadInMeans, TransferDropReason, TransferStep
from shared.ids import AccountId, ContactId, StaffId, TransferId, UnitId


def _by_a_person(reason: TransferDropReason) -> TransferDropReason:
    if reason in BY_THE_SYSTEM:
        raise ValueError("this reason is found by the system and not given")
    return reason


class OpenTransferIn(BaseModel):
    """`account_id` is the public account that the contact comes from, one of their owner's."""

    contact_id: ContactId
    account_id: AccountId
    means: LeadInMeans
    consent: ConsentIn
    channel: Text | None = None
    """The channel tag (`state`) of the code or link."""
    due_at: AwareDatetime | None = None
    """When stage 1 has run out; in seven days when absent."""


class OpenSecondStageIn(BaseModel):
    consent: ConsentIn
    channel: Text | None = None
    due_at: AwareDatetime | None = None
    """When stage 2 has run out; in thirty days when absent."""


class CompleteStageIn(BaseModel):
    stage: TransferStage


class DropTransferIn(BaseModel):
    reason: Annotated[TransferDropReason, AfterValidator(_by_a_person)]
    note: Reason | None = None


class ConsentOut(BaseModel):
    purpose: str
    notice_version: str
    at: datetime


class TransferStepOut(BaseModel):
    """A step that was reached, or the drop."""

    number: int
    step: TransferStep
    dropped_reason: TransferDropReason | None
    staff_id: StaffId
    """The seller whose transfer it was then."""
    taken_by: str
    taken_at: datetime
    due_at: datetime | None
    channel: str | None
    consent: ConsentOut | None


class TransferOut(BaseModel):
    """`step` is the last step reached; of a dropped transfer, where it was lost."""

    model_config = ConfigDict(from_attributes=True)

    id: TransferId
    contact_id: ContactId
    staff_id: StaffId
    unit_id: UnitId
    account_id: AccountId
    private_account_id: AccountId
    attempt: int
    means: LeadInMeans
    status: TransferStatus
    step: TransferStep
    due_at: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    dropped_reason: TransferDropReason | None
    note: str | None
    steps: list[TransferStepOut]


class TransfersOut(BaseModel):
    items: list[TransferOut]
    missing: list[TransferId]
