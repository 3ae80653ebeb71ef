"""A seller's or reviewer's work on single drafts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.checking import Checked, check_text
from content_svc.errors import (
    AccountMayNotPublish,
    AlreadyScheduled,
    DraftNotInState,
)
from content_svc.models import AccountEntry, Campaign, CampaignStatus, Draft, DraftStatus, Post
from content_svc.modes import POLICIES, require_own_text_allowed, require_revision_allowed
from content_svc.repository import campaigns, directory, library
from content_svc.use_cases.campaigns import DISPATCH
from content_svc.use_cases.planning import events_of, new_post, status_after
from shared import audit, outbox, timers
from shared.access import Principal
from shared.clock import now
from shared.events.account import AccountStatus, Platform
from shared.events.content import DraftApproved, PostScheduled, Verdict
from shared.ids import typed, uuid7

_REVIEWED_WITHOUT_CAMPAIGN = frozenset({Verdict.REVIEW})


async def write_draft(
    session: AsyncSession,
    principal: Principal,
    account_id: UUID,
    *,
    campaign_id: UUID | None,
    title: str,
    text: str,
    asset_ids: list[UUID],
) -> Draft:
    """A seller's own text for an account; checked at once."""
    brand_id = principal.brand_id
    account = await directory.get_account(session, brand_id, account_id, principal.extent)
    campaign = None
    if campaign_id is not None:
        campaign = await campaigns.get_campaign(session, brand_id, campaign_id)
        require_own_text_allowed(campaign.mode)
    draft = Draft(
        id=uuid7(),
        brand_id=brand_id,
        version=0,
        campaign_id=campaign_id,
        account_id=account_id,
        is_planned=False,
        asset_ids=asset_ids,
        locked=[],
        created_at=now(),
    )
    await library.list_assets(session, brand_id, asset_ids)
    await _check(session, draft, campaign, account.platform, title, text)
    session.add(draft)
    _record(session, draft, principal, "draft.write")
    return draft


async def revise_draft(
    session: AsyncSession, principal: Principal, draft_id: UUID, *, title: str, text: str
) -> Draft:
    """Reword a draft that has not been scheduled; a planned one that passes is scheduled."""
    brand_id = principal.brand_id
    draft = await campaigns.get_draft_for_update(session, brand_id, draft_id)
    account = await directory.get_account(session, brand_id, draft.account_id, principal.extent)
    campaign = None
    if draft.campaign_id is not None:
        campaign = await campaigns.get_campaign(session, brand_id, draft.campaign_id)
        require_revision_allowed(campaign.mode, draft.locked, text)
    if draft.status is DraftStatus.WITHDRAWN or await campaigns.has_post(session, draft):
        raise DraftNotInState("the draft is withdrawn or has a post")
    await _check(session, draft, campaign, account.platform, title, text)
    await _take_place(session, draft, campaign, account)
    _record(session, draft, principal, "draft.revise")
    return draft


async def approve_draft(session: AsyncSession, principal: Principal, draft_id: UUID) -> Draft:
    """A reviewer lets a draft go out; a planned one is scheduled for its place."""
    brand_id = principal.brand_id
    draft = await campaigns.get_draft_for_update(session, brand_id, draft_id)
    account = await directory.get_account(session, brand_id, draft.account_id, principal.extent)
    draft.approve()
    outbox.add(session, draft, DraftApproved(**_about(draft)))
    campaign = None
    if draft.campaign_id is not None:
        campaign = await campaigns.get_campaign(session, brand_id, draft.campaign_id)
    await _take_place(session, draft, campaign, account)
    _record(session, draft, principal, "draft.approve")
    return draft


async def schedule_draft(
    session: AsyncSession, principal: Principal, draft_id: UUID, *, due_at: datetime
) -> Post:
    """Queue an approved draft for `due_at`."""
    brand_id = principal.brand_id
    draft = await campaigns.get_draft_for_update(session, brand_id, draft_id)
    account = await directory.get_account(session, brand_id, draft.account_id, principal.extent)
    if draft.status is not DraftStatus.APPROVED:
        raise DraftNotInState(f"the draft is {draft.status}")
    campaign = None
    if draft.campaign_id is not None:
        campaign = await campaigns.get_campaign(session, brand_id, draft.campaign_id)
        campaign.require_taking_posts()
    post = await _schedule(session, draft, campaign, account, due_at)
    _record(session, draft, principal, "draft.schedule")
    return post


async def _check(
    session: AsyncSession,
    draft: Draft,
    campaign: Campaign | None,
    platform: Platform,
    title: str,
    text: str,
) -> Checked:
    policy = await library.get_policy(session, draft.brand_id)
    checked = check_text(policy, platform, title, text)
    reviewed = POLICIES[campaign.mode].reviewed if campaign else _REVIEWED_WITHOUT_CAMPAIGN
    draft.title, draft.text = title, text
    draft.verdict = checked.verdict
    draft.findings = checked.findings
    draft.pack_version = checked.pack_version
    draft.checked_at = now()
    draft.status = status_after(checked, reviewed)
    for event in events_of(checked, draft.status, _about(draft)):
        outbox.add(session, draft, event)
    return checked


async def _take_place(
    session: AsyncSession, draft: Draft, campaign: Campaign | None, account: AccountEntry
) -> None:
    """Schedule a planned draft that became approved, unless its campaign takes no posts now."""
    if campaign is None or not draft.is_planned or draft.status is not DraftStatus.APPROVED:
        return
    if campaign.status in (CampaignStatus.STOPPED, CampaignStatus.COMPLETED):
        return
    due_at = await campaigns.find_due_at(session, draft.brand_id, campaign.id, draft.account_id)
    await _schedule(session, draft, campaign, account, max(due_at or now(), now()))


async def _schedule(
    session: AsyncSession,
    draft: Draft,
    campaign: Campaign | None,
    account: AccountEntry,
    due_at: datetime,
) -> Post:
    if account.status is not AccountStatus.ACTIVE:
        raise AccountMayNotPublish(f"the account is {account.status}")
    if await campaigns.has_post(session, draft):
        raise AlreadyScheduled("the draft has a post")
    post = Post(
        **new_post(
            brand_id=draft.brand_id,
            campaign=campaign,
            draft_id=draft.id,
            account_id=account.account_id,
            staff_id=account.staff_id,
            unit_id=account.unit_id,
            platform=account.platform,
            due_at=due_at,
        )
        | {"version": 0}
    )
    session.add(post)
    outbox.add(
        session,
        post,
        PostScheduled(
            post_id=post.id,
            account_id=post.account_id,
            campaign_id=post.campaign_id,
            platform=account.platform,
            due_at=due_at,
        ),
    )
    # A post outside any campaign is dispatched under the brand itself.
    subject = post.campaign_id or post.brand_id
    await timers.schedule(session, post.brand_id, DISPATCH, subject, due_at)
    return post


def _about(draft: Draft) -> dict[str, UUID | None]:
    return {
        "draft_id": draft.id,
        "account_id": draft.account_id,
        "campaign_id": draft.campaign_id,
    }


def _record(session: AsyncSession, draft: Draft, principal: Principal, action: str) -> None:
    audit.record(session, actor=principal.actor, action=action, subject=typed("draft", draft.id))
