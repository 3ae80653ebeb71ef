"""Enumerations of leads: the words of lead_svc."""

from enum import StrEnum

import strawberry


@strawberry.enum
class LeadStatus(StrEnum):
    CAPTURED = "captured"
    QUALIFIED = "qualified"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    POOLED = "pooled"
    VOIDED = "voided"


@strawberry.enum
class OfferStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@strawberry.enum
class RoutingOutcome(StrEnum):
    OFFERED = "offered"
    POOLED = "pooled"


@strawberry.enum
class RoutingStep(StrEnum):
    AUTHOR = "author"
    STORE = "store"
    REGION = "region"
    BRAND = "brand"


@strawberry.enum
class DealStatus(StrEnum):
    WON = "won"
    VOIDED = "voided"


@strawberry.enum
class TransferStatus(StrEnum):
    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


@strawberry.enum(description="The part of a transfer that is to be completed.")
class TransferStage(StrEnum):
    STAGE_1 = "stage_1"
    STAGE_2 = "stage_2"


@strawberry.enum(description="In this order; none is left out.")
class TransferStep(StrEnum):
    STAGE_1_OPEN = "stage_1_open"
    STAGE_1_DONE = "stage_1_done"
    STAGE_2_OPEN = "stage_2_open"
    STAGE_2_DONE = "stage_2_done"


@strawberry.enum(description="The last three are found by the system and cannot be given.")
class TransferDropReason(StrEnum):
    CUSTOMER_DECLINED = "customer_declined"
    CUSTOMER_SILENT = "customer_silent"
    CUSTOMER_LEFT = "customer_left"
    WRONG_PERSON = "wrong_person"
    OPENED_BY_MISTAKE = "opened_by_mistake"
    TIMED_OUT = "timed_out"
    OWNER_CHANGED = "owner_changed"
    MERGED = "merged"


@strawberry.enum(description="How a customer comes from a public account to the private one.")
class LeadInMeans(StrEnum):
    CONTACT_WAY = "contact_way"
    ACQUISITION_LINK = "acquisition_link"
    CONTACT_CARD = "contact_card"
    LEAD_FORM = "lead_form"
    WECOM_CARD = "wecom_card"
    WECOM_SERVICE = "wecom_service"
    STORE_VISIT = "store_visit"
    CUSTOMER_REQUEST = "customer_request"


@strawberry.enum
class CommunityStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@strawberry.enum(description="What somebody of the brand does in a community.")
class CommunityActivityKind(StrEnum):
    TOPIC_POSTED = "topic_posted"
    QUESTION_ANSWERED = "question_answered"
    UGC_POSTED = "ugc_posted"
    FIXED_SLOT_HELD = "fixed_slot_held"
    EVENT_HELD = "event_held"
    FIRST_ORDER = "first_order"
    REPEAT_ORDER = "repeat_order"


@strawberry.enum
class CommunityActivityStatus(StrEnum):
    RECORDED = "recorded"
    VOIDED = "voided"


@strawberry.enum(description="As whom somebody of the brand does something in a community.")
class CommunityRole(StrEnum):
    HOST = "host"
    DEPUTY = "deputy"
    STAFF = "staff"


@strawberry.enum
class ReceiptStatus(StrEnum):
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REPLAYED = "replayed"


@strawberry.enum
class EndpointStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


@strawberry.enum
class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
