"""Whom a lead is to thank: last touch."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.hooks import LeadForm
from lead_svc.models import Lead, Touchpoint
from lead_svc.repository import contacts, directory
from shared.events.account import AccountStatus, Platform

LOOK_BACK = timedelta(days=30)
"""How far back a touchpoint earns a lead that names no source of its own."""

_PLATFORM_OF_SOURCE = {
    "douyin": Platform.DOUYIN,
    "oceanengine": Platform.DOUYIN,
    "kuaishou": Platform.KUAISHOU,
    "xiaohongshu": Platform.XIAOHONGSHU,
    "wecom": Platform.WECOM,
}
_CLOSED = (AccountStatus.SUSPENDED, AccountStatus.RETIRED)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a form names, as far as the directories know it."""

    post_id: UUID | None
    account_id: UUID | None
    campaign_id: UUID | None
    unit_id: UUID | None
    is_complete: bool
    """False: the form names a post, an account or a store that the directories do not hold."""


async def resolve(session: AsyncSession, brand_id: UUID, form: LeadForm, source: str) -> Origin:
    """Look up what the form names. A stated store counts before the store of the post."""
    platform = _PLATFORM_OF_SOURCE.get(source)
    post = account = unit = None
    if form.post_url:
        post = await directory.find_post(session, brand_id, form.post_url)
    if form.account_handle:
        account = await directory.find_account(session, brand_id, form.account_handle, platform)
    if form.store_code:
        unit = await directory.find_unit(session, brand_id, form.store_code)
    is_complete = (
        (post is not None or not form.post_url)
        and (account is not None or post is not None or not form.account_handle)
        and (unit is not None or not form.store_code)
    )
    if form.channel_code and unit is None:
        # A channel code is printed for a store under the store's own code.
        unit = await directory.find_unit(session, brand_id, form.channel_code)
    campaign_id = post.campaign_id if post else None
    if campaign_id is None and form.campaign:
        campaign_id = await directory.find_campaign(session, brand_id, form.campaign)
    places = (unit and unit.id, post and post.unit_id, account and account.unit_id)
    return Origin(
        post_id=post.id if post else None,
        account_id=post.account_id if post else account.id if account else None,
        campaign_id=campaign_id,
        unit_id=next((place for place in places if place), None),
        is_complete=is_complete,
    )


async def thank_last_touch(session: AsyncSession, lead: Lead) -> None:
    """Credit the latest touchpoint of the contact up to the lead that has a source."""
    assert lead.contact_id is not None
    touches = await contacts.list_touchpoints(
        session,
        lead.brand_id,
        lead.contact_id,
        since=lead.submitted_at - LOOK_BACK,
        until=lead.submitted_at,
    )
    last = next((touch for touch in touches if _has_source(touch)), None)
    if last is None:
        return
    lead.post_id = last.post_id
    lead.account_id = last.account_id
    lead.campaign_id = last.campaign_id
    lead.origin_unit_id = last.unit_id


def _has_source(touch: Touchpoint) -> bool:
    return any((touch.post_id, touch.account_id, touch.campaign_id, touch.unit_id))


@dataclass(frozen=True, slots=True)
class Author:
    staff_id: UUID
    is_account_closed: bool
    """The account that the lead came over may not receive leads any more."""


async def find_author(session: AsyncSession, lead: Lead) -> Author | None:
    """Who wrote the post, or runs the account, that the lead came from."""
    if lead.account_id is None:
        return None
    account = await directory.find_account_by_id(session, lead.brand_id, lead.account_id)
    staff_id = account.staff_id if account else None
    if lead.post_id is not None:
        staff_id = (
            await directory.find_post_author(session, lead.brand_id, lead.post_id) or staff_id
        )
    if staff_id is None:
        return None
    return Author(staff_id, account is not None and account.status in _CLOSED)
