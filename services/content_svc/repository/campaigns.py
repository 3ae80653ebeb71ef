"""Campaigns: targeting, compiling places, writing drafts in bulk, withdrawing what is queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.errors import CampaignCodeTaken, CampaignNotFound, DraftNotFound
from content_svc.models import (
    AccountEntry,
    Campaign,
    CampaignPlace,
    CampaignStatus,
    Draft,
    Post,
    PostStatus,
)
from shared.events.account import Platform

_DIRECTORY = """account_directory a
    left join unit_directory u on u.brand_id = a.brand_id and u.unit_id = a.unit_id"""
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_TARGET = """a.brand_id = :brand_id and a.status = 'active'
    and not exists (select from staff_directory s
        where s.brand_id = :brand_id and s.staff_id = a.staff_id and s.is_departed)"""
_NARROWED = {
    "platforms": " and a.platform = any(:platforms)",
    "persona_kinds": " and a.persona_kind = any(:persona_kinds)",
    # by what is known when it is planned, every post of the campaign goes out under the right
    "rights": """ and not exists (select from unnest(cast(:rights as text[])) wanted (name)
        where not exists (select from staff_right r
            where r.brand_id = :brand_id and r.staff_id = a.staff_id and r."right" = wanted.name
              and r.expires_at >= :rights_until))""",
    "unit_ids": " and u.ancestor_ids && cast(:unit_ids as uuid[])",
}

# An account's moment in the window is drawn from its id, so that compiling again gives the same
# one. Where another post of the account is too close, it takes the first free moment behind.
_DRAWN = """cast(:starts_at as timestamptz) + cast(:window as interval) * (
        (uuid_hash_extended(a.account_id, :seed) & 1048575) / float8 '1048576')"""
_RANGE = "{alias}.account_id > :after and {alias}.account_id <= :through"
_TAKEN = f"""select p.account_id, p.due_at from campaign_place p
    where p.brand_id = :brand_id and {_RANGE.format(alias="p")} and p.due_at > :since
    union all
    select o.account_id, o.due_at from post o
    where o.brand_id = :brand_id and {_RANGE.format(alias="o")} and o.due_at > :since
      and o.campaign_id is null and o.status <> 'withdrawn'"""
_COMPILE_FREE = f"""
insert into campaign_place (brand_id, campaign_id, account_id, due_at)
select :brand_id, :campaign_id, a.account_id, {_DRAWN}
from {{directory}} where {{target}} and {_RANGE.format(alias="a")}
"""
# What is taken is joined to the whole range, not looked up account by account. The campaign's own
# places are among it: a range that has them is taken.
_COMPILE_TAKEN = f"""
insert into campaign_place (brand_id, campaign_id, account_id, due_at)
select :brand_id, :campaign_id, a.account_id,
    case when taken.times is null then drawn.due_at else (
        select min(candidate.due_at)
        from (
            select drawn.due_at
            union all
            select one + cast(:gap as interval) from unnest(taken.times) one
            where one > drawn.due_at - cast(:gap as interval)
        ) candidate
        where not exists (
            select from unnest(taken.times) one
            where one > candidate.due_at - cast(:gap as interval)
              and one < candidate.due_at + cast(:gap as interval))
    ) end
from {{directory}}
cross join lateral (select {_DRAWN} as due_at) drawn
left join (
    select account_id, array_agg(due_at) as times from ({_TAKEN}) other group by account_id
) taken on taken.account_id = a.account_id
where {{target}} and {_RANGE.format(alias="a")}
  and not exists (select from campaign_place own where own.brand_id = :brand_id
    and own.campaign_id = :campaign_id and own.account_id = a.account_id
    and {_RANGE.format(alias="own")})
"""

_UNWRITTEN = """
select p.account_id, p.due_at, a.platform, a.handle, a.display_name, a.unit_id, a.staff_id,
       store.name as store, place.city as city
