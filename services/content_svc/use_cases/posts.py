"""What people do with single posts: prove a handoff, take a post back, import figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.connectors import Published, TryLater
from content_svc.connectors.handoff import Handoff, NotProof, Page
from content_svc.errors import (
    LinkNotProof,
    LinkTaken,
    LinkUnreachable,
    PostNotFound,
)
from content_svc.models import Post, PostStatus
from content_svc.repository import campaigns, directory, posts
from content_svc.settings import Settings
from content_svc.use_cases import measuring, recording
from content_svc.use_cases.campaigns import DISPATCH
from content_svc.use_cases.measuring import Report
from shared import audit, outbox, timers
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.errors import ServiceError
from shared.events.content import CampaignMode, PostWithdrawn
from shared.ids import typed

_LIKENESS = {
    CampaignMode.DISTRIBUTED_CREATION: 0.4,
    CampaignMode.CENTRAL_ENABLEMENT: 0.6,
    CampaignMode.CENTRAL_DISTRIBUTION: 0.9,
}
"""How much of a draft's text a proof must carry: as much as the mode lets a seller change."""
_LIKENESS_WITHOUT_CAMPAIGN = 0.6


@dataclass(frozen=True, slots=True)
class Prover:
    """Takes a seller's link as proof. The page is read between two transactions."""

    sessions: Sessions
    handoff: Handoff
    settings: Settings
    audit_key: bytes

    async def confirm_handoff(self, principal: Principal, post_id: UUID, url: str) -> Post:
        """The post, published at `url`. Naming the link it already has changes nothing."""
        async with brand_session(self.sessions, principal.brand_id) as session:
            post = await get_post_in_extent(session, principal, post_id)
            if post.status is PostStatus.PUBLISHED and post.url == url:
                return post
            post.require(PostStatus.HANDED_OFF)
            found = (await posts.list_claimed(session, principal.brand_id, [post_id]))[0]
            likeness = _LIKENESS_WITHOUT_CAMPAIGN
            if post.campaign_id is not None:
                campaign = await campaigns.get_campaign(
                    session, principal.brand_id, post.campaign_id
                )
                likeness = _LIKENESS[campaign.mode]
        try:
            page = await self.handoff.prove(
                post.platform,
                url,
                handle=found.handle,
                text=f"{found.title}\n{found.text}",
                likeness=likeness,
            )
        except NotProof as problem:
            raise LinkNotProof(str(problem), field="/url") from problem
        except TryLater as problem:
            raise LinkUnreachable("the page cannot be read now", field="/url") from problem
        return await self._record(principal, post_id, url, page)

    async def _record(self, principal: Principal, post_id: UUID, url: str, page: Page) -> Post:
        brand_id = principal.brand_id
        try:
            async with brand_session(self.sessions, brand_id) as session:
                post = await posts.get_post_for_update(session, brand_id, post_id)
                if post.status is PostStatus.PUBLISHED and post.url == url:
                    return post
                post.require(PostStatus.HANDED_OFF)
                outcome = Published(page.post_id, url, page.published_at or now())
                await recording.publish(session, post, outcome, self.settings)
                if page.figures:
                    await measuring.take_report(
                        session, post, now(), page.figures, source="connector"
                    )
                await _look_at_campaign(session, post)
                audit.record(
                    session,
                    actor=principal.actor,
                    action="post.confirm_handoff",
                    subject=typed("post", post.id),
                )
                await audit.flush(session, brand_id, self.audit_key)
                return post
        except IntegrityError as error:
            if "uq_post_brand_id_platform_platform_post_id" in str(error.orig):
                raise LinkTaken("the link proves another post", field="/url") from error
            raise


async def get_post_in_extent(session: AsyncSession, principal: Principal, post_id: UUID) -> Post:
    """The post, locked, if the caller's extent covers it; PostNotFound otherwise."""
    post = await posts.get_post_for_update(session, principal.brand_id, post_id)
    if not await directory.covers(
        session,
        principal.brand_id,
        principal.extent,
        unit_id=post.unit_id,
        staff_id=post.staff_id,
    ):
        raise PostNotFound("no such post")
    return post


async def withdraw_post(
    session: AsyncSession, principal: Principal, post_id: UUID, *, reason: str
) -> Post:
    """Take back a post that has not gone out."""
    post = await get_post_in_extent(session, principal, post_id)
    post.withdraw(reason)
    outbox.add(
        session,
        post,
        PostWithdrawn(
            post_id=post.id,
            account_id=post.account_id,
            campaign_id=post.campaign_id,
            reason=reason,
        ),
    )
    await _look_at_campaign(session, post)
    audit.record(
        session, actor=principal.actor, action="post.withdraw", subject=typed("post", post.id)
    )
    return post


@dataclass(frozen=True, slots=True)
class RefusedReport:
    position: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    taken: int
    changed: int
    refused: list[RefusedReport]


async def import_metrics(
    session: AsyncSession, principal: Principal, reports: Sequence[Report]
) -> ImportResult:
    """Take each report in on its own: one for an unknown post is refused, the rest counts."""
    changed = 0
    refused: list[RefusedReport] = []
    for position, item in enumerate(reports):
        try:
            changed += await measuring.import_report(
                session, principal.brand_id, item, principal.extent
            )
        except ServiceError as refusal:
            refused.append(
                RefusedReport(
                    position=position,
                    field=f"/items/{position}{refusal.field or ''}",
                    reason=refusal.message,
                )
            )
    audit.record(
        session,
        actor=principal.actor,
        action="post.measure",
        subject=typed("brand", principal.brand_id),
        reports=len(reports),
    )
    return ImportResult(taken=len(reports) - len(refused), changed=changed, refused=refused)


async def _look_at_campaign(session: AsyncSession, post: Post) -> None:
    """Have the dispatcher see whether this was the campaign's last open post."""
    if post.campaign_id is not None:
        await timers.schedule(session, post.brand_id, DISPATCH, post.campaign_id, now())
