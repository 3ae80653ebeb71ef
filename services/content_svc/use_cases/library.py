"""Adding to the library and setting what every text is held to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content_svc import rendering
from content_svc.models import Asset, ContentPolicy, Template
from content_svc.repository import library
from content_svc.use_cases.rechecking import RECHECK
from shared import audit, timers
from shared.clock import now
from shared.events.account import Platform
from shared.ids import typed, uuid7


async def add_asset(session: AsyncSession, asset: Asset, *, actor: str) -> Asset:
    """Enter an asset whose bytes are in the store."""
    session.add(asset)
    audit.record(session, actor=actor, action="asset.add", subject=typed("asset", asset.id))
    return asset


async def add_template(
    session: AsyncSession,
    brand_id: UUID,
    *,
    name: str,
    platform: Platform | None,
    stage: str | None,
    tags: list[str],
    title: str,
    body: str,
    slots: list[dict[str, Any]],
    actor: str,
) -> Template:
    rendering.require_well_formed(rendering.Source(title, body, rendering.read_slots(slots)))
    template = Template(
        id=uuid7(),
        brand_id=brand_id,
        version=1,
        name=name,
        platform=platform,
        stage=stage,
        tags=tags,
        title=title,
        body=body,
        slots=slots,
        created_at=now(),
    )
    session.add(template)
    audit.record(session, actor=actor, action="template.add", subject=typed("tmpl", template.id))
    return template


async def set_content_policy(
    session: AsyncSession,
    brand_id: UUID,
    *,
    industry: str,
    never_words: Mapping[str, str],
    competitor_words: list[str],
    evidence: list[str],
    actor: str,
) -> ContentPolicy:
    policy = ContentPolicy(
        brand_id=brand_id,
        industry=industry,
        never_words=dict(never_words),
        competitor_words=competitor_words,
        evidence=evidence,
        updated_at=now(),
    )
    await library.put_policy(session, policy)
    await timers.schedule(session, brand_id, RECHECK, brand_id, now())
    audit.record(
        session, actor=actor, action="content_policy.set", subject=typed("brand", brand_id)
    )
    return policy
