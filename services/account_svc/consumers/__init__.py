"""Facts of other services that account_svc acts on: they count as results, fill the ledger, class
posts by their authors and tell of health."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.consumers import handovers
from account_svc.models import FactKind, Origin, Trigger
from account_svc.repository.advocates import find_author
from account_svc.use_cases import advocates, goals, health, incentives
from shared.consumer import Handler
from shared.events import Event, Received
from shared.events.content import (
    AuthorizationEnded,
    AuthorizationGranted,
    AuthorizationRenewed,
    DraftHeld,
    PostFailed,
    PostMeasured,
    PostPublished,
)
from shared.events.lead import (
    LARGEST_DEAL,
    CommunityActivityRecorded,
    CommunityActivityVoided,
    ContactTransferred,
    DealVoided,
    DealWon,
    LeadAccepted,
    LeadQualified,
    LeadVoided,
    TransferStep,
)
from shared.ids import typed

TOPICS = (
    "kos.lead",
    "kos.deal",
    "kos.contact",
    "kos.community",
    "kos.post",
    "kos.draft",
    "kos.authorization",
    "kos.customers",
    "kos.content_handover",
    "kos.lead_handover",
)

_PAID_STEPS = {
    TransferStep.STAGE_1_DONE: Trigger.TRANSFER_STAGE_1,
    TransferStep.STAGE_2_DONE: Trigger.TRANSFER_STAGE_2,
}

_REFUSED_BY_PLATFORM = frozenset({"platform_review_unfit", "removed_on_platform"})
"""Why a post failed, where that speaks against its account."""
_CLOCKS_APART = timedelta(seconds=1)
_MOST_FOLLOWS = 1_000_000_000
"""Of one post; who imports figures may tell of more than health keeps, and than there are people.
"""


def _when(received: Received[Any], at: datetime) -> datetime:
    """A fact counts as of its instant, but not as of one that was still to come when it was told:
    nobody can know yet by which rule that will be paid."""
    return at if at <= received.occurred_at + _CLOCKS_APART else received.occurred_at


async def on_lead_qualified(session: AsyncSession, received: Received[LeadQualified]) -> None:
    event = received.event
    await _note_lead(session, received, FactKind.LEAD_CAME, event.submitted_at)


async def _note_lead(
    session: AsyncSession,
    received: Received[LeadQualified] | Received[LeadAccepted] | Received[LeadVoided],
    kind: FactKind,
    at: datetime,
) -> None:
    event = received.event
    if event.account_id is not None:
        await health.note(
            session, received.brand_id, event.account_id, kind, subject_id=event.lead_id, at=at
        )


async def on_lead_accepted(session: AsyncSession, received: Received[LeadAccepted]) -> None:
    event = received.event
    await _note_lead(session, received, FactKind.LEAD_TAKEN, event.accepted_at)
    await goals.count(
        session,
        received.brand_id,
        Trigger.LEAD_ACCEPTED,
        event.subject,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        achieved_at=_when(received, event.accepted_at),
    )
    await incentives.reward(
        session,
        received.brand_id,
        Trigger.LEAD_ACCEPTED,
        event.subject,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        earned_at=_when(received, event.accepted_at),
        facts={
            "score": event.score or 0,
            "grade": event.grade or "",
            "from_post": int(event.post_id is not None),
            "from_campaign": int(event.campaign_id is not None),
            "self_entered": int(event.entered_by == event.staff_id),
        },
        origin=Origin(
            lead_id=event.lead_id,
            contact_id=event.contact_id,
            is_self_entered=event.entered_by == event.staff_id,
        ),
    )


async def on_lead_voided(session: AsyncSession, received: Received[LeadVoided]) -> None:
    await _note_lead(session, received, FactKind.LEAD_VOIDED, received.occurred_at)
    await incentives.take_back(
        session,
        received.brand_id,
        Trigger.LEAD_ACCEPTED,
        received.event.subject,
        voided_at=received.occurred_at,
    )


async def on_deal_won(session: AsyncSession, received: Received[DealWon]) -> None:
    event = received.event
    amount_minor = min(max(event.amount_minor, 0), LARGEST_DEAL)
    await goals.count(
        session,
        received.brand_id,
        Trigger.DEAL_WON,
        event.subject,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        achieved_at=_when(received, event.closed_at),
        amount_minor=amount_minor if event.currency == "CNY" else 0,
    )
    await incentives.reward(
        session,
        received.brand_id,
        Trigger.DEAL_WON,
        event.subject,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        earned_at=_when(received, event.closed_at),
        facts={
            "amount": amount_minor,
            "currency": event.currency,
            "from_post": int(event.post_id is not None),
            "from_campaign": int(event.campaign_id is not None),
        },
        origin=Origin(lead_id=event.lead_id, contact_id=event.contact_id),
    )


async def on_deal_voided(session: AsyncSession, received: Received[DealVoided]) -> None:
    await incentives.take_back(
        session,
        received.brand_id,
        Trigger.DEAL_WON,
        received.event.subject,
        voided_at=received.occurred_at,
    )


async def on_contact_transferred(
    session: AsyncSession, received: Received[ContactTransferred]
) -> None:
    """A stage that is done pays once for a contact and a seller, however often they are led there;
    that the transfer is dropped later takes nothing back."""
    event = received.event
    trigger = _PAID_STEPS.get(event.step)
    if trigger is None or event.dropped_reason is not None:
        return
    await incentives.reward(
        session,
        received.brand_id,
        trigger,
        f"{typed('contact', event.contact_id)}/{typed('staff', event.staff_id)}",
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        earned_at=_when(received, event.at),
        facts={"attempt": event.attempt, "means": event.means.value},
        origin=Origin(contact_id=event.contact_id),
    )


async def on_activity_recorded(
    session: AsyncSession, received: Received[CommunityActivityRecorded]
) -> None:
    event = received.event
    cause = typed("activity", event.activity_id)
    is_self_recorded = event.recorded_by == event.staff_id
    await goals.count(
        session,
        received.brand_id,
        Trigger.COMMUNITY_ACTIVITY,
        cause,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        achieved_at=_when(received, event.at),
    )
    await incentives.reward(
        session,
        received.brand_id,
        Trigger.COMMUNITY_ACTIVITY,
        cause,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        earned_at=_when(received, event.at),
        facts={
            "kind": event.kind.value,
            "done_as": event.done_as.value,
            "self_recorded": int(is_self_recorded),
            "has_external_id": int(event.has_external_id),
        },
        # Not as a lead that its seller typed in: hosts note their own work. Bursts are looked for.
        origin=Origin(),
    )


async def on_activity_voided(
    session: AsyncSession, received: Received[CommunityActivityVoided]
) -> None:
    await incentives.take_back(
        session,
        received.brand_id,
        Trigger.COMMUNITY_ACTIVITY,
        typed("activity", received.event.activity_id),
        voided_at=received.occurred_at,
    )


async def on_post_published(session: AsyncSession, received: Received[PostPublished]) -> None:
    event = received.event
    await goals.count(
        session,
        received.brand_id,
        Trigger.POST_PUBLISHED,
        event.subject,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        achieved_at=_when(received, event.published_at),
    )
    await advocates.note_author(
        session,
        received.brand_id,
        event.post_id,
        event.account_id,
        staff_id=event.staff_id,
        unit_id=event.unit_id,
        published_at=event.published_at,
    )
    await health.note(
        session, received.brand_id, event.account_id, FactKind.POSTED, at=event.published_at
    )
    if event.staff_id is not None:
        await incentives.reward(
            session,
            received.brand_id,
            Trigger.POST_PUBLISHED,
            event.subject,
            staff_id=event.staff_id,
            unit_id=event.unit_id,
            earned_at=_when(received, event.published_at),
            facts={
                "platform": event.platform.value,
                "in_campaign": int(event.campaign_id is not None),
            },
            origin=Origin(),
        )


async def on_post_failed(session: AsyncSession, received: Received[PostFailed]) -> None:
    event = received.event
    if event.reason in _REFUSED_BY_PLATFORM:
        await health.note(
            session,
            received.brand_id,
            event.account_id,
            FactKind.POST_REFUSED,
            subject_id=event.post_id,
            at=received.occurred_at,
        )


async def on_post_measured(session: AsyncSession, received: Received[PostMeasured]) -> None:
    event = received.event
    await health.note(
        session,
        received.brand_id,
        event.account_id,
        FactKind.FOLLOWED,
        subject_id=event.post_id,
        amount=min(event.follows, _MOST_FOLLOWS),
        at=event.measured_at,
    )
    author = await find_author(session, received.brand_id, event.post_id)
    if author is not None and author.staff_id is not None:
        age = event.measured_at - author.published_at
        await incentives.reward(
            session,
            received.brand_id,
            Trigger.POST_QUALITY,
            event.subject,
            staff_id=author.staff_id,
            unit_id=author.unit_id,
            earned_at=_when(received, event.measured_at),
            facts={
                "views": event.views,
                "likes": event.likes,
                "saves": event.saves,
                "comments": event.comments,
                "shares": event.shares,
                "follows": event.follows,
                "hours": max(int(age.total_seconds()) // 3600, 0),
            },
            origin=Origin(),
        )


async def on_draft_held(session: AsyncSession, received: Received[DraftHeld]) -> None:
    event = received.event
    await health.note(
        session,
        received.brand_id,
        event.account_id,
        FactKind.DRAFT_HELD,
        subject_id=event.draft_id,
        at=received.occurred_at,
    )


async def on_authorization_granted(
    session: AsyncSession, received: Received[AuthorizationGranted]
) -> None:
    """Also for AuthorizationRenewed, which tells the same facts."""
    event = received.event
    await health.note_authorization(
        session,
        received.brand_id,
        event.authorization_id,
        platform=event.platform,
        account_id=event.account_id,
        ends_at=event.refresh_expires_at,
    )


async def on_authorization_ended(
    session: AsyncSession, received: Received[AuthorizationEnded]
) -> None:
    event = received.event
    await health.note_authorization(
        session,
        received.brand_id,
        event.authorization_id,
        platform=event.platform,
        account_id=event.account_id,
        ended_reason=event.reason,
    )


HANDLERS: dict[type[Event], Handler] = {
    **handovers.HANDLERS,
    LeadQualified: on_lead_qualified,
    LeadAccepted: on_lead_accepted,
    LeadVoided: on_lead_voided,
    DealWon: on_deal_won,
    DealVoided: on_deal_voided,
    ContactTransferred: on_contact_transferred,
    CommunityActivityRecorded: on_activity_recorded,
    CommunityActivityVoided: on_activity_voided,
    PostPublished: on_post_published,
    PostFailed: on_post_failed,
    PostMeasured: on_post_measured,
    DraftHeld: on_draft_held,
    AuthorizationGranted: on_authorization_granted,
    AuthorizationRenewed: on_authorization_granted,
    AuthorizationEnded: on_authorization_ended,
}
