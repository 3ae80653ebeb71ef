"""SQL of the directories: org tree, sellers, accounts, posts, campaigns."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import (
    Base,
    CampaignEntry,
    OrgUnit,
    PostEntry,
    Seller,
    SellerAccount,
    SellerPair,
    SellerRight,
)
from lead_svc.repository.leads import EVERYTHING, covers
from lead_svc.repository.units import below
from shared.access import Extent
from shared.events.account import (
    AccountPairChecked,
    AccountRegistered,
    AccountStatus,
    CertificateEarned,
    Platform,
    StaffChanged,
    StaffJoined,
    UnitAdded,
)
from shared.events.content import CampaignLaunched, PostPublished


async def _save(
    session: AsyncSession, table: type[Base], row: dict[str, Any], key: Sequence[str] = ("id",)
) -> None:
    """Insert the row, or overwrite the columns it names."""
    statement = insert(table).values(row)
    changed = {name: statement.excluded[name] for name in row if name not in key}
    await session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed))


async def save_unit(session: AsyncSession, brand_id: UUID, unit: UnitAdded) -> None:
    row = {
        "id": unit.unit_id,
        "brand_id": brand_id,
        "kind": unit.kind,
        "code": unit.code,
        "name": unit.name,
        "parent_id": unit.ancestor_ids[-2] if len(unit.ancestor_ids) > 1 else None,
        "ancestor_ids": unit.ancestor_ids,
    }
    await _save(session, OrgUnit, row)


async def find_path(session: AsyncSession, brand_id: UUID, unit_id: UUID) -> list[UUID] | None:
    path: list[UUID] | None = await session.scalar(
        select(OrgUnit.ancestor_ids).where(OrgUnit.brand_id == brand_id, OrgUnit.id == unit_id)
    )
    return path


async def set_path(
    session: AsyncSession, brand_id: UUID, unit_id: UUID, path: Sequence[UUID]
) -> None:
    """Give the unit this path, and everything below it the path with the same continuation."""
    await session.execute(
        text(
            f"""update org_unit set
                parent_id = case when id = cast(:unit as uuid)
                    then cast(:parent as uuid) else parent_id end,
                ancestor_ids = cast(:path as uuid[])
                    || ancestor_ids[array_position(ancestor_ids, cast(:unit as uuid)) + 1 :]
            where brand_id = :brand
                and id in {below(brand=":brand", units="array[cast(:unit as uuid)]")}"""
        ),
        {
            "brand": brand_id,
            "unit": unit_id,
            "parent": path[-2] if len(path) > 1 else None,
            "path": list(path),
        },
    )


async def save_seller(session: AsyncSession, brand_id: UUID, staff: StaffJoined) -> None:
    row: dict[str, Any] = {
        "id": staff.staff_id,
        "brand_id": brand_id,
        "unit_id": staff.unit_id,
        "is_seller": staff.is_seller,
        "open_lead_capacity": staff.open_lead_capacity,
        "skills": staff.skills,
        "product_lines": staff.product_lines,
        "languages": staff.languages,
        "tier": staff.tier,
    }
    if isinstance(staff, StaffChanged):
        row.pop("id")
        await session.execute(
            update(Seller)
            .where(Seller.brand_id == brand_id, Seller.id == staff.staff_id)
            .values(row)
        )
        return
    new = {"absent_from": None, "absent_until": None, "open_load": 0, "last_offered_at": None}
    statement = insert(Seller).values({**row, **new, "is_departed": False})
    row["is_departed"] = False
    changed = {name: statement.excluded[name] for name in row if name != "id"}
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


async def set_absence(
    session: AsyncSession,
    brand_id: UUID,
    staff_id: UUID,
    from_at: datetime | None,
    until_at: datetime | None,
) -> None:
    await session.execute(
        update(Seller)
        .where(Seller.brand_id == brand_id, Seller.id == staff_id)
        .values(absent_from=from_at, absent_until=until_at)
    )


async def set_departed(session: AsyncSession, brand_id: UUID, staff_id: UUID) -> None:
    await session.execute(
        update(Seller)
        .where(Seller.brand_id == brand_id, Seller.id == staff_id)
        .values(is_departed=True)
    )


async def begin_handover(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, handover_id: UUID
) -> None:
    await session.execute(
        update(Seller)
        .where(Seller.brand_id == brand_id, Seller.id == staff_id)
        .values(handover_id=handover_id)
    )


async def end_handover(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, handover_id: UUID
) -> None:
    await session.execute(
        update(Seller)
        .where(
            Seller.brand_id == brand_id,
            Seller.id == staff_id,
            Seller.handover_id == handover_id,
        )
        .values(handover_id=None)
    )


async def save_right(session: AsyncSession, brand_id: UUID, earned: CertificateEarned) -> None:
    row = {
        "staff_id": earned.staff_id,
        "right": earned.right,
        "brand_id": brand_id,
        "expires_at": earned.expires_at,
    }
    await _save(session, SellerRight, row, key=("staff_id", "right"))


async def remove_right(session: AsyncSession, brand_id: UUID, staff_id: UUID, right: str) -> None:
    await session.execute(
        delete(SellerRight).where(
            SellerRight.brand_id == brand_id,
            SellerRight.staff_id == staff_id,
            SellerRight.right == right,
        )
    )


async def save_account(session: AsyncSession, brand_id: UUID, account: AccountRegistered) -> None:
    row = {
        "id": account.account_id,
        "brand_id": brand_id,
        "platform": account.platform,
        "handle": account.handle,
        "platform_id": account.platform_id,
        "unit_id": account.unit_id,
        "staff_id": account.staff_id,
        "status": account.status,
    }
    await _save(session, SellerAccount, row)


async def set_account_status(
    session: AsyncSession, brand_id: UUID, account_id: UUID, status: AccountStatus
) -> None:
    await session.execute(
        update(SellerAccount)
        .where(SellerAccount.brand_id == brand_id, SellerAccount.id == account_id)
        .values(status=status)
    )


async def hand_over_account(
    session: AsyncSession, brand_id: UUID, account_id: UUID, staff_id: UUID, unit_id: UUID
) -> None:
    await session.execute(
        update(SellerAccount)
        .where(SellerAccount.brand_id == brand_id, SellerAccount.id == account_id)
        .values(staff_id=staff_id, unit_id=unit_id, status=AccountStatus.HANDED_OVER)
    )


async def save_pair(
    session: AsyncSession, brand_id: UUID, checked: AccountPairChecked, version: int
) -> None:
    """Keep the comparison, unless a newer one is kept."""
    row = {
        "brand_id": brand_id,
        "account_id": checked.account_id,
        "private_account_id": checked.private_account_id,
        "staff_id": checked.staff_id,
        "state": checked.state,
        "failed_fields": checked.failed_fields,
        "version": version,
    }
    statement = insert(SellerPair).values(row)
    changed = {name: statement.excluded[name] for name in row}
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["brand_id", "account_id"],
            set_=changed,
            where=SellerPair.version < statement.excluded.version,
        )
    )


async def find_pair(session: AsyncSession, brand_id: UUID, account_id: UUID) -> SellerPair | None:
    return await session.get(SellerPair, (brand_id, account_id))


async def save_post(session: AsyncSession, brand_id: UUID, post: PostPublished) -> None:
    row = {
        "id": post.post_id,
        "brand_id": brand_id,
        "account_id": post.account_id,
        "campaign_id": post.campaign_id,
        "staff_id": post.staff_id,
        "unit_id": post.unit_id,
        "platform": post.platform,
        "platform_post_id": post.platform_post_id,
        "url_key": None if post.url is None else url_key(post.url),
        "published_at": post.published_at,
    }
    await _save(session, PostEntry, row)


async def save_campaign(session: AsyncSession, brand_id: UUID, campaign: CampaignLaunched) -> None:
    row = {
        "id": campaign.campaign_id,
        "brand_id": brand_id,
        "code": campaign.code,
        "name": campaign.name,
    }
    await _save(session, CampaignEntry, row)


def url_key(url: str) -> str:
    """An address without scheme, query and fragment: shared links differ in those."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"


