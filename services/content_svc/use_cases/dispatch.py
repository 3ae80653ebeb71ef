"""Bring due posts out: hand them to sellers, or through a platform's interface.

No call happens inside a transaction. A post is claimed (status dispatching, a claim id, a lease)
and committed; the connector is asked; the result is recorded if the claim still holds. When a
worker dies in between, the lease runs out, the post is claimed again, and its connector looks up
what the earlier attempt did before it repeats anything.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from obstore.store import ObjectStore
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import (
    Connector,
    InReview,
    Job,
    Outcome,
    Published,
    Refused,
    Rejected,
    TryLater,
)
from content_svc.models import OPEN, AssetKind, Campaign, CampaignStatus, Post, PostStatus
from content_svc.repository import campaigns, library, posts
from content_svc.repository.posts import Claimed
from content_svc.settings import Settings
from content_svc.use_cases import measuring, rechecking
from shared import outbox, timers
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.account import Platform
from shared.events.content import (
    CampaignCompleted,
    PostFailed,
    PostHandedOff,
    PostPublished,
)
from shared.ids import uuid7
from shared.timers import Due

LARGEST_ATTEMPTS = 8
HAND_OFF_SIZE = 1000
_WORK_SECONDS = 5
_LONGEST_BACKOFF_SECONDS = 600.0
_IDLE = timedelta(minutes=1)
_SHORTEST_PAUSE = timedelta(milliseconds=200)
"""A due post may have to wait for another of its account: no busy loop meanwhile."""

OUTCOMES = Counter(
    "kos_post_attempts_total", "Attempts to bring a post out", ["platform", "outcome"]
)

log = structlog.get_logger(__name__)


class ClaimLost(Exception):
    """The lease ran out while the connector worked; another attempt has the post now."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """The worker's timer handler; `due.subject_id` is a campaign, or the brand for other posts."""

    sessions: Sessions
    connectors: Mapping[Platform, Connector]
    """Platforms with a publishing interface; all others are handed off."""
    store: ObjectStore
    settings: Settings
    calls: asyncio.Semaphore
    """Bounds the calls of all campaigns together."""

    async def dispatch(self, due: Due) -> datetime | None:
        brand_id = due.brand_id
        campaign_id = None if due.subject_id == brand_id else due.subject_id
        # The last look before release: the rules may be newer than the check.
        ends_at = now() + timedelta(seconds=_WORK_SECONDS)
        if await rechecking.recheck_step(self.sessions, brand_id, until=ends_at):
            return now()
        until = time.monotonic() + _WORK_SECONDS
        running: set[asyncio.Task[None]] = set()
        try:
            while time.monotonic() < until:
                statuses = await self._statuses(brand_id, campaign_id)
                handed = await self._hand_off(brand_id, campaign_id, statuses)
                missed = await self._miss_deadlines(brand_id, campaign_id)
                free = self.settings.dispatch_concurrency - len(running)
                running |= await self._call_platforms(brand_id, campaign_id, statuses, size=free)
                if running:
                    # A slow call holds up no other, and one claim is for several posts.
                    await _wait_until(running, at_most=len(running) // 2)
                elif not handed and not missed:
                    return await self._rest(brand_id, campaign_id)
        finally:
            await asyncio.gather(*running)
        return now()

    async def _statuses(self, brand_id: UUID, campaign_id: UUID | None) -> tuple[PostStatus, ...]:
        """Which posts may go on now: a campaign that does not run finishes only what it began."""
        if campaign_id is not None:
            async with brand_session(self.sessions, brand_id) as session:
                campaign = await campaigns.get_campaign(session, brand_id, campaign_id)
                if campaign.status not in (CampaignStatus.PLANNING, CampaignStatus.RUNNING):
                    return (PostStatus.DISPATCHING,)
        return (PostStatus.SCHEDULED, PostStatus.DISPATCHING)

    async def _hand_off(
        self, brand_id: UUID, campaign_id: UUID | None, statuses: Sequence[PostStatus]
    ) -> int:
        if PostStatus.SCHEDULED not in statuses:
            return 0
        at = now()
        deadline = at + timedelta(minutes=self.settings.handoff_minutes)
        async with brand_session(self.sessions, brand_id) as session:
            rows = await posts.hand_off_due(
                session,
                brand_id,
                campaign_id,
                at=at,
                deadline=deadline,
                by_api=list(self.connectors),
                size=HAND_OFF_SIZE,
            )
            events: list[tuple[Event, int]] = []
            for row in rows:
                about = _about(row.id, row.account_id, campaign_id)
                event: Event
                if row.status == PostStatus.HANDED_OFF:
                    event = PostHandedOff(**about, staff_id=row.staff_id, deadline_at=deadline)
                else:
                    event = PostFailed(**about, reason="account_not_active")
                events.append((event, row.version))
            await outbox.add_many(session, brand_id, events)
        return len(rows)

    async def _miss_deadlines(self, brand_id: UUID, campaign_id: UUID | None) -> int:
        async with brand_session(self.sessions, brand_id) as session:
            rows = await posts.miss_deadlines(
                session, brand_id, campaign_id, at=now(), size=HAND_OFF_SIZE
            )
            await outbox.add_many(
                session,
                brand_id,
                (
                    (
                        PostFailed(
                            **_about(row.id, row.account_id, campaign_id),
                            reason="handoff_missed",
                        ),
                        row.version,
                    )
                    for row in rows
                ),
            )
        return len(rows)

    async def _call_platforms(
        self,
        brand_id: UUID,
        campaign_id: UUID | None,
        statuses: Sequence[PostStatus],
        *,
        size: int,
    ) -> set[asyncio.Task[None]]:
        """Claim up to `size` due posts and start to bring them out."""
        claim = uuid7()
        async with brand_session(self.sessions, brand_id) as session:
            at = now()
            post_ids = await posts.claim_due(
                session,
                brand_id,
                campaign_id,
                at=at,
                lease_until=at + timedelta(seconds=self.settings.dispatch_lease_seconds),
                claim=claim,
                by_api=list(self.connectors),
                statuses=statuses,
                size=size,
            )
        if not post_ids:
            return set()
        async with brand_session(self.sessions, brand_id) as session:
            claimed = await posts.list_claimed(session, brand_id, post_ids)
        return {asyncio.create_task(self._bring_out(item, claim)) for item in claimed}

    async def _bring_out(self, item: Claimed, claim: UUID) -> None:
        post = item.post
        if not item.is_account_active and not _was_begun(post):
            await self._record(post, claim, Refused("account_not_active"))
            return
        async with self.calls:
            try:
                outcome = await self.connectors[post.platform].publish(self._job(item, claim))
            except TryLater as problem:
                await self._put_off(post, claim, problem)
            except Rejected as refusal:
                await self._record(post, claim, Refused(refusal.reason))
            except ClaimLost:
                log.warning("claim_lost", subject_id=str(post.id))
            else:
                await self._record(post, claim, outcome)

    def _job(self, item: Claimed, claim: UUID) -> Job:
        post = item.post

        async def remember(facts: dict[str, Any]) -> None:
            async with brand_session(self.sessions, post.brand_id) as session:
                if not await posts.remember_progress(session, post.brand_id, post.id, claim, facts):
                    raise ClaimLost

        async def list_taken(ids: Sequence[str]) -> set[str]:
            async with brand_session(self.sessions, post.brand_id) as session:
                return await posts.list_taken(session, post.brand_id, post.platform, ids)

        return Job(
            brand_id=post.brand_id,
            post_id=post.id,
            account_id=post.account_id,
            platform=post.platform,
            handle=item.handle,
            title=item.title,
            text=item.text,
            progress=post.progress,
            remember=remember,
            list_taken=list_taken,
            load_video=self._video_loader(post.brand_id, item.asset_ids),
        )

    def _video_loader(
        self, brand_id: UUID, asset_ids: Sequence[UUID]
    ) -> Callable[[], Awaitable[bytes | None]]:
        async def load() -> bytes | None:
            async with brand_session(self.sessions, brand_id) as session:
                assets = await library.list_assets(session, brand_id, asset_ids)
            for asset in assets:
                if asset.kind is AssetKind.VIDEO:
                    found = await self.store.get_async(asset.path)
                    return bytes(await found.bytes_async())
            return None

        return load

    async def _record(self, post: Post, claim: UUID, outcome: Outcome) -> None:
        OUTCOMES.labels(post.platform, type(outcome).__name__.lower()).inc()
        async with self._held(post, claim) as (session, row):
            if row is None:
                return
            if isinstance(outcome, Published):
                await publish(session, row, outcome, self.settings)
            elif isinstance(outcome, InReview):
                row.platform_post_id = outcome.platform_post_id
                row.attempts = 0
                row.next_at = now() + timedelta(seconds=self.settings.review_poll_seconds)
            else:
                fail(session, row, outcome.reason)

    async def _put_off(self, post: Post, claim: UUID, problem: TryLater) -> None:
        OUTCOMES.labels(post.platform, "trylater").inc()
        log.warning(
            "try_later", platform=post.platform, subject_id=str(post.id), reason=problem.reason
        )
        async with self._held(post, claim) as (session, row):
            if row is None:
                return
            row.attempts += 1
            if row.attempts >= LARGEST_ATTEMPTS:
                fail(session, row, f"gave_up: {problem.reason}")
                return
            row.next_at = now() + (problem.after or self._backoff(row.attempts))

    @asynccontextmanager
    async def _held(
        self, post: Post, claim: UUID
    ) -> AsyncIterator[tuple[AsyncSession, Post | None]]:
        """A transaction with the post locked, or with None when the claim no longer holds."""
        async with brand_session(self.sessions, post.brand_id) as session:
            row = await posts.get_post_for_update(session, post.brand_id, post.id)
            is_held = row.status is PostStatus.DISPATCHING and row.progress.get("claim") == str(
                claim
            )
            if not is_held:
                log.warning("claim_lost", subject_id=str(post.id))
            yield session, row if is_held else None

    def _backoff(self, attempt: int) -> timedelta:
        first = self.settings.dispatch_backoff_seconds
        ceiling = min(first * 2.0 ** (attempt - 1), _LONGEST_BACKOFF_SECONDS)
        return timedelta(seconds=ceiling * random.uniform(0.5, 1.0))

    async def _rest(self, brand_id: UUID, campaign_id: UUID | None) -> datetime | None:
        """When to look again; completes a campaign that has nothing open any more."""
        async with brand_session(self.sessions, brand_id) as session:
            soon = now() + _SHORTEST_PAUSE
            if campaign_id is None:
                next_at = await posts.find_next_at(session, brand_id, None)
                return next_at and max(next_at, soon)
            campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
            runs = campaign.status in (CampaignStatus.PLANNING, CampaignStatus.RUNNING)
            looked_at = OPEN if runs else (PostStatus.DISPATCHING, PostStatus.HANDED_OFF)
            next_at = await posts.find_next_at(session, brand_id, campaign_id, looked_at)
            if next_at is not None:
                return max(next_at, soon)
            if campaign.status is not CampaignStatus.RUNNING:
                # Resuming, or the end of the planning, sets the timer again.
                return None
            return await _complete(session, campaign)


async def _wait_until(running: set[asyncio.Task[None]], *, at_most: int) -> None:
    """Wait until at most so many run; those that ended leave the set. Raises what one raised."""
    while len(running) > at_most:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        running -= done
        for task in done:
            task.result()


async def _complete(session: AsyncSession, campaign: Campaign) -> datetime | None:
    """Complete the campaign unless a reviewer can still let a draft of it go out in time."""
    drafts = await posts.count_drafts_by_status(session, campaign.brand_id, campaign.id)
    if drafts.get("in_review", 0) and now() < campaign.ends_at:
        return min(campaign.ends_at, now() + _IDLE)
    counts = await posts.count_by_status(session, campaign.brand_id, campaign.id)
    campaign.complete()
    outbox.add(
        session,
        campaign,
        CampaignCompleted(
            campaign_id=campaign.id,
            published=counts.get("published", 0),
            failed=counts.get("failed", 0),
            held=drafts.get("held", 0),
        ),
    )
    return None


async def publish(
    session: AsyncSession, post: Post, outcome: Published, settings: Settings
) -> None:
    """Record that the post is out, announce it, and start reading its figures."""
    post.publish(
        platform_post_id=outcome.platform_post_id,
        url=outcome.url,
        published_at=outcome.published_at,
    )
    post.delivery = outcome.delivery
    outbox.add(
        session,
        post,
        PostPublished(
            **_about(post.id, post.account_id, post.campaign_id),
            platform=post.platform,
            staff_id=post.staff_id,
            unit_id=post.unit_id,
            template_id=post.template_id,
            platform_post_id=outcome.platform_post_id,
            url=outcome.url,
            published_at=outcome.published_at,
        ),
    )
    first = now() + timedelta(seconds=settings.measure_first_seconds)
    await timers.schedule(session, post.brand_id, measuring.MEASURE, post.id, first)


def fail(session: AsyncSession, post: Post, reason: str) -> None:
    post.fail(reason)
    about = _about(post.id, post.account_id, post.campaign_id)
    outbox.add(session, post, PostFailed(**about, reason=reason))


def _was_begun(post: Post) -> bool:
    """An earlier attempt may have reached the platform."""
    return bool(set(post.progress) - {"claim"})


def _about(post_id: UUID, account_id: UUID, campaign_id: UUID | None) -> dict[str, Any]:
    return {"post_id": post_id, "account_id": account_id, "campaign_id": campaign_id}
