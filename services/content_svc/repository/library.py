"""Assets, templates and the content policy."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.checking import Policy
from content_svc.errors import AssetNotFound, TemplateNotFound
from content_svc.models import Asset, ContentPolicy, Template


async def get_template(session: AsyncSession, brand_id: UUID, template_id: UUID) -> Template:
    template = await session.scalar(
        select(Template).where(Template.brand_id == brand_id, Template.id == template_id)
    )
    if template is None:
        raise TemplateNotFound("no such template", field="/template_id")
    return template


async def list_assets(
    session: AsyncSession, brand_id: UUID, asset_ids: Sequence[UUID]
) -> list[Asset]:
    """The assets in the order of their ids; AssetNotFound names the first that is not there."""
    found = {
        asset.id: asset
        for asset in await session.scalars(
            select(Asset).where(Asset.brand_id == brand_id, Asset.id.in_(asset_ids))
        )
    }
    for position, asset_id in enumerate(asset_ids):
        if asset_id not in found:
            raise AssetNotFound("no such asset", field=f"/asset_ids/{position}")
    return [found[asset_id] for asset_id in asset_ids]


async def get_policy(session: AsyncSession, brand_id: UUID) -> Policy:
    row = await session.get(ContentPolicy, brand_id)
    if row is None:
        return Policy()
    return Policy(
        updated_at=row.updated_at,
        industry=row.industry,
        never_words=row.never_words,
        competitor_words=row.competitor_words,
        evidence=row.evidence,
    )


async def put_policy(session: AsyncSession, policy: ContentPolicy) -> None:
    values = {
        column.name: getattr(policy, column.name) for column in ContentPolicy.__table__.columns
    }
    changed = {name: value for name, value in values.items() if name != "brand_id"}
    await session.execute(
        insert(ContentPolicy)
        .values(values)
        .on_conflict_do_update(index_elements=["brand_id"], set_=changed)
    )
