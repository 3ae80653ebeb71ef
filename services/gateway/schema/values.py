"""Enumerations of the graph: the services' words; the events that carry them define most."""

from enum import StrEnum

import strawberry

from shared.access import Role
from shared.events.account import (
    AccountStatus,
    HandoverStatus,
    HealthLevel,
    Ownership,
    Platform,
    PlatformStatus,
    Right,
    UnitKind,
)
from shared.events.content import CampaignMode, Verdict
from shared.events.lead import Stage

for shared_enum in (
    Role,
    AccountStatus,
    HandoverStatus,
    HealthLevel,
    Ownership,
    Platform,
    PlatformStatus,
    Right,
    UnitKind,
    CampaignMode,
    Verdict,
    Stage,
):
    strawberry.enum(shared_enum)


@strawberry.enum
class Domain(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"


@strawberry.enum
class Seat(StrEnum):
    BRAND = "brand"
    BUSINESS = "business"
    REGION_STORE = "region_store"
    STORE = "store"
    DEALER = "dealer"
    HQ_STAFF = "hq_staff"
    KOS = "kos"
    KOC = "koc"
    KOL = "kol"


@strawberry.enum
class StaffStatus(StrEnum):
    ACTIVE = "active"
    ABSENT = "absent"
    DEPARTED = "departed"


@strawberry.enum
class PersonaKind(StrEnum):
    SHOPPING_ASSISTANT = "shopping_assistant"
    TOPIC_EXPERT = "topic_expert"
    PRIVATE_PARTNER = "private_partner"


@strawberry.enum
class IncentiveTrigger(StrEnum):
    LEAD_ACCEPTED = "lead_accepted"
    DEAL_WON = "deal_won"
    POST_PUBLISHED = "post_published"
    POST_QUALITY = "post_quality"
    TRANSFER_STAGE_1 = "transfer_stage_1"
    TRANSFER_STAGE_2 = "transfer_stage_2"
    COMMUNITY_ACTIVITY = "community_activity"


@strawberry.enum
class Metric(StrEnum):
    POSTS_PUBLISHED = "posts_published"
    LEADS_ACCEPTED = "leads_accepted"
    DEALS_WON = "deals_won"
    DEAL_VALUE = "deal_value"


@strawberry.enum
class AuthorClass(StrEnum):
    BRAND = "brand"
    KOS = "kos"
    KOL = "kol"
    PARTNER = "partner"
    KOC = "koc"
    UNPROVEN = "unproven"


@strawberry.enum
class RelationKind(StrEnum):
    BOUGHT = "bought"
    POSTED_UNPAID = "posted_unpaid"
    PARTNERED = "partnered"
    PAID = "paid"
    HIRED = "hired"
    PAID_UNTIL = "paid_until"
    HIRED_UNTIL = "hired_until"


@strawberry.enum
class Tier(StrEnum):
    TOP = "top"
    MIDDLE = "middle"
    TAIL = "tail"


@strawberry.enum
class LiftStatus(StrEnum):
    ASSIGNED = "assigned"
    DONE = "done"
    REOPENED = "reopened"
    CLOSED = "closed"


@strawberry.enum
class ForecastMethod(StrEnum):
    DAMPED_HOLT = "damped_holt"
    MEAN_RATE = "mean_rate"
    FINAL = "final"


@strawberry.enum
class SuspicionKind(StrEnum):
    SELF_MADE = "self_made"
    BURST = "burst"
    REPEATED_CONTACT = "repeated_contact"
    CROSS_DEAL = "cross_deal"


@strawberry.enum
class Ruling(StrEnum):
    CLEARED = "cleared"
    TAKEN_BACK = "taken_back"


@strawberry.enum
class ReviewOutcome(StrEnum):
    CLEARED = "cleared"
    TAKEN_BACK = "taken_back"
    RESTORED = "restored"


@strawberry.enum
class AppealOutcome(StrEnum):
    GRANTED = "granted"
    REFUSED = "refused"


@strawberry.enum
class AppealStatus(StrEnum):
    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"


@strawberry.enum
class RankedBy(StrEnum):
    POINTS = "points"
    POINTS_PER_SELLER = "points_per_seller"
    PROGRESS = "progress"


@strawberry.enum
class DriftField(StrEnum):
    NAME = "name"
    PICTURE = "picture"
    BIO = "bio"
    STORE = "store"
    TONE = "tone"
    TABOO_WORDS = "taboo_words"
    INTERESTS = "interests"


@strawberry.enum
class DriftState(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@strawberry.enum
class PolicyFact(StrEnum):
    SEATS_PER_ORGANISATION = "seats_per_organisation"
    SEATS_PER_STORE = "seats_per_store"
    POSTS_PER_DAY = "posts_per_day"
    POST_GAP_MINUTES = "post_gap_minutes"
    TEXT_LENGTH = "text_length"
    LEAD_IN_MEANS = "lead_in_means"
    TRANSFERS_PER_CALL = "transfers_per_call"
    TRANSFERS_PER_CUSTOMER = "transfers_per_customer"
    TRANSFER_WINDOW_DAYS = "transfer_window_days"
    TRANSFER_DELAY_HOURS = "transfer_delay_hours"
    COMMUNITIES_PER_CALL = "communities_per_call"
    COMMUNITIES_PER_DAY = "communities_per_day"
    TRANSFERS_PER_COMMUNITY = "transfers_per_community"
    COMMUNITY_WINDOW_DAYS = "community_window_days"


@strawberry.enum
class PolicyOrigin(StrEnum):
    PLATFORM = "platform"
    BRAND = "brand"


@strawberry.enum
class Skill(StrEnum):
    TOOLS = "tools"
    CONTENT = "content"
    PRODUCT_KNOWLEDGE = "product_knowledge"
    SELLING_SENSE = "selling_sense"
    SOCIAL_MEDIA = "social_media"
    WHOLE_JOURNEY_SERVICE = "whole_journey_service"


@strawberry.enum
class WantedOrigin(StrEnum):
    DEFAULT = "default"
    BRAND = "brand"


@strawberry.enum
class MissingCause(StrEnum):
    NEVER_EARNED = "never_earned"
    EXPIRED = "expired"


@strawberry.enum
class FitCondition(StrEnum):
    WIDE_MARKET = "wide_market"
    FIERCE_RIVALRY = "fierce_rivalry"
    MANY_OUTLETS = "many_outlets"
    ACTIVE_AUDIENCE = "active_audience"
    LASTING_BUDGET = "lasting_budget"
    LONG_DECISION = "long_decision"


@strawberry.enum
class FitLevel(StrEnum):
    MET = "met"
    PARTLY = "partly"
    UNMET = "unmet"


@strawberry.enum
class FitVerdict(StrEnum):
    GO = "go"
    NO_GO = "no_go"


@strawberry.enum
class SeatState(StrEnum):
    FILLED = "filled"
    MISSING = "missing"
    DOUBLED = "doubled"
    ORPHANED = "orphaned"
    UNPLANNED = "unplanned"


@strawberry.enum
class SeatCause(StrEnum):
    MORE_THAN_WANTED = "more_than_wanted"
    SAME_PERSON = "same_person"
    PERSON_DEPARTED = "person_departed"
    PERSON_ELSEWHERE = "person_elsewhere"
    NOT_A_SELLER = "not_a_seller"
    NOBODY = "nobody"
    UNIT_DOES_NOT_FIT = "unit_does_not_fit"
    NO_SUCH_SEAT = "no_such_seat"


@strawberry.enum
class CandidatePlace(StrEnum):
    HERE = "here"
    BELOW = "below"
    NEARBY = "nearby"


@strawberry.enum
class OffRosterStatus(StrEnum):
    REPORTED = "reported"
    ADOPTED = "adopted"
    REJECTED = "rejected"
