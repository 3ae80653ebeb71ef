"""Posts: claiming what is due, recording what came of it, figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    TextClause,
    Uuid,
    any_,
    bindparam,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.errors import PostNotFound
from content_svc.models import OPEN, AccountEntry, Draft, Post, PostStatus
from shared.events.account import Platform

_HAND_OFF = """
with due as (
    select p.id, a.status = 'active' as is_active
    from post p
    join account_directory a on a.brand_id = p.brand_id and a.account_id = p.account_id
    where p.brand_id = :brand_id and p.campaign_id {campaign}
      and p.status = 'scheduled' and p.next_at <= :at and p.platform <> all(:by_api)
    order by p.next_at limit :size for update of p skip locked
)
update post set
    status = case when due.is_active then 'handed_off' else 'failed' end,
    failure_reason = case when due.is_active then null else 'account_not_active' end,
    handoff_deadline_at = case when due.is_active then cast(:deadline as timestamptz) end,
    next_at = :deadline,
    version = version + 1
from due
where post.brand_id = :brand_id and post.id = due.id
returning post.id, post.account_id, post.staff_id, post.status, post.version
"""

_MISS_DEADLINE = """
update post set status = 'failed', failure_reason = 'handoff_missed', version = version + 1
where brand_id = :brand_id and id in (
    select id from post
    where brand_id = :brand_id and campaign_id {campaign}
      and status = 'handed_off' and next_at <= :at
    limit :size for update skip locked)
returning id, account_id, version
"""

# One post of an account at a time until the platform has named it: a lookup after an unclear
# answer must not take another post's item for this one's.
_CLAIM = """
with due as (
    select p.id, p.account_id, p.next_at
    from post p
    where p.brand_id = :brand_id and p.campaign_id {campaign}
      and p.status = any(:statuses) and p.next_at <= :at and p.platform = any(:by_api)
      and not exists (
        select from post o
        where o.brand_id = :brand_id and o.account_id = p.account_id and o.id <> p.id
          and o.status = 'dispatching' and o.platform_post_id is null)
    order by p.next_at limit 4 * :size
), first_of_account as (
    select distinct on (account_id) id from due order by account_id, next_at
), taken as (
    select p.id from post p join first_of_account f on f.id = p.id
    where p.brand_id = :brand_id and p.status = any(:statuses) and p.next_at <= :at
    order by p.next_at limit :size for update of p skip locked
)
update post set
    status = 'dispatching', next_at = :lease_until,
    progress = progress || jsonb_build_object('claim', cast(:claim as text))
from taken
where post.brand_id = :brand_id and post.id = taken.id
returning post.id
"""


# Whoever still holds the claim may add to what is remembered.
_REMEMBER = text(
    """
    update post set progress = post.progress || f.facts, next_at = :lease_until
    from unnest(cast(:ids as uuid[]), cast(:claims as text[]), :facts) f (id, claim, facts)
    where post.brand_id = :brand_id and post.id = f.id
      and post.status = 'dispatching' and post.progress ->> 'claim' = f.claim
    returning post.id
    """
).bindparams(bindparam("facts", type_=ARRAY(JSONB)))

# Statements of every post are put together once: for a short one that costs as much as to run it.
_IDS = any_(bindparam("ids", type_=ARRAY(Uuid)))
_CLAIMED = (
    select(
        Post.id,
        Post.account_id,
        Post.platform,
        Post.status,
        Post.progress,
        Post.platform_post_id,
        Post.url,
        Post.published_at,
        Draft.title,
        Draft.text,
        Draft.asset_ids,
        AccountEntry.handle,
        AccountEntry.status.label("account_status"),
    )
    .join(Draft, (Draft.brand_id == Post.brand_id) & (Draft.id == Post.draft_id))
    .join(
        AccountEntry,
        (AccountEntry.brand_id == Post.brand_id) & (AccountEntry.account_id == Post.account_id),
    )
    .where(Post.brand_id == bindparam("brand_id"), Post.id == _IDS)
)
_FOR_UPDATE = (
    select(Post)
    .where(Post.brand_id == bindparam("brand_id"), Post.id == _IDS)
    .order_by(Post.id)
    .with_for_update()
)


@cache
def _prepare(statement: str, of: str) -> TextClause:
    return text(statement.replace("{campaign}", of))


def _of_campaign(statement: str, campaign_id: UUID | None) -> TextClause:
    """The statement for a campaign's posts, or for those of none; either can use the index."""
    return _prepare(statement, "is null" if campaign_id is None else "= cast(:campaign_id as uuid)")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A post to dispatch or to measure, with what a connector needs of its draft and account."""

    id: UUID
    account_id: UUID
    platform: Platform
    status: PostStatus
    progress: dict[str, Any]
    platform_post_id: str | None
    url: str | None
    published_at: datetime | None
    title: str
    text: str
    handle: str
    is_account_active: bool
    asset_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a connector wants remembered of the post that its claim holds."""

    post_id: UUID
    claim: UUID
    facts: dict[str, Any]


async def get_post_for_update(session: AsyncSession, brand_id: UUID, post_id: UUID) -> Post:
    post = await session.scalar(
        select(Post).where(Post.brand_id == brand_id, Post.id == post_id).with_for_update()
    )
    if post is None:
        raise PostNotFound("no such post")
    return post


async def list_for_update(
    session: AsyncSession, brand_id: UUID, post_ids: Sequence[UUID]
) -> dict[UUID, Post]:
    rows = await session.scalars(_FOR_UPDATE, {"brand_id": brand_id, "ids": list(post_ids)})
    return {row.id: row for row in rows}


async def find_post_by_platform_id(
    session: AsyncSession, brand_id: UUID, platform: Platform, platform_post_id: str
) -> UUID | None:
    return await session.scalar(
        select(Post.id).where(
            Post.brand_id == brand_id,
            Post.platform == platform,
            Post.platform_post_id == platform_post_id,
        )
    )


