"""The worker's half of a launch: compile places, write and check drafts, schedule posts.

Every step is a transaction of its own that keeps its progress with its effects, so that a killed
worker goes on where it was; the natural keys make a repeated step harmless.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc import rendering
from content_svc.checking import Checked, check_text, pack_version, unfilled
from content_svc.errors import SlotMissing
from content_svc.models import Campaign, CampaignStatus, DraftStatus, PostStatus
from content_svc.modes import POLICIES
from content_svc.repository import campaigns, library
from content_svc.repository.campaigns import Unwritten
from content_svc.use_cases.campaigns import DISPATCH
from shared import outbox, timers
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.content import (
    DraftApproved,
    DraftChecked,
    DraftHeld,
    PostScheduled,
    PostWithdrawn,
    Verdict,
)
from shared.ids import uuid7
from shared.timers import Due

COMPILE_SIZE = 150_000
"""Accounts a step: the largest brand in one statement, which takes about half a second."""
WRITE_SIZE = 500
WITHDRAW_SIZE = 5_000
SLOT_MISSING = "slot.missing"
_WORK_SECONDS = 5
"""A timer's handler gives way after this long; the timer is due again at once."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Timer handlers of the worker."""

    sessions: Sessions

    async def plan(self, due: Due) -> datetime | None:
        """Compile and write the campaign until it is done or the time is up."""
        until = time.monotonic() + _WORK_SECONDS
        while time.monotonic() < until:
            async with brand_session(self.sessions, due.brand_id) as session:
                if not await plan_step(session, due.brand_id, due.subject_id):
                    return None
            await asyncio.sleep(0)
        return now()

    async def withdraw(self, due: Due) -> datetime | None:
        """Withdraw what a stopped campaign still has queued."""
        until = time.monotonic() + _WORK_SECONDS
        while time.monotonic() < until:
            async with brand_session(self.sessions, due.brand_id) as session:
                if not await withdraw_step(session, due.brand_id, due.subject_id):
                    return None
        return now()


