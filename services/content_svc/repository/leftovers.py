"""SQL of what waits on accounts: drafts that are open and posts that are queued."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# the drafts' condition is that of the index ix_draft_open
_COUNT = text(
    """
    select a.account_id,
           (select count(*) from draft d
            where d.brand_id = :brand_id and d.account_id = a.account_id
              and (d.status in ('held', 'in_review') or d.status = 'approved' and not d.is_planned)
              and not exists (
                  select from post p where p.brand_id = d.brand_id and p.draft_id = d.id
                    and p.status <> 'withdrawn')) as drafts,
           (select count(*) from post p
            where p.brand_id = :brand_id and p.account_id = a.account_id
              and p.status in ('scheduled', 'dispatching', 'handed_off')) as posts
    from unnest(cast(:account_ids as uuid[])) with ordinality a (account_id, place)
    order by a.place
    """
)


async def count(
    session: AsyncSession, brand_id: UUID, account_ids: Sequence[UUID]
) -> list[tuple[UUID, int, int]]:
    """Open drafts and queued posts by account, in the order given."""
    rows = await session.execute(_COUNT, {"brand_id": brand_id, "account_ids": list(account_ids)})
    return [(row.account_id, row.drafts, row.posts) for row in rows]
