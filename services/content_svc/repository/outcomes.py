"""What became of leads and deals that content brought."""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.models import DealOutcome, LeadOutcome
from content_svc.repository.reading import Conditions
from shared.access import Extent
from shared.ids import typed


async def put_lead(session: AsyncSession, brand_id: UUID, lead_id: UUID, **facts: Any) -> None:
    """Set `facts` (columns of the outcome) of the lead; what it does not name stays."""
    values = {
        "post_id": None,
        "account_id": None,
        "campaign_id": None,
        "is_accepted": False,
        "is_voided": False,
        **facts,
    }
    await session.execute(
        insert(LeadOutcome)
        .values(brand_id=brand_id, lead_id=lead_id, **values)
        .on_conflict_do_update(index_elements=["brand_id", "lead_id"], set_=facts)
    )


async def put_deal(session: AsyncSession, outcome: DealOutcome) -> None:
    values = {
        column.name: getattr(outcome, column.name) for column in DealOutcome.__table__.columns
    }
    await session.execute(
        insert(DealOutcome)
        .values(values)
        .on_conflict_do_update(index_elements=["brand_id", "deal_id"], set_=values)
    )


_SUMS = ("posts", "views", "leads", "accepted", "deals", "amount_minor")
_KEYS = {
    "platform": ("coalesce(p.platform, a.platform)", None),
    "template": ("p.template_id", "tmpl"),
    "campaign": ("coalesce(p.campaign_id, f.campaign_id)", "camp"),
    "account": ("coalesce(p.account_id, f.account_id)", "acct"),
}

# Facts about posts, leads and deals side by side, then summed by key. A lead may be credited to
# an account or campaign without a post; it then counts where that key is known.
_WHAT_CONVERTS = """
with fact as (
    select p.brand_id, p.id as post_id, p.account_id, p.campaign_id, p.views as views, 1 as posts,
           0 as leads, 0 as accepted, 0 as deals, 0::bigint as amount_minor
    from post p where p.brand_id = $1 and p.status = 'published'
    union all
    select l.brand_id, l.post_id, l.account_id, l.campaign_id, 0, 0, 1, l.is_accepted::int, 0, 0
    from lead_outcome l where l.brand_id = $1 and not l.is_voided
    union all
    select d.brand_id, d.post_id, d.account_id, d.campaign_id, 0, 0, 0, 0, 1, d.amount_minor
    from deal_outcome d where d.brand_id = $1 and not d.is_voided and d.currency = 'CNY'
)
select {key} as key, sum(f.posts) as posts, sum(f.views) as views, sum(f.leads) as leads,
       sum(f.accepted) as accepted, sum(f.deals) as deals, sum(f.amount_minor) as amount_minor
from fact f
left join post p on p.brand_id = $1 and p.id = f.post_id
left join account_directory a
    on a.brand_id = $1 and a.account_id = coalesce(p.account_id, f.account_id)
where {key} is not null and {conditions}
group by 1 order by leads desc, posts desc, 1 limit 500
"""


async def fetch_what_converts(
    connection: asyncpg.Connection,
    brand_id: UUID,
    *,
    by: str,
    campaign_id: UUID | None,
    extent: Extent,
) -> list[dict[str, Any]]:
    """Sums by `platform`, `template`, `campaign` or `account`, inside the caller's extent."""
    key, prefix = _KEYS[by]
    conditions = Conditions("f", brand_id)
    conditions.limit_to(extent, "a")
    conditions.add_given("coalesce(p.campaign_id, f.campaign_id) = ?", campaign_id)
    rows = await connection.fetch(
        _WHAT_CONVERTS.format(key=key, conditions=conditions.sql), *conditions.arguments
    )
    return [
        {
            "key": row["key"] if prefix is None else typed(prefix, row["key"]),
            **{name: int(row[name]) for name in _SUMS},
        }
        for row in rows
    ]
