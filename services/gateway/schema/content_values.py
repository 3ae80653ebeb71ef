"""Enumerations of content: the words of content_svc."""

from enum import StrEnum

import strawberry


@strawberry.enum
class AssetKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"


@strawberry.enum
class AuthorizationStatus(StrEnum):
    ACTIVE = "active"
    NEEDS_REAUTHORIZATION = "needs_reauthorization"


@strawberry.enum
class SlotKind(StrEnum):
    TEXT = "text"
    CITY = "city"
    STORE = "store"
    SELLER = "seller"
    PRICE = "price"
    CHOICE = "choice"


@strawberry.enum
class CampaignStatus(StrEnum):
    DRAFT = "draft"
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"


@strawberry.enum
class DraftStatus(StrEnum):
    HELD = "held"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


@strawberry.enum
class PostStatus(StrEnum):
    SCHEDULED = "scheduled"
    DISPATCHING = "dispatching"
    HANDED_OFF = "handed_off"
    PUBLISHED = "published"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@strawberry.enum
class ConversionKey(StrEnum):
    PLATFORM = "platform"
    TEMPLATE = "template"
    CAMPAIGN = "campaign"
    ACCOUNT = "account"