async def list_taken(
    session: AsyncSession, brand_id: UUID, platform: Platform, ids: Sequence[str]
) -> set[str]:
    """Those platform ids that already belong to a post."""
    rows = await session.scalars(
        select(Post.platform_post_id).where(
            Post.brand_id == brand_id,
            Post.platform == platform,
            Post.platform_post_id.in_(ids),
        )
    )
    return {row for row in rows if row is not None}


async def hand_off_due(
    session: AsyncSession,
    brand_id: UUID,
    campaign_id: UUID | None,
    *,
    at: datetime,
    deadline: datetime,
    by_api: Sequence[Platform],
    size: int,
) -> list[Any]:
    """Give up to `size` due posts to their sellers; (id, account_id, staff_id, status, version)."""
    rows = await session.execute(
        _of_campaign(_HAND_OFF, campaign_id),
        {
            "brand_id": brand_id,
            "campaign_id": campaign_id,
            "at": at,
            "deadline": deadline,
            "by_api": list(by_api),
            "size": size,
        },
    )
    return list(rows)


async def miss_deadlines(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID | None, *, at: datetime, size: int
) -> list[Any]:
    """Fail up to `size` handoffs whose deadline has passed; (id, account_id, version)."""
    rows = await session.execute(
        _of_campaign(_MISS_DEADLINE, campaign_id),
        {"brand_id": brand_id, "campaign_id": campaign_id, "at": at, "size": size},
    )
    return list(rows)


async def claim_due(
    session: AsyncSession,
    brand_id: UUID,
    campaign_id: UUID | None,
    *,
    at: datetime,
    lease_until: datetime,
    claim: UUID,
    by_api: Sequence[Platform],
    statuses: Sequence[PostStatus],
    size: int,
) -> list[UUID]:
    """Take up to `size` due posts of API platforms for `claim` until `lease_until`.

    Claims of a brand's campaigns wait for each other: two of them must not take one account.
    """
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('claim|' || :brand, 0))"),
        {"brand": str(brand_id)},
    )
    rows = await session.execute(
        _of_campaign(_CLAIM, campaign_id),
        {
            "brand_id": brand_id,
            "campaign_id": campaign_id,
            "at": at,
            "lease_until": lease_until,
            "claim": str(claim),
            "by_api": list(by_api),
            "statuses": list(statuses),
            "size": size,
        },
    )
    return [row.id for row in rows]


async def list_claimed(
    session: AsyncSession, brand_id: UUID, post_ids: Sequence[UUID]
) -> list[Claimed]:
    rows = await session.execute(_CLAIMED, {"brand_id": brand_id, "ids": list(post_ids)})
    return [
        Claimed(
            id=row.id,
            account_id=row.account_id,
            platform=row.platform,
            status=row.status,
            progress=row.progress,
            platform_post_id=row.platform_post_id,
            url=row.url,
            published_at=row.published_at,
            title=row.title,
            text=row.text,
            handle=row.handle,
            is_account_active=row.account_status == "active",
            asset_ids=row.asset_ids,
        )
        for row in rows
    ]


async def list_outdated(
    session: AsyncSession,
    brand_id: UUID,
    *,
    until: datetime,
    pack_version: str,
    policy_at: datetime | None,
    size: int,
) -> list[tuple[Post, Draft]]:
    """Scheduled posts due by `until` whose text was last checked under other rules; locked."""
    is_outdated = Draft.pack_version != pack_version
    if policy_at is not None:
        is_outdated = or_(is_outdated, Draft.checked_at < policy_at)
    rows = await session.execute(
        select(Post, Draft)
        .join(Draft, (Draft.brand_id == Post.brand_id) & (Draft.id == Post.draft_id))
        .where(
            Post.brand_id == brand_id,
            Post.status == PostStatus.SCHEDULED,
            Post.next_at <= until,
            is_outdated,
        )
        .order_by(Post.next_at)
        .limit(size)
        .with_for_update(skip_locked=True)
    )
    return [(row[0], row[1]) for row in rows]


async def find_next_at(
    session: AsyncSession,
    brand_id: UUID,
    campaign_id: UUID | None,
    statuses: Sequence[PostStatus] = OPEN,
) -> datetime | None:
    """When the dispatcher has to look at the campaign's open posts next."""
    return await session.scalar(
        select(func.min(Post.next_at)).where(
            Post.brand_id == brand_id,
            Post.campaign_id.is_(None) if campaign_id is None else Post.campaign_id == campaign_id,
            Post.status.in_(statuses),
        )
    )


async def count_by_status(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID
) -> dict[str, int]:
    rows = await session.execute(
        select(Post.status, func.count())
        .where(Post.brand_id == brand_id, Post.campaign_id == campaign_id)
        .group_by(Post.status)
    )
    return {row[0]: row[1] for row in rows}


async def count_drafts_by_status(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID
) -> dict[str, int]:
    rows = await session.execute(
        select(Draft.status, func.count())
        .where(Draft.brand_id == brand_id, Draft.campaign_id == campaign_id)
        .group_by(Draft.status)
    )
    return {row[0]: row[1] for row in rows}


async def remember_progress(
    session: AsyncSession, brand_id: UUID, items: Sequence[Facts], *, lease_until: datetime
) -> set[UUID]:
    """Add facts to the progress of the posts whose claims still hold, until then; their ids."""
    held = await session.scalars(
        _REMEMBER,
        {
            "brand_id": brand_id,
            "ids": [item.post_id for item in items],
            "claims": [str(item.claim) for item in items],
            "facts": [item.facts for item in items],
            "lease_until": lease_until,
        },
    )
    return set(held)
