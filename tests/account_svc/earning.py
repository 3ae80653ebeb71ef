"""Facts that earn, as other services tell them, and what the ledger and the race then say."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from account_svc.use_cases.race import fold_standings
from shared.database import Sessions
from shared.envelope import Envelope, of_headers
from shared.events import Event
from shared.events.lead import (
    CommunityActivityKind,
    CommunityActivityRecorded,
    CommunityActivityVoided,
    CommunityRole,
    LeadAccepted,
    LeadVoided,
)
from shared.ids import uuid7
from shared.inbox import Inbox
from shared.outbox import row as outbox_row
from tests.account_svc.making import Api
from tests.caller import Json, uuid_of

AT = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
RULE = {"trigger": "lead_accepted", "amount": 10, "currency": "points"}


async def make_rule(api: Api, **overrides: Any) -> Json:
    return await api.post(
        "/incentive-rules",
        {"valid_from": (AT - timedelta(days=365)).isoformat(), **RULE, **overrides},
    )


def accepted(
    seller: Json,
    lead_id: UUID | None = None,
    at: datetime = AT,
    *,
    grade: str | None = None,
    score: int | None = None,
    contact_id: UUID | None = None,
    entered_by: Json | None = None,
) -> LeadAccepted:
    return LeadAccepted(
        lead_id=lead_id or uuid7(),
        offer_id=uuid7(),
        contact_id=contact_id or uuid7(),
        staff_id=uuid_of(seller["id"]),
        unit_id=uuid_of(seller["unit_id"]),
        account_id=None,
        post_id=None,
        campaign_id=None,
        accepted_at=at,
        score=score,
        grade=grade,
        entered_by=entered_by and uuid_of(entered_by["id"]),
    )


def lead_voided(lead_id: UUID) -> LeadVoided:
    return LeadVoided(
        lead_id=lead_id,
        reason="spam",
        staff_id=None,
        unit_id=None,
        account_id=None,
        post_id=None,
        campaign_id=None,
    )


def deal(
    seller: Json, deal_id: UUID, *, amount_minor: int = 1_999_900, lead_id: UUID | None = None
) -> dict[str, Any]:
    return {
        "deal_id": deal_id,
        "lead_id": lead_id or uuid7(),
        "contact_id": uuid7(),
        "staff_id": uuid_of(seller["id"]),
        "unit_id": uuid_of(seller["unit_id"]),
        "account_id": None,
        "post_id": None,
        "campaign_id": None,
        "amount_minor": amount_minor,
        "currency": "CNY",
    }


def activity_of(
    seller: Json, *, community_id: UUID | None = None, **overrides: Any
) -> CommunityActivityRecorded:
    facts: dict[str, Any] = {
        "community_id": community_id or uuid7(),
        "activity_id": uuid7(),
        "kind": CommunityActivityKind.QUESTION_ANSWERED,
        "staff_id": uuid_of(seller["id"]),
        "unit_id": uuid_of(seller["unit_id"]),
        "done_as": CommunityRole.HOST,
        "recorded_by": None,
        "has_external_id": False,
        "at": AT,
    }
    return CommunityActivityRecorded(**facts | overrides)


def activity_voided(activity: CommunityActivityRecorded) -> CommunityActivityVoided:
    names = ("community_id", "activity_id", "kind", "staff_id", "unit_id")
    return CommunityActivityVoided(**{name: getattr(activity, name) for name in names})


def envelope(brand_id: UUID, event: Event, version: int = 1) -> Envelope:
    sent = outbox_row(brand_id, event, version)
    return of_headers(sent["headers"], key=sent["key"], topic=sent["topic"], payload=event.data())


async def deliver(api: Api, inbox: Inbox, *events: Event, first_version: int = 1) -> list[Envelope]:
    """Each event twice, as one aggregate's next version."""
    versions: dict[str, int] = {}
    sent = []
    for event in events:
        versions[event.subject] = versions.get(event.subject, first_version - 1) + 1
        sent.append(envelope(api.brand_id, event, versions[event.subject]))
    for one in sent:
        await inbox.take([one])
        await inbox.take([one])
    return sent


async def ledger(api: Api) -> list[Json]:
    """Oldest first."""
    items: list[Json] = (await api.get("/ledger"))["items"]
    return items[::-1]


async def race(api: Api, sessions: Sessions, period: str = "2026-11") -> list[Json]:
    await fold_standings(sessions)
    items: list[Json] = (await api.get("/race", period=period))["items"]
    return items