async def find_post(session: AsyncSession, brand_id: UUID, url: str) -> PostEntry | None:
    key = url_key(url)
    by_url: PostEntry | None = await session.scalar(
        select(PostEntry).where(PostEntry.brand_id == brand_id, PostEntry.url_key == key).limit(1)
    )
    if by_url is not None:
        return by_url
    # The platform's id is the last part of its links, whatever host the link was shortened to.
    by_id: PostEntry | None = await session.scalar(
        select(PostEntry)
        .where(
            PostEntry.brand_id == brand_id,
            PostEntry.platform_post_id == key.rpartition("/")[2],
        )
        .limit(1)
    )
    return by_id


async def find_account(
    session: AsyncSession, brand_id: UUID, handle: str, platform: Platform | None
) -> SellerAccount | None:
    """The account with this handle or platform id: on the platform, or the only one anywhere.
    A retired one has it no more once another has; until then its late leads are still its own."""
    rows = list(
        await session.scalars(
            select(SellerAccount)
            .where(
                SellerAccount.brand_id == brand_id,
                or_(SellerAccount.handle == handle, SellerAccount.platform_id == handle),
            )
            .order_by(SellerAccount.status == AccountStatus.RETIRED, SellerAccount.id.desc())
            .limit(20)
        )
    )
    live = {row.platform for row in rows if row.status is not AccountStatus.RETIRED}
    found = [
        row for row in rows if row.status is not AccountStatus.RETIRED or row.platform not in live
    ]
    on_platform = [account for account in found if account.platform is platform]
    if on_platform:
        return on_platform[0]
    return found[0] if len(found) == 1 else None


async def find_account_by_id(
    session: AsyncSession, brand_id: UUID, account_id: UUID
) -> SellerAccount | None:
    account: SellerAccount | None = await session.scalar(
        select(SellerAccount).where(
            SellerAccount.brand_id == brand_id, SellerAccount.id == account_id
        )
    )
    return account


async def find_unit(session: AsyncSession, brand_id: UUID, code: str) -> OrgUnit | None:
    unit: OrgUnit | None = await session.scalar(
        select(OrgUnit).where(OrgUnit.brand_id == brand_id, OrgUnit.code == code).limit(1)
    )
    return unit


async def find_campaign(session: AsyncSession, brand_id: UUID, code: str) -> UUID | None:
    campaign_id: UUID | None = await session.scalar(
        select(CampaignEntry.id)
        .where(CampaignEntry.brand_id == brand_id, CampaignEntry.code == code)
        .limit(1)
    )
    return campaign_id


async def find_post_author(session: AsyncSession, brand_id: UUID, post_id: UUID) -> UUID | None:
    staff_id: UUID | None = await session.scalar(
        select(PostEntry.staff_id).where(PostEntry.brand_id == brand_id, PostEntry.id == post_id)
    )
    return staff_id


async def find_seller(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, extent: Extent = EVERYTHING
) -> Seller | None:
    """The person, who need not sell, if the extent covers them."""
    seller: Seller | None = await session.scalar(
        select(Seller).where(
            Seller.brand_id == brand_id,
            Seller.id == staff_id,
            covers(extent, brand_id, staff=Seller.id, unit=Seller.unit_id),
        )
    )
    return seller
