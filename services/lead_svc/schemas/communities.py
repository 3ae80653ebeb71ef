"""Bodies about communities and what is done in them."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from lead_svc.models import ActivityStatus, CommunityStatus
from lead_svc.schemas import Reason, Text
from shared.events.account import Platform
from shared.events.lead import CommunityActivityKind, CommunityRole
from shared.ids import AccountId, CommunityActivityId, CommunityId, StaffId, UnitId
from shared.instants import Instant


class ChangeCommunityIn(BaseModel):
    """How the community is from now on; what is left out it has not."""

    name: Text
    account_id: AccountId | None = None
    """The account that it lives on."""
    host_staff_id: StaffId
    """Somebody of its unit or below."""
    deputy_staff_id: StaffId | None = None


class RegisterCommunityIn(ChangeCommunityIn):
    unit_id: UnitId
    platform: Platform
    platform_group_id: Text
    """What the platform calls the group, as WeCom's chat id; a brand has each once."""


class CommunityOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: CommunityId
    unit_id: UnitId
    name: str
    platform: Platform
    platform_group_id: str
    account_id: AccountId | None
    host_staff_id: StaffId
    deputy_staff_id: StaffId | None
    status: CommunityStatus
    registered_at: datetime
    closed_at: datetime | None


class CommunitiesOut(BaseModel):
    items: list[CommunityOut]
    missing: list[CommunityId]


class RecordActivityIn(BaseModel):
    """`staff_id` is needed only from who answers for others; sellers record what they did
    themselves."""

    community_id: CommunityId
    kind: CommunityActivityKind
    staff_id: StaffId | None = None
    at: Instant | None = None
    """When it was done; now when absent."""
    external_id: Text | None = None
    """The sender's own id of the cause: told again it is the same activity."""


class VoidActivityIn(BaseModel):
    reason: Reason


class ActivityOut(BaseModel):
    """`unit_id` is the person's, when it was recorded."""

    model_config = ConfigDict(from_attributes=True)

    id: CommunityActivityId
    community_id: CommunityId
    kind: CommunityActivityKind
    staff_id: StaffId
    unit_id: UnitId
    done_as: CommunityRole
    external_id: str | None
    at: datetime
    recorded_by_staff_id: StaffId | None
    """None: recorded by a system or the head office."""
    recorded_at: datetime
    status: ActivityStatus
    void_reason: str | None


class ActivitiesOut(BaseModel):
    items: list[ActivityOut]
    missing: list[CommunityActivityId]
