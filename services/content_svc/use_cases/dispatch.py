"""Bring due posts out: hand them to sellers, or through a platform's interface.

No call happens inside a transaction. A post is claimed (status dispatching, a claim id, a lease)
and committed; the connector is asked; the result is recorded if the claim still holds. When a
worker dies in between, the lease runs out, the post is claimed again, and its connector looks up
what the earlier attempt did before it repeats anything.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from obstore.store import ObjectStore
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import (
    Connector,
    Job,
    Outcome,
    Refused,
    Rejected,
    TryLater,
)
from content_svc.models import OPEN, AssetKind, Campaign, CampaignStatus, PostStatus
from content_svc.repository import campaigns, library, posts
from content_svc.repository.posts import Claimed
from content_svc.settings import Settings
from content_svc.use_cases import rechecking
from content_svc.use_cases.recording import ClaimLost, Recorder, about
from shared import outbox
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events import Event
from shared.events.account import Platform
from shared.events.content import (
    CampaignCompleted,
    PostFailed,
    PostHandedOff,
)
from shared.ids import uuid7
from shared.timers import Due

HAND_OFF_SIZE = 1000
_WORK_SECONDS = 5
_IDLE = timedelta(minutes=1)
_SHORTEST_PAUSE = timedelta(milliseconds=200)
"""A due post may have to wait for another of its account: no busy loop meanwhile."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction of the dispatcher did, and the posts that it claimed."""

    claim: UUID
    claimed: Sequence[Claimed]
    handed: int
    missed: int


class Film:
    """The last film that was loaded: the posts of a campaign share it."""

    def __init__(self, sessions: Sessions, store: ObjectStore, brand_id: UUID) -> None:
        self._sessions = sessions
        self._store = store
        self._brand_id = brand_id
        self._lock = asyncio.Lock()
        self._of: Sequence[UUID] = ()
        self._film: bytes | None = None

    async def load(self, asset_ids: Sequence[UUID]) -> bytes | None:
        async with self._lock:
            if self._of != asset_ids:
                self._film = await self._read(asset_ids)
                self._of = asset_ids
            return self._film

    async def _read(self, asset_ids: Sequence[UUID]) -> bytes | None:
        async with brand_session(self._sessions, self._brand_id) as session:
            assets = await library.list_assets(session, self._brand_id, asset_ids)
        for asset in assets:
            if asset.kind is AssetKind.VIDEO:
                found = await self._store.get_async(asset.path)
                return bytes(await found.bytes_async())
        return None