from campaign_place p
join account_directory a on a.brand_id = p.brand_id and a.account_id = p.account_id
left join unit_directory u on u.brand_id = a.brand_id and u.unit_id = a.unit_id
left join lateral (
    select x.name from unit_directory x
    where x.brand_id = :brand_id and x.unit_id = any(u.ancestor_ids)
    order by x.kind = 'store' desc, array_position(u.ancestor_ids, x.unit_id) desc limit 1
) store on true
left join lateral (
    select x.city from unit_directory x
    where x.brand_id = :brand_id and x.unit_id = any(u.ancestor_ids) and x.city is not null
    order by array_position(u.ancestor_ids, x.unit_id) desc limit 1
) place on true
where p.brand_id = :brand_id and p.campaign_id = :campaign_id
  and p.account_id > :after and not p.is_written
order by p.account_id limit :size
"""

_WITHDRAW = """
update post set status = 'withdrawn', failure_reason = :reason, version = version + 1
where brand_id = :brand_id and id in (
    select id from post
    where brand_id = :brand_id and campaign_id = :campaign_id
      and status in ('scheduled', 'handed_off')
    limit :size for update skip locked)
returning id, account_id, version
"""


_STATUS = select(Campaign.status).where(
    Campaign.brand_id == bindparam("brand_id"), Campaign.id == bindparam("campaign_id")
)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A place without a draft, with what the directory knows of its account."""

    account_id: UUID
    due_at: datetime
    platform: Platform
    name: str
    unit_id: UUID
    staff_id: UUID | None
    store: str | None
    city: str | None


async def add_campaign(session: AsyncSession, campaign: Campaign) -> None:
    session.add(campaign)
    try:
        # The unique code speaks here, where its name is known.
        await session.flush()
    except IntegrityError as error:
        if "uq_campaign_brand_id_code" in str(error.orig):
            raise CampaignCodeTaken("the code is taken", field="/code") from error
        raise


async def get_campaign_for_update(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID
) -> Campaign:
    campaign = await session.scalar(
        select(Campaign)
        .where(Campaign.brand_id == brand_id, Campaign.id == campaign_id)
        .with_for_update()
    )
    if campaign is None:
        raise CampaignNotFound("no such campaign")
    return campaign


