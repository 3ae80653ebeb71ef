"""Enumerations of how accounts stand and of what is handed over: the services' words."""

from enum import StrEnum

import strawberry


@strawberry.enum
class HandoverItemKind(StrEnum):
    ACCOUNT = "account"
    CUSTOMER = "customer"
    COMMUNITY = "community"
    LEADS = "leads"
    CONTACTS = "contacts"
    DRAFTS = "drafts"


@strawberry.enum
class HandoverItemStatus(StrEnum):
    PLANNED = "planned"
    ASKED = "asked"
    MOVING = "moving"
    NEEDS_TAKER = "needs_taker"
    NEEDS_OWNERSHIP = "needs_ownership"
    FAILED = "failed"
    DONE = "done"
    GONE = "gone"
    CANCELLED = "cancelled"


@strawberry.enum
class HealthCause(StrEnum):
    TOKEN_MISSING = "token_missing"  # noqa: S105 - words for what is wrong with a token
    TOKEN_ENDED = "token_ended"  # noqa: S105
    TOKEN_ENDS_SOON = "token_ends_soon"  # noqa: S105
    SILENT = "silent"
    UNANSWERED = "unanswered"
    STATUS_EXPIRED = "status_expired"
    STATUS_ENDS_SOON = "status_ends_soon"
    DRAFTS_HELD = "drafts_held"
    POSTS_REFUSED = "posts_refused"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"
    SET_BACK = "set_back"
    OFF_BRAND = "off_brand"
    FOLLOWERS_FELL = "followers_fell"
    FOLLOWERS_JUMPED = "followers_jumped"


@strawberry.enum
class StatusState(StrEnum):
    HELD = "held"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
