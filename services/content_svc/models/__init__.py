"""The tables of content_svc and the rules that need only one row."""

from content_svc.models.authorizations import Authorization, AuthorizationStatus
from content_svc.models.base import Base
from content_svc.models.campaigns import (
    Campaign,
    CampaignPlace,
    CampaignStatus,
    Draft,
    DraftStatus,
)
from content_svc.models.customers import (
    ContentHandover,
    CustomerBook,
    CustomerMove,
    MoveStatus,
    MovingCustomer,
    MovingKind,
)
from content_svc.models.directory import AccountEntry, StaffEntry, StaffRight, UnitEntry
from content_svc.models.library import Asset, AssetKind, ContentPolicy, SlotKind, Template
from content_svc.models.posts import (
    OPEN,
    DealOutcome,
    LeadOutcome,
    Post,
    PostMetric,
    PostStatus,
)

__all__ = [
    "OPEN",
    "AccountEntry",
    "Asset",
    "AssetKind",
    "Authorization",
    "AuthorizationStatus",
    "Base",
    "Campaign",
    "CampaignPlace",
    "CampaignStatus",
    "ContentHandover",
    "ContentPolicy",
    "CustomerBook",
    "CustomerMove",
    "DealOutcome",
    "Draft",
    "DraftStatus",
    "LeadOutcome",
    "MoveStatus",
    "MovingCustomer",
    "MovingKind",
    "Post",
    "PostMetric",
    "PostStatus",
    "SlotKind",
    "StaffEntry",
    "StaffRight",
    "Template",
    "UnitEntry",
]
