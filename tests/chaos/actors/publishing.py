"""Campaigns: a template, a plan by it, posts on every account."""

from datetime import UTC, datetime, timedelta

from deploy.local.demo import brand as demo_brand
from tests.chaos.brands import CAMPAIGN_TARGET
from tests.chaos.workload import Workload


async def launch_campaign(load: Workload) -> None:
    """A template, a campaign by it, launched: a post per account goes out."""
    load.number += 1
    code = f"c-{load.number}"
    word = load.own.canaries.word()
    template = await load.mutate(
        "template",
        "addTemplate",
        "Template",
        "id",
        {
            "name": word,
            "title": demo_brand.TEMPLATE_TITLE,
            "body": demo_brand.TEMPLATE_BODY,
            "slots": [{**slot, "kind": slot["kind"].upper()} for slot in demo_brand.TEMPLATE_SLOTS],
        },
        name=word,
    )
    if template.outcome != "ok":
        return
    at = datetime.now(UTC)
    campaign = await load.mutate(
        "campaign",
        "planCampaign",
        "Campaign",
        "id code",
        {
            "code": code,
            "name": load.own.canaries.word(),
            "mode": "CENTRAL_ENABLEMENT",
            "target": CAMPAIGN_TARGET,
            "templateId": template.result["id"],
            "assetIds": [load.own.asset_id],
            "slotValues": {"model": word},
            "startsAt": at.isoformat(),
            "endsAt": (at + timedelta(seconds=5)).isoformat(),
        },
        code=code,
    )
    if campaign.outcome == "ok":
        await load.mutate(
            "launch",
            "launchCampaign",
            "Campaign",
            "id",
            {"id": campaign.result["id"]},
            input_type="OnOne",
            campaign_id=campaign.result["id"],
        )