async def plan_step(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> bool:
    """Do the next piece of a campaign's planning; False when there is none."""
    campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
    if campaign.status is not CampaignStatus.PLANNING:
        return False
    if not campaign.is_compiled:
        more = await campaigns.compile_range(session, campaign, size=COMPILE_SIZE)
        campaign.is_compiled = not more
        return True
    places = await campaigns.list_unwritten(session, campaign, size=WRITE_SIZE)
    if places:
        await _write(session, campaign, places)
        return True
    campaign.is_written = True
    campaign.status = CampaignStatus.RUNNING
    # Also when nothing was scheduled: the dispatcher is who completes a campaign.
    await timers.schedule(session, brand_id, DISPATCH, campaign_id, now())
    return False


async def withdraw_step(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> bool:
    withdrawn = await campaigns.withdraw_queued(
        session, brand_id, campaign_id, reason="campaign_stopped", size=WITHDRAW_SIZE
    )
    await outbox.add_many(
        session,
        brand_id,
        (
            (
                PostWithdrawn(
                    post_id=post_id,
                    account_id=account_id,
                    campaign_id=campaign_id,
                    reason="campaign_stopped",
                ),
                version,
            )
            for post_id, account_id, version in withdrawn
        ),
    )
    return bool(withdrawn)


async def _write(session: AsyncSession, campaign: Campaign, places: Sequence[Unwritten]) -> None:
    template = await library.get_template(session, campaign.brand_id, campaign.template_id)
    source = rendering.Source(template.title, template.body, rendering.read_slots(template.slots))
    policy = await library.get_policy(session, campaign.brand_id)
    batch = _Batch(campaign)
    # Many sellers share a text word for word; the check takes about a millisecond.
    check = cache(partial(check_text, policy))
    for place in places:
        rendered, checked = _compose(source, check, campaign, place)
        batch.add(place, rendered, checked)
    await campaigns.write_places(session, campaign, batch.drafts, batch.posts)
    await outbox.add_many(session, campaign.brand_id, batch.events)
    if batch.posts:
        first = min(post["due_at"] for post in batch.posts)
        await timers.schedule(session, campaign.brand_id, DISPATCH, campaign.id, first)


def _compose(
    source: rendering.Source,
    check: Callable[[str, str, str], Checked],
    campaign: Campaign,
    place: Unwritten,
) -> tuple[rendering.Rendered, Checked]:
    seller = rendering.Seller(
        account_id=str(place.account_id), name=place.name, store=place.store, city=place.city
    )
    try:
        rendered = rendering.render(
            source,
            seller,
            campaign.slot_values,
            seed=str(campaign.id),
            picks_choices=POLICIES[campaign.mode].picks_choices,
        )
    except SlotMissing as missing:
        # One seller without a value must not stop the rest: the draft is held and says why.
        return (
            rendering.Rendered(source.title, source.body, []),
            unfilled(SLOT_MISSING, missing.message, pack_version()),
        )
    return rendered, check(place.platform, rendered.title, rendered.text)


class _Batch:
    """The rows and events of one batch of places."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.reviewed = POLICIES[campaign.mode].reviewed
        self.at = now()
        self.drafts: list[dict[str, Any]] = []
        self.posts: list[dict[str, Any]] = []
        self.events: list[tuple[Event, int]] = []

    def add(self, place: Unwritten, rendered: rendering.Rendered, checked: Checked) -> None:
        campaign = self.campaign
        status = status_after(checked, self.reviewed)
        draft_id = uuid7()
        about = {
            "draft_id": draft_id,
            "account_id": place.account_id,
            "campaign_id": campaign.id,
        }
        events = events_of(checked, status, about)
        self.events.extend((event, version) for version, event in enumerate(events, start=1))
        self.drafts.append(
            {
                "id": draft_id,
                "brand_id": campaign.brand_id,
                "version": len(events),
                "campaign_id": campaign.id,
                "account_id": place.account_id,
                "is_planned": True,
                "status": status,
                "title": rendered.title,
                "text": rendered.text,
                "asset_ids": campaign.asset_ids,
                "locked": rendered.locked,
                "verdict": checked.verdict,
                "findings": checked.findings,
                "pack_version": checked.pack_version,
                "checked_at": self.at,
                "created_at": self.at,
            }
        )
        if status is DraftStatus.APPROVED:
            self._schedule(place, draft_id)

    def _schedule(self, place: Unwritten, draft_id: UUID) -> None:
        post = new_post(
            brand_id=self.campaign.brand_id,
            campaign=self.campaign,
            draft_id=draft_id,
            account_id=place.account_id,
            staff_id=place.staff_id,
            unit_id=place.unit_id,
            platform=place.platform,
            due_at=place.due_at,
        )
        self.posts.append(post)
        self.events.append(
            (
                PostScheduled(
                    post_id=post["id"],
                    account_id=place.account_id,
                    campaign_id=self.campaign.id,
                    platform=place.platform,
                    due_at=place.due_at,
                ),
                1,
            )
        )


def status_after(checked: Checked, reviewed: frozenset[Verdict]) -> DraftStatus:
    """Where a check leaves a draft, given the verdicts that a person decides on."""
    if checked.verdict is Verdict.BLOCK:
        return DraftStatus.HELD
    return DraftStatus.IN_REVIEW if checked.verdict in reviewed else DraftStatus.APPROVED


def events_of(checked: Checked, status: DraftStatus, about: dict[str, Any]) -> list[Event]:
    """What a check announces about a draft, in order."""
    events: list[Event] = [
        DraftChecked(
            **about,
            verdict=checked.verdict,
            rules=checked.rules,
            pack_version=checked.pack_version,
        )
    ]
    if status is DraftStatus.HELD:
        events.append(DraftHeld(**about, rules=checked.rules))
    elif status is DraftStatus.APPROVED:
        events.append(DraftApproved(**about))
    return events


def new_post(
    *,
    brand_id: UUID,
    campaign: Campaign | None,
    draft_id: UUID,
    account_id: UUID,
    staff_id: UUID | None,
    unit_id: UUID,
    platform: str,
    due_at: datetime,
) -> dict[str, Any]:
    """The columns of a post that is scheduled now, at version 1."""
    return {
        "id": uuid7(),
        "brand_id": brand_id,
        "version": 1,
        "campaign_id": campaign.id if campaign else None,
        "template_id": campaign.template_id if campaign else None,
        "draft_id": draft_id,
        "account_id": account_id,
        "staff_id": staff_id,
        "unit_id": unit_id,
        "platform": platform,
        "status": PostStatus.SCHEDULED,
        "due_at": due_at,
        "next_at": due_at,
        "attempts": 0,
        "progress": {},
        "views": 0,
        "likes": 0,
        "saves": 0,
        "comments": 0,
        "shares": 0,
        "follows": 0,
        "created_at": now(),
    }
