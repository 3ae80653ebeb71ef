"""The life of a campaign as head office sees it: create, launch, pause, resume, stop."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc import rendering
from content_svc.errors import NobodyTargeted
from content_svc.models import AssetKind, Campaign, CampaignStatus, Template
from content_svc.repository import campaigns, library
from shared import audit, outbox, timers
from shared.clock import now
from shared.errors import Invalid
from shared.events.account import Platform, Right
from shared.events.content import (
    CampaignLaunched,
    CampaignMode,
    CampaignPaused,
    CampaignResumed,
    CampaignStopped,
)
from shared.ids import typed, uuid7

PLAN = "campaign.plan"
DISPATCH = "post.dispatch"
WITHDRAW = "campaign.withdraw"


async def create_campaign(
    session: AsyncSession,
    brand_id: UUID,
    *,
    code: str,
    name: str,
    mode: CampaignMode,
    template_id: UUID,
    asset_ids: list[UUID],
    unit_ids: list[UUID],
    platforms: list[Platform],
    persona_kinds: list[str],
    rights: list[Right],
    slot_values: dict[str, str],
    starts_at: datetime,
    ends_at: datetime,
    posts_per_account_gap_minutes: int,
    actor: str,
) -> Campaign:
    template = await library.get_template(session, brand_id, template_id)
    await library.list_assets(session, brand_id, asset_ids)
    rendering.require_given(rendering.read_slots(template.slots), slot_values)
    campaign = Campaign(
        id=uuid7(),
        brand_id=brand_id,
        version=0,
        code=code,
        name=name,
        mode=mode,
        template_id=template_id,
        asset_ids=asset_ids,
        unit_ids=unit_ids,
        platforms=_platforms(platforms, template),
        persona_kinds=persona_kinds,
        rights=list(rights),
        slot_values=slot_values,
        starts_at=starts_at,
        ends_at=ends_at,
        posts_per_account_gap_minutes=posts_per_account_gap_minutes,
        status=CampaignStatus.DRAFT,
        is_compiled=False,
        compiled_through=None,
        written_through=None,
        is_written=False,
        created_at=now(),
    )
    await campaigns.add_campaign(session, campaign)
    _record(session, campaign, actor, "campaign.create")
    return campaign


async def launch_campaign(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, *, actor: str
) -> Campaign:
    """Start the campaign; the worker then compiles, writes and dispatches it."""
    campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
    campaign.launch()
    targets = await campaigns.count_targets(session, campaign)
    if not targets:
        raise NobodyTargeted("no active account fits the target", field="/target")
    await _require_media(session, campaign, films=Platform.DOUYIN in targets)
    outbox.add(
        session,
        campaign,
        CampaignLaunched(
            campaign_id=campaign.id,
            name=campaign.name,
            code=campaign.code,
            mode=campaign.mode,
            planned=sum(targets.values()),
            starts_at=campaign.starts_at,
            ends_at=campaign.ends_at,
        ),
    )
    await timers.schedule(session, brand_id, PLAN, campaign.id, now())
    _record(session, campaign, actor, "campaign.launch")
    return campaign


async def pause_campaign(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, *, actor: str
) -> Campaign:
    campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
    campaign.pause()
    outbox.add(session, campaign, CampaignPaused(campaign_id=campaign.id))
    _record(session, campaign, actor, "campaign.pause")
    return campaign


async def resume_campaign(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, *, actor: str
) -> Campaign:
    campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
    campaign.resume()
    outbox.add(session, campaign, CampaignResumed(campaign_id=campaign.id))
    await timers.schedule(session, brand_id, PLAN, campaign.id, now())
    await timers.schedule(session, brand_id, DISPATCH, campaign.id, now())
    _record(session, campaign, actor, "campaign.resume")
    return campaign


async def stop_campaign(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, *, reason: str, actor: str
) -> Campaign:
    """From this commit on no post of it is claimed; the worker withdraws what is queued."""
    campaign = await campaigns.get_campaign_for_update(session, brand_id, campaign_id)
    campaign.stop()
    outbox.add(session, campaign, CampaignStopped(campaign_id=campaign.id, reason=reason))
    await timers.schedule(session, brand_id, WITHDRAW, campaign.id, now())
    _record(session, campaign, actor, "campaign.stop", reason=reason)
    return campaign


def _platforms(platforms: list[Platform], template: Template) -> list[str]:
    """The target's platforms; a template made for one platform narrows them to it."""
    wanted = [str(platform) for platform in platforms]
    if template.platform is None:
        return wanted
    if wanted and template.platform not in wanted:
        raise Invalid(f"the template is for {template.platform}", field="/target/platforms")
    return [str(template.platform)]


async def _require_media(session: AsyncSession, campaign: Campaign, *, films: bool) -> None:
    """Licences last as long as the campaign posts, and there is a film where one is needed."""
    assets = await library.list_assets(session, campaign.brand_id, campaign.asset_ids)
    for position, asset in enumerate(assets):
        ends = asset.licensed_until
        if ends is not None and ends < campaign.ends_at.date():
            raise Invalid(f"the licence ends on {ends}", field=f"/asset_ids/{position}")
    if films and not any(asset.kind is AssetKind.VIDEO for asset in assets):
        raise Invalid("Douyin accounts are targeted, which post videos", field="/asset_ids")


def _record(
    session: AsyncSession, campaign: Campaign, actor: str, action: str, **details: str
) -> None:
    audit.record(session, actor=actor, action=action, subject=typed("camp", campaign.id), **details)
