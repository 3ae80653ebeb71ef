"""SQL of platform policies."""

from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import PlatformPolicy, PolicyFact, PolicyRow
from account_svc.platform_wide import platform_wide_policies
from account_svc.repository.reading import Conditions
from shared.events.account import Platform

SELECT_POLICY = """select p.id, p.platform, p.fact, p.number, p.words, p.valid_from, p.valid_to,
    p.source from platform_policy p"""


def all_policies(brand_id: UUID) -> Conditions:
    return Conditions("p", brand_id)


def filtered_policies(
    brand_id: UUID, *, platform: Platform | None, fact: PolicyFact | None
) -> Conditions:
    conditions = all_policies(brand_id)
    conditions.add_given("p.platform = ?", platform)
    conditions.add_given("p.fact = ?", fact)
    return conditions


async def load_policies(session: AsyncSession, brand_id: UUID) -> list[PolicyRow]:
    """The platforms' rows and the brand's, expired ones too, for a use case."""
    own = await session.scalars(select(PlatformPolicy).where(PlatformPolicy.brand_id == brand_id))
    return [
        *platform_wide_policies(),
        *(
            PolicyRow(
                id=row.id,
                platform=row.platform,
                fact=row.fact,
                number=row.number,
                words=None if row.words is None else tuple(row.words),
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                source=row.source,
            )
            for row in own
        ),
    ]


async def fetch_policies(
    connection: asyncpg.Connection, brand_id: UUID, platform: Platform | None = None
) -> list[PolicyRow]:
    """The platform's rows and the brand's, expired ones too, of one platform or of all."""
    conditions = filtered_policies(brand_id, platform=platform, fact=None)
    rows = await connection.fetch(f"{SELECT_POLICY} where {conditions.sql}", *conditions.arguments)
    own = [
        PolicyRow(
            id=row["id"],
            platform=Platform(row["platform"]),
            fact=PolicyFact(row["fact"]),
            number=row["number"],
            words=None if row["words"] is None else tuple(row["words"]),
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            source=row["source"],
        )
        for row in rows
    ]
    wide = [row for row in platform_wide_policies() if platform in (None, row.platform)]
    return wide + own
