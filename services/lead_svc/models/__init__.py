"""The tables of lead_svc, and the rules that need one row only."""

from lead_svc.models.base import Base
from lead_svc.models.community import (
    ActivityStatus,
    Community,
    CommunityActivity,
    CommunityStatus,
)
from lead_svc.models.contact import Contact, ContactIdentity, ContactMerge, StageChange, Touchpoint
from lead_svc.models.deal import Deal, DealStatus
from lead_svc.models.directory import (
    CampaignEntry,
    OrgUnit,
    PostEntry,
    Seller,
    SellerAccount,
    SellerPair,
    SellerRight,
)
from lead_svc.models.handover import LeadHandover
from lead_svc.models.intake import Connection, ConnectionStatus, Receipt, ReceiptStatus
from lead_svc.models.lead import Lead, LeadStatus
from lead_svc.models.offer import Decision, Offer, OfferStatus, RoutingPolicy
from lead_svc.models.transfer import (
    Transfer,
    TransferStage,
    TransferStatus,
    TransferStepTaken,
)
from lead_svc.models.webhook import (
    DeliveryStatus,
    EndpointStatus,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "ActivityStatus",
    "Base",
    "CampaignEntry",
    "Community",
    "CommunityActivity",
    "CommunityStatus",
    "Connection",
    "ConnectionStatus",
    "Contact",
    "ContactIdentity",
    "ContactMerge",
    "Deal",
    "DealStatus",
    "Decision",
    "DeliveryStatus",
    "EndpointStatus",
    "Lead",
    "LeadHandover",
    "LeadStatus",
    "Offer",
    "OfferStatus",
    "OrgUnit",
    "PostEntry",
    "Receipt",
    "ReceiptStatus",
    "RoutingPolicy",
    "Seller",
    "SellerAccount",
    "SellerPair",
    "SellerRight",
    "StageChange",
    "Touchpoint",
    "Transfer",
    "TransferStage",
    "TransferStatus",
    "TransferStepTaken",
    "WebhookDelivery",
    "WebhookEndpoint",
]