class Dispatcher:
    """The worker's timer handler; `due.subject_id` is a campaign, or the brand for other posts."""

    def __init__(
        self,
        sessions: Sessions,
        connectors: Mapping[Platform, Connector],
        store: ObjectStore,
        settings: Settings,
        recorder: Recorder,
        calls: asyncio.Semaphore,
    ) -> None:
        """`connectors` are of the platforms with a publishing interface; all others are handed off.

        `calls` bounds the calls of all campaigns together.
        """
        self._sessions = sessions
        self._connectors = connectors
        self._by_api = list(connectors)
        self._store = store
        self._settings = settings
        self._calls = calls
        self._recorder = recorder

    async def dispatch(self, due: Due) -> datetime | None:
        brand_id = due.brand_id
        campaign_id = None if due.subject_id == brand_id else due.subject_id
        # The last look before release: the rules may be newer than the check.
        ends_at = now() + timedelta(seconds=_WORK_SECONDS)
        if await rechecking.recheck_step(self._sessions, brand_id, until=ends_at):
            return now()
        until = time.monotonic() + _WORK_SECONDS
        film = Film(self._sessions, self._store, brand_id)
        running: set[asyncio.Task[None]] = set()
        try:
            while time.monotonic() < until:
                free = self._settings.dispatch_concurrency - len(running)
                step = await self._step(brand_id, campaign_id, size=free)
                running |= {
                    asyncio.create_task(self._bring_out(brand_id, post, step.claim, film))
                    for post in step.claimed
                }
                if running:
                    # A slow call holds up no other, and one claim is for several posts.
                    await _wait_until(running, at_most=len(running) // 2)
                elif not step.handed and not step.missed:
                    return await self._rest(brand_id, campaign_id)
        finally:
            await asyncio.gather(*running)
        return now()

    async def _step(self, brand_id: UUID, campaign_id: UUID | None, *, size: int) -> Step:
        """Hand off what is due, fail what was missed, claim up to `size` posts to bring out."""
        claim = uuid7()
        async with brand_session(self._sessions, brand_id) as session:
            statuses = await _statuses(session, brand_id, campaign_id)
            handed = 0
            if PostStatus.SCHEDULED in statuses:
                handed = await self._hand_off(session, brand_id, campaign_id)
            missed = await _miss_deadlines(session, brand_id, campaign_id)
            # Last: until the end of the transaction the brand's other campaigns wait for it.
            at = now()
            post_ids = await posts.claim_due(
                session,
                brand_id,
                campaign_id,
                at=at,
                lease_until=at + timedelta(seconds=self._settings.dispatch_lease_seconds),
                claim=claim,
                by_api=self._by_api,
                statuses=statuses,
                size=size,
            )
            claimed = await posts.list_claimed(session, brand_id, post_ids) if post_ids else []
        return Step(claim, claimed, handed, missed)

    async def _hand_off(
        self, session: AsyncSession, brand_id: UUID, campaign_id: UUID | None
    ) -> int:
        at = now()
        deadline = at + timedelta(minutes=self._settings.handoff_minutes)
        rows = await posts.hand_off_due(
            session,
            brand_id,
            campaign_id,
            at=at,
            deadline=deadline,
            by_api=self._by_api,
            size=HAND_OFF_SIZE,
        )
        events: list[tuple[Event, int]] = []
        for row in rows:
            subject = about(row.id, row.account_id, campaign_id)
            event: Event
            if row.status == PostStatus.HANDED_OFF:
                event = PostHandedOff(**subject, staff_id=row.staff_id, deadline_at=deadline)
            else:
                event = PostFailed(**subject, reason="account_not_active")
            events.append((event, row.version))
        await outbox.add_many(session, brand_id, events)
        return len(rows)

    async def _bring_out(self, brand_id: UUID, post: Claimed, claim: UUID, film: Film) -> None:
        if not post.is_account_active and not _was_begun(post):
            await self._recorder.note(brand_id, post, claim, Refused("account_not_active"))
            return
        async with self._calls:
            outcome: Outcome | TryLater
            try:
                job = self._job(brand_id, post, claim, film)
                outcome = await self._connectors[post.platform].publish(job)
            except TryLater as problem:
                log.warning(
                    "try_later",
                    platform=post.platform,
                    subject_id=str(post.id),
                    reason=problem.reason,
                )
                outcome = problem
            except Rejected as refusal:
                outcome = Refused(refusal.reason)
            except ClaimLost:
                log.warning("claim_lost", subject_id=str(post.id))
                return
            await self._recorder.note(brand_id, post, claim, outcome)

    def _job(self, brand_id: UUID, post: Claimed, claim: UUID, film: Film) -> Job:
        async def list_taken(ids: Sequence[str]) -> set[str]:
            async with brand_session(self._sessions, brand_id) as session:
                return await posts.list_taken(session, brand_id, post.platform, ids)

        return Job(
            brand_id=brand_id,
            post_id=post.id,
            account_id=post.account_id,
            platform=post.platform,
            handle=post.handle,
            title=post.title,
            text=post.text,
            platform_post_id=post.platform_post_id,
            progress=post.progress,
            remember=partial(self._recorder.remember, brand_id, post, claim),
            list_taken=list_taken,
            load_video=partial(film.load, post.asset_ids),
        )

    async def _rest(self, brand_id: UUID, campaign_id: UUID | None) -> datetime | None:
        """When to look again; completes a campaign that has nothing open any more."""
        async with brand_session(self._sessions, brand_id) as session:
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


async def _statuses(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID | None
) -> tuple[PostStatus, ...]:
    """Which posts may go on now: a campaign that does not run finishes only what it began."""
    if campaign_id is not None:
        status = await campaigns.get_status(session, brand_id, campaign_id)
        if status not in (CampaignStatus.PLANNING, CampaignStatus.RUNNING):
            return (PostStatus.DISPATCHING,)
    return (PostStatus.SCHEDULED, PostStatus.DISPATCHING)


async def _miss_deadlines(session: AsyncSession, brand_id: UUID, campaign_id: UUID | None) -> int:
    rows = await posts.miss_deadlines(session, brand_id, campaign_id, at=now(), size=HAND_OFF_SIZE)
    subjects = [about(row.id, row.account_id, campaign_id) for row in rows]
    await outbox.add_many(
        session,
        brand_id,
        (
            (PostFailed(**subject, reason="handoff_missed"), row.version)
            for row, subject in zip(rows, subjects, strict=True)
        ),
    )
    return len(rows)


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


def _was_begun(post: Claimed) -> bool:
    """An earlier attempt may have reached the platform."""
    return bool(set(post.progress) - {"claim"})