async def get_campaign(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> Campaign:
    campaign = await session.scalar(
        select(Campaign).where(Campaign.brand_id == brand_id, Campaign.id == campaign_id)
    )
    if campaign is None:
        raise CampaignNotFound("no such campaign", field="/campaign_id")
    return campaign


async def get_status(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> CampaignStatus:
    status = await session.scalar(_STATUS, {"brand_id": brand_id, "campaign_id": campaign_id})
    if status is None:
        raise CampaignNotFound("no such campaign", field="/campaign_id")
    return status


async def count_targets(session: AsyncSession, campaign: Campaign) -> dict[str, int]:
    """Accounts that the campaign would post on, by platform."""
    directory, target, given = _target(campaign)
    rows = await session.execute(
        text(f"select a.platform, count(*) from {directory} where {target} group by 1"), given
    )
    return {row[0]: row[1] for row in rows}


async def compile_range(session: AsyncSession, campaign: Campaign, *, size: int) -> bool:
    """Give the targeted among the next `size` accounts their places; False behind the last.

    Set-based and resumable: `campaign.compiled_through` moves in the same transaction, and a
    repeated range adds nothing. The caller holds the campaign, so that nobody else adds to it.
    """
    after = campaign.compiled_through or _FIRST
    through: UUID | None = await session.scalar(
        select(AccountEntry.account_id)
        .where(AccountEntry.brand_id == campaign.brand_id, AccountEntry.account_id > after)
        .order_by(AccountEntry.account_id)
        .offset(size - 1)
        .limit(1)
    )
    directory, target, given = _target(campaign)
    gap = timedelta(minutes=campaign.posts_per_account_gap_minutes)
    given |= {
        "campaign_id": campaign.id,
        "after": after,
        "through": through or _LAST,
        "starts_at": campaign.starts_at,
        "window": campaign.ends_at - campaign.starts_at,
        "gap": gap,
        "since": campaign.starts_at - gap,
        "seed": campaign.id.int % 2**62,
    }
    # A plan for any range expects few rows, and looks each of them up.
    await session.execute(text("set local plan_cache_mode = force_custom_plan"))
    is_taken = await session.scalar(text(f"select exists ({_TAKEN})"), given)
    statement = _COMPILE_TAKEN if is_taken else _COMPILE_FREE
    await session.execute(text(statement.format(directory=directory, target=target)), given)
    campaign.compiled_through = through or campaign.compiled_through
    return through is not None


async def list_unwritten(
    session: AsyncSession, campaign: Campaign, *, size: int
) -> list[Unwritten]:
    """The next places behind `campaign.written_through`."""
    rows = await session.execute(
        text(_UNWRITTEN),
        {
            "brand_id": campaign.brand_id,
            "campaign_id": campaign.id,
            "after": campaign.written_through or _FIRST,
            "size": size,
        },
    )
    return [
        Unwritten(
            account_id=row.account_id,
            due_at=row.due_at,
            platform=Platform(row.platform),
            name=row.display_name or row.handle,
            unit_id=row.unit_id,
            staff_id=row.staff_id,
            store=row.store,
            city=row.city,
        )
        for row in rows
    ]


async def write_places(
    session: AsyncSession,
    campaign: Campaign,
    drafts: Sequence[dict[str, Any]],
    posts: Sequence[dict[str, Any]],
) -> None:
    """Insert the drafts of the next places, in their order, and the posts; note how far it is."""
    await session.execute(insert(Draft), drafts)
    if posts:
        await session.execute(insert(Post), posts)
    campaign.written_through = drafts[-1]["account_id"]


async def count_places(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> int:
    return (
        await session.scalar(
            select(func.count())
            .select_from(CampaignPlace)
            .where(CampaignPlace.brand_id == brand_id, CampaignPlace.campaign_id == campaign_id)
        )
        or 0
    )


async def find_due_at(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, account_id: UUID
) -> datetime | None:
    due_at: datetime | None = await session.scalar(
        text(
            "select due_at from campaign_place where brand_id = :brand_id"
            " and campaign_id = :campaign_id and account_id = :account_id"
        ),
        {"brand_id": brand_id, "campaign_id": campaign_id, "account_id": account_id},
    )
    return due_at


async def withdraw_queued(
    session: AsyncSession, brand_id: UUID, campaign_id: UUID, *, reason: str, size: int
) -> list[tuple[UUID, UUID, int]]:
    """Withdraw up to `size` queued posts; (post id, account id, version) of each."""
    rows = await session.execute(
        text(_WITHDRAW),
        {"brand_id": brand_id, "campaign_id": campaign_id, "reason": reason, "size": size},
    )
    return [(row.id, row.account_id, row.version) for row in rows]


async def get_draft_for_update(session: AsyncSession, brand_id: UUID, draft_id: UUID) -> Draft:
    draft = await session.scalar(
        select(Draft).where(Draft.brand_id == brand_id, Draft.id == draft_id).with_for_update()
    )
    if draft is None:
        raise DraftNotFound("no such draft")
    return draft


async def has_post(session: AsyncSession, draft: Draft) -> bool:
    """Whether the draft (locked by the caller) has a post that was not taken back."""
    post_id = await session.scalar(
        select(Post.id).where(
            Post.brand_id == draft.brand_id,
            Post.draft_id == draft.id,
            Post.status != PostStatus.WITHDRAWN,
        )
    )
    return post_id is not None


def _target(campaign: Campaign) -> tuple[str, str, dict[str, Any]]:
    """The tables and conditions that find the campaign's accounts, with their arguments.

    What the campaign does not narrow is not in the statement, for the planner cannot tell.
    """
    given: dict[str, Any] = {
        name: wanted for name in _NARROWED if (wanted := getattr(campaign, name))
    }
    if "rights" in given:
        given["rights_until"] = campaign.ends_at
    directory = _DIRECTORY if "unit_ids" in given else "account_directory a"
    target = _TARGET + "".join(_NARROWED[name] for name in _NARROWED if name in given)
    return directory, target, {"brand_id": campaign.brand_id, **given}
