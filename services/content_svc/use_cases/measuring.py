"""Figures of posts: read from platforms or imported; late, repeated and smaller ones handled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Ability, Connector, Reading, Rejected, Subject, TryLater
from content_svc.connectors.handoff import Handoff
from content_svc.errors import PostNotFound
from content_svc.models import Post, PostMetric, PostStatus
from content_svc.repository import directory, metrics, posts
from content_svc.repository.metrics import FIGURES
from content_svc.repository.posts import Claimed
from content_svc.settings import Settings
from shared import outbox
from shared.access import Extent
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import Platform
from shared.events.content import PostMeasured
from shared.gathering import Gathering
from shared.timers import Due

MEASURE = "post.measure"
_LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Read:
    """What a platform told about a post."""

    post_id: UUID
    reading: Reading


class Measurer:
    """The worker's timer handler that reads a published post's figures, ever more rarely."""

    def __init__(
        self,
        sessions: Sessions,
        connectors: Mapping[Platform, Connector],
        handoff: Handoff,
        settings: Settings,
    ) -> None:
        """`handoff` reads the public page of posts that were published by hand."""
        self._sessions = sessions
        self._connectors = connectors
        self._handoff = handoff
        self._settings = settings
        self._looks = Gathering(self._look)
        self._readings = Gathering(self._take)

    async def measure(self, due: Due) -> datetime | None:
        post = await self._looks.add(due.brand_id, due.subject_id)
        if post is None or post.status is not PostStatus.PUBLISHED:
            return None
        assert post.platform_post_id is not None
        connector = self._connectors.get(post.platform, self._handoff)
        if Ability.READ_METRICS not in connector.abilities:
            return None
        try:
            reading = await connector.read(
                Subject(
                    brand_id=due.brand_id,
                    account_id=post.account_id,
                    platform=post.platform,
                    handle=post.handle,
                    platform_post_id=post.platform_post_id,
                    url=post.url,
                )
            )
        except TryLater as problem:
            return now() + (problem.after or self._pause(post))
        except Rejected:
            return now() + _LONGEST_PAUSE  # until someone authorises anew
        if reading.is_gone:
            return None
        await self._readings.add(due.brand_id, Read(post.id, reading))
        return self._next(post)

    async def _look(self, brand_id: UUID, post_ids: Sequence[UUID]) -> list[Claimed | None]:
        async with brand_session(self._sessions, brand_id) as session:
            found = {
                post.id: post for post in await posts.list_claimed(session, brand_id, post_ids)
            }
        return [found.get(post_id) for post_id in post_ids]

    async def _take(self, brand_id: UUID, reads: Sequence[Read]) -> list[None]:
        at = now()
        async with brand_session(self._sessions, brand_id) as session:
            rows = await posts.list_for_update(session, brand_id, [read.post_id for read in reads])
            told = [
                (rows[read.post_id], read.reading.figures) for read in reads if read.reading.figures
            ]
            await metrics.add_metrics(
                session,
                [_metric(row, at, figures, source="connector") for row, figures in told],
                is_correction=False,
            )
            for row, figures in told:
                _move_totals(session, row, at, figures)
            for read in reads:
                if read.reading.delivery is not None:
                    rows[read.post_id].delivery = read.reading.delivery
        return [None] * len(reads)

    def _next(self, post: Claimed) -> datetime | None:
        assert post.published_at is not None
        if now() - post.published_at > timedelta(days=self._settings.measure_days):
            return None
        return now() + self._pause(post)

    def _pause(self, post: Claimed) -> timedelta:
        """As long as the post is old, so that readings thin out by doubling."""
        assert post.published_at is not None
        first = timedelta(seconds=self._settings.measure_first_seconds)
        return min(max(now() - post.published_at, first), _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Report:
    """Totals of one post at one time, named by its id or by the platform's."""

    post_id: UUID | None
    platform: Platform | None
    platform_post_id: str | None
    measured_at: datetime
    figures: Mapping[str, int]
    is_correction: bool


async def import_report(
    session: AsyncSession, brand_id: UUID, item: Report, extent: Extent
) -> bool:
    """Take one imported report in; True when the totals changed. Raises PostNotFound."""
    post_id = item.post_id
    if post_id is None:
        assert item.platform is not None
        assert item.platform_post_id is not None
        post_id = await posts.find_post_by_platform_id(
            session, brand_id, item.platform, item.platform_post_id
        )
    if post_id is None:
        raise PostNotFound("no such post", field="/platform_post_id")
    post = await posts.get_post_for_update(session, brand_id, post_id)
    if not await directory.covers(
        session, brand_id, extent, unit_id=post.unit_id, staff_id=post.staff_id
    ):
        raise PostNotFound("no such post", field="/post_id")
    return await take_report(
        session,
        post,
        item.measured_at,
        item.figures,
        source="import",
        is_correction=item.is_correction,
    )


async def take_report(
    session: AsyncSession,
    post: Post,
    measured_at: datetime,
    figures: Mapping[str, int],
    *,
    source: str,
    is_correction: bool = False,
) -> bool:
    """Keep a report and move the post's totals; announces them only when one changed.

    Totals never go down: a late or smaller report leaves them, unless it is a correction. Reports
    from before the last correction are kept but move nothing.
    """
    metric = _metric(post, measured_at, figures, source=source, is_correction=is_correction)
    await metrics.add_metrics(session, [metric], is_correction=is_correction)
    return _move_totals(session, post, measured_at, figures, is_correction=is_correction)


def _metric(
    post: Post,
    measured_at: datetime,
    figures: Mapping[str, int],
    *,
    source: str,
    is_correction: bool = False,
) -> PostMetric:
    return PostMetric(
        brand_id=post.brand_id,
        post_id=post.id,
        measured_at=measured_at,
        source=source,
        is_correction=is_correction,
        **{name: figures.get(name) for name in FIGURES},
    )


def _move_totals(
    session: AsyncSession,
    post: Post,
    measured_at: datetime,
    figures: Mapping[str, int],
    *,
    is_correction: bool = False,
) -> bool:
    if post.corrected_at is not None and measured_at < post.corrected_at:
        return False
    totals = dict(figures)
    if is_correction:
        post.corrected_at = measured_at
    else:
        totals = {name: max(value, getattr(post, name)) for name, value in figures.items()}
    is_changed = any(getattr(post, name) != value for name, value in totals.items())
    if post.measured_at is None or measured_at > post.measured_at:
        post.measured_at = measured_at
    if is_changed:
        for name, value in totals.items():
            setattr(post, name, value)
        outbox.add(session, post, _measured(post))
    return is_changed


def _measured(post: Post) -> PostMeasured:
    assert post.measured_at is not None
    figures: dict[str, Any] = {name: getattr(post, name) for name in FIGURES}
    return PostMeasured(
        post_id=post.id,
        account_id=post.account_id,
        campaign_id=post.campaign_id,
        measured_at=post.measured_at,
        **figures,
    )
