"""Platform authorisations and the lease under which one holder renews them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import Authorization
from shared.events.account import Platform

_OF_PLATFORM = select(Authorization).where(
    Authorization.brand_id == bindparam("brand_id"),
    Authorization.platform == bindparam("platform"),
)
_OF_ACCOUNTS = _OF_PLATFORM.where(
    Authorization.account_id == any_(bindparam("account_ids", type_=ARRAY(Uuid)))
)
_OF_BRAND = _OF_PLATFORM.where(Authorization.account_id.is_(None))


async def list_authorizations(
    session: AsyncSession, brand_id: UUID, platform: Platform, account_ids: Sequence[UUID | None]
) -> dict[UUID | None, Authorization]:
    """Those of the accounts; None stands for the brand's own."""
    given = {"brand_id": brand_id, "platform": platform}
    named = list({each for each in account_ids if each is not None})
    rows: list[Authorization] = []
    if named:
        rows += await session.scalars(_OF_ACCOUNTS, {**given, "account_ids": named})
    if None in account_ids:
        rows += await session.scalars(_OF_BRAND, given)
    return {row.account_id: row for row in rows}


async def find_authorization(
    session: AsyncSession,
    brand_id: UUID,
    platform: Platform,
    account_id: UUID | None,
    *,
    for_update: bool = False,
) -> Authorization | None:
    statement = select(Authorization).where(
        Authorization.brand_id == brand_id,
        Authorization.platform == platform,
        Authorization.account_id.is_(None)
        if account_id is None
        else Authorization.account_id == account_id,
    )
    return await session.scalar(statement.with_for_update() if for_update else statement)


async def find_authorization_by_id(
    session: AsyncSession, brand_id: UUID, authorization_id: UUID
) -> Authorization | None:
    return await session.scalar(
        select(Authorization).where(
            Authorization.brand_id == brand_id, Authorization.id == authorization_id
        )
    )


async def get_for_update(
    session: AsyncSession, brand_id: UUID, authorization_id: UUID
) -> Authorization:
    """The row a holder has leased; authorisations are never deleted."""
    row = await session.scalar(
        select(Authorization)
        .where(Authorization.brand_id == brand_id, Authorization.id == authorization_id)
        .with_for_update()
    )
    assert row is not None
    return row
