"""SQL of communities and their activities. Whoever changes an activity locks its community."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import ActivityNotFound, CommunityNotFound, CommunityRegisteredAlready
from lead_svc.models import (
    Community,
    CommunityActivity,
    CommunityStatus,
    OrgUnit,
    SellerAccount,
)
from lead_svc.repository.leads import covers
from lead_svc.repository.units import below
from shared.access import Extent

_GROUP = "uq_community_brand_id_platform_platform_group_id"


async def add(session: AsyncSession, community: Community) -> None:
    session.add(community)
    try:
        await session.flush()  # the database says whether the group is registered
    except IntegrityError as error:
        if getattr(error.driver_exception, "constraint_name", None) != _GROUP:
            raise
        raise CommunityRegisteredAlready(
            "the brand has a community with this id on the platform", field="/platform_group_id"
        ) from error


async def get_for_update(
    session: AsyncSession,
    brand_id: UUID,
    community_id: UUID,
    extent: Extent,
    *,
    field: str | None = None,
) -> Community:
    """`field` is what names it in a body."""
    community: Community | None = await session.scalar(
        select(Community)
        .where(
            Community.brand_id == brand_id,
            Community.id == community_id,
            _within(extent, brand_id),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if community is None:
        raise CommunityNotFound("no such community", field=field)
    return community


async def get_activity_for_update(
    session: AsyncSession, brand_id: UUID, activity_id: UUID, extent: Extent
) -> tuple[Community, CommunityActivity]:
    """The activity and its community, both locked, the community first."""
    mine = (CommunityActivity.brand_id == brand_id, CommunityActivity.id == activity_id)
    community_id = await session.scalar(
        select(CommunityActivity.community_id)
        .join(
            Community,
            (Community.brand_id == CommunityActivity.brand_id)
            & (Community.id == CommunityActivity.community_id),
        )
        .where(*mine, _within(extent, brand_id))
    )
    if community_id is None:
        raise ActivityNotFound("no such activity")
    community = await get_for_update(session, brand_id, community_id, extent)
    activity = await session.scalar(
        select(CommunityActivity)
        .where(*mine)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    assert activity is not None, "activities are not deleted"
    return community, activity


def _within(extent: Extent, brand_id: UUID) -> ColumnElement[bool]:
    """A seller has those that they host or are the deputy of."""
    if extent.staff_id is not None:
        return or_(
            Community.host_staff_id == extent.staff_id, Community.deputy_staff_id == extent.staff_id
        )
    return covers(extent, brand_id, staff=Community.host_staff_id, unit=Community.unit_id)


async def find_activity_of(
    session: AsyncSession, community: Community, external_id: str
) -> CommunityActivity | None:
    """The activity of this cause in the community, which is locked."""
    activity: CommunityActivity | None = await session.scalar(
        select(CommunityActivity).where(
            CommunityActivity.brand_id == community.brand_id,
            CommunityActivity.community_id == community.id,
            CommunityActivity.external_id == external_id,
        )
    )
    return activity


async def has_unit(session: AsyncSession, brand_id: UUID, unit_id: UUID, extent: Extent) -> bool:
    """Whether there is such a unit and the extent, which is no seller's, covers it."""
    covered = covers(extent, brand_id, staff=OrgUnit.id, unit=OrgUnit.id)
    found = await session.scalar(
        select(OrgUnit.id).where(OrgUnit.brand_id == brand_id, OrgUnit.id == unit_id, covered)
    )
    return found is not None


async def find_account(
    session: AsyncSession, brand_id: UUID, account_id: UUID, extent: Extent
) -> SellerAccount | None:
    """The account, if the extent covers it."""
    account: SellerAccount | None = await session.scalar(
        select(SellerAccount).where(
            SellerAccount.brand_id == brand_id,
            SellerAccount.id == account_id,
            covers(extent, brand_id, staff=SellerAccount.staff_id, unit=SellerAccount.unit_id),
        )
    )
    return account


async def looked_after_by(
    session: AsyncSession, brand_id: UUID, staff_id: UUID
) -> Sequence[Community]:
    """Open communities whose host or deputy the person is, locked."""
    statement = (
        select(Community)
        .where(
            Community.brand_id == brand_id,
            or_(Community.host_staff_id == staff_id, Community.deputy_staff_id == staff_id),
            Community.status == CommunityStatus.OPEN,
        )
        .order_by(Community.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(statement)).all()


async def is_below(session: AsyncSession, brand_id: UUID, unit_id: UUID, top_id: UUID) -> bool:
    """Whether the unit is the other one, or below it."""
    units = below(brand=":brand", units="array[cast(:top as uuid)]")
    found = await session.scalar(
        text(f"select cast(:unit as uuid) in {units}"),
        {"brand": brand_id, "top": top_id, "unit": unit_id},
    )
    return bool(found)
