"""What attempts to bring posts out remember and come to, as long as their claims hold.

Many attempts end at the same time: they are written in one transaction.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import InReview, Outcome, Published, Refused, TryLater
from content_svc.models import Post, PostStatus
from content_svc.repository import posts
from content_svc.repository.posts import Claimed, Facts
from content_svc.settings import Settings
from content_svc.use_cases import measuring
from shared import outbox, timers
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.content import PostFailed, PostPublished
from shared.gathering import Gathering

LARGEST_ATTEMPTS = 8
_LONGEST_BACKOFF_SECONDS = 600.0

OUTCOMES = Counter(
    "kos_post_attempts_total", "Attempts to bring a post out", ["platform", "outcome"]
)

log = structlog.get_logger(__name__)


class ClaimLost(Exception):
    """The lease ran out while the connector worked; another attempt has the post now."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt at a post."""

    post_id: UUID
    claim: UUID
    outcome: Outcome | TryLater


class Recorder:
    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self._sessions = sessions
        self._settings = settings
        self._remembered = Gathering(self._remember)
        self._results = Gathering(self._record)

    async def remember(
        self, brand_id: UUID, post: Claimed, claim: UUID, facts: dict[str, Any]
    ) -> None:
        """Commit facts to the progress of the post; its lease begins anew. Raises ClaimLost.

        So a call that follows has the whole lease, however long those before it took.
        """
        await self._remembered.add(brand_id, Facts(post.id, claim, facts))

    async def note(
        self, brand_id: UUID, post: Claimed, claim: UUID, outcome: Outcome | TryLater
    ) -> None:
        """Record what came of the attempt; nothing if its claim is lost."""
        OUTCOMES.labels(post.platform, type(outcome).__name__.lower()).inc()
        await self._results.add(brand_id, Result(post.id, claim, outcome))

    async def _remember(self, brand_id: UUID, items: Sequence[Facts]) -> list[Exception | None]:
        lease_until = now() + timedelta(seconds=self._settings.dispatch_lease_seconds)
        async with brand_session(self._sessions, brand_id) as session:
            held = await posts.remember_progress(session, brand_id, items, lease_until=lease_until)
        return [None if item.post_id in held else ClaimLost() for item in items]

    async def _record(self, brand_id: UUID, results: Sequence[Result]) -> list[None]:
        async with brand_session(self._sessions, brand_id) as session:
            rows = await posts.list_for_update(
                session, brand_id, [result.post_id for result in results]
            )
            published: list[tuple[Post, Published]] = []
            for result in results:
                row, outcome = rows[result.post_id], result.outcome
                if not _is_held(row, result.claim):
                    log.warning("claim_lost", subject_id=str(row.id))
                elif isinstance(outcome, Published):
                    published.append((row, outcome))
                elif isinstance(outcome, InReview):
                    row.platform_post_id = outcome.platform_post_id
                    row.attempts = 0
                    row.next_at = now() + timedelta(seconds=self._settings.review_poll_seconds)
                elif isinstance(outcome, Refused):
                    fail(session, row, outcome.reason)
                else:
                    self._put_off(session, row, outcome)
            await publish_many(session, brand_id, published, self._settings)
        return [None] * len(results)

    def _put_off(self, session: AsyncSession, row: Post, problem: TryLater) -> None:
        row.attempts += 1
        if row.attempts >= LARGEST_ATTEMPTS:
            fail(session, row, f"gave_up: {problem.reason}")
        else:
            row.next_at = now() + (problem.after or self._backoff(row.attempts))

    def _backoff(self, attempt: int) -> timedelta:
        first = self._settings.dispatch_backoff_seconds
        ceiling = min(first * 2.0 ** (attempt - 1), _LONGEST_BACKOFF_SECONDS)
        return timedelta(seconds=ceiling * random.uniform(0.5, 1.0))


async def publish(
    session: AsyncSession, post: Post, outcome: Published, settings: Settings
) -> None:
    """Record that the post is out, announce it, and start reading its figures."""
    await publish_many(session, post.brand_id, [(post, outcome)], settings)


async def publish_many(
    session: AsyncSession,
    brand_id: UUID,
    published: Sequence[tuple[Post, Published]],
    settings: Settings,
) -> None:
    for post, outcome in published:
        post.publish(
            platform_post_id=outcome.platform_post_id,
            url=outcome.url,
            published_at=outcome.published_at,
        )
        post.delivery = outcome.delivery
        event = PostPublished(
            **about(post.id, post.account_id, post.campaign_id),
            platform=post.platform,
            staff_id=post.staff_id,
            unit_id=post.unit_id,
            template_id=post.template_id,
            platform_post_id=outcome.platform_post_id,
            url=outcome.url,
            published_at=outcome.published_at,
        )
        outbox.add(session, post, event)
    first = now() + timedelta(seconds=settings.measure_first_seconds)
    await timers.schedule_many(
        session, brand_id, measuring.MEASURE, {post.id: first for post, _ in published}
    )


def fail(session: AsyncSession, post: Post, reason: str) -> None:
    post.fail(reason)
    subject = about(post.id, post.account_id, post.campaign_id)
    outbox.add(session, post, PostFailed(**subject, reason=reason))


def _is_held(post: Post, claim: UUID) -> bool:
    return post.status is PostStatus.DISPATCHING and post.progress.get("claim") == str(claim)


def about(post_id: UUID, account_id: UUID, campaign_id: UUID | None) -> dict[str, Any]:
    return {"post_id": post_id, "account_id": account_id, "campaign_id": campaign_id}
