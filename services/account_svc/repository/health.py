"""SQL of health: facts folded, snapshots read, what was judged kept."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.health import PlatformWord, Snapshot, Standing, Token
from account_svc.models import Account, AccountHealth, AuthorizationState, FactKind, HealthFact
from account_svc.models.platform_status import Span, ends_at
from account_svc.repository.accounts import visible_accounts
from shared.access import Extent
from shared.events.account import AccountStatus, Platform
from shared.reading import fetch_by_ids

_FACTS_AT_ONCE = 1_000
_DUE_AT_ONCE = 500
_KEPT = timedelta(days=400)
"""Longer than any rule looks back."""
_FOLLOWS_KEPT = timedelta(days=60)

_BRANDS = text(
    """
    select brand_id from health_fact
    union select brand_id from account_health where due_at <= :at"""
)
_ALONE = text("select pg_try_advisory_xact_lock(7301, hashtext(cast(:brand as text)))")
_TAKE = text(
    """
    delete from health_fact where brand_id = :brand and id in (
        select id from health_fact where brand_id = :brand order by id limit :size)
    returning account_id, kind, subject_id, amount, at"""
)
_DUE = text(
    """
    select account_id from account_health where brand_id = :brand and due_at <= :at
    order by due_at limit :size"""
)
_LAST = {
    kind: text(
        f"""
        insert into account_signal as s (brand_id, account_id, {column})
        select :brand, account_id, max(at) from unnest(:accounts, :ats) as t (account_id, at)
        group by account_id
        on conflict (brand_id, account_id)
            do update set {column} = greatest(s.{column}, excluded.{column})"""
    ).bindparams(
        bindparam("accounts", type_=ARRAY(Uuid)),
        bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
    )
    for kind, column in (
        (FactKind.POSTED, "last_post_at"),
        (FactKind.LEAD_TAKEN, "last_reply_at"),
    )
}
_CAME = text(
    """
    insert into waiting_lead (brand_id, id, account_id, came_at)
    select :brand, lead_id, account_id, min(at)
    from unnest(:accounts, :subjects, :ats) as t (account_id, lead_id, at)
    group by lead_id, account_id
    on conflict (brand_id, id) do nothing"""
).bindparams(
    bindparam("accounts", type_=ARRAY(Uuid)),
    bindparam("subjects", type_=ARRAY(Uuid)),
    bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
)
_WAITS_NO_MORE = text(
    "delete from waiting_lead where brand_id = :brand and id = any(:subjects)"
).bindparams(bindparam("subjects", type_=ARRAY(Uuid)))
_MARKED = text(
    """
    insert into account_mark as m (brand_id, id, account_id, kind, at)
    select :brand, subject_id, account_id, :kind, max(at)
    from unnest(:accounts, :subjects, :ats) as t (account_id, subject_id, at)
    group by subject_id, account_id
    on conflict (brand_id, id) do update set at = greatest(m.at, excluded.at)"""
).bindparams(
    bindparam("accounts", type_=ARRAY(Uuid)),
    bindparam("subjects", type_=ARRAY(Uuid)),
    bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
)
# A total that was measured before the one we have says nothing new, whenever it comes.
_FOLLOWED = text(
    """
    with told as (
        select distinct post_id, account_id, follows, measured_at
        from unnest(:accounts, :subjects, cast(:amounts as integer[]), :ats)
            as t (account_id, post_id, follows, measured_at)),
    newer as (
        select t.*, t.follows - coalesce(lag(t.follows) over of_post, p.follows, 0) as won,
            row_number() over of_post as nth, count(*) over (partition by t.post_id) as times
        from told t left join post_follow p on p.brand_id = :brand and p.id = t.post_id
        where p.measured_at is null or p.measured_at < t.measured_at
        window of_post as (partition by t.post_id order by t.measured_at)),
    kept as (
        insert into post_follow (brand_id, id, account_id, follows, measured_at)
        select :brand, post_id, account_id, follows, measured_at from newer where nth = times
        on conflict (brand_id, id) do update
            set follows = excluded.follows, measured_at = excluded.measured_at)
    insert into follow_day as d (brand_id, account_id, day, won)
    select :brand, account_id, (measured_at at time zone 'Asia/Shanghai')::date, sum(won)
    from newer where won <> 0 group by 2, 3 having sum(won) <> 0
    on conflict (brand_id, account_id, day) do update set won = d.won + excluded.won"""
).bindparams(
    bindparam("accounts", type_=ARRAY(Uuid)),
    bindparam("subjects", type_=ARRAY(Uuid)),
    bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
)
_SHED = [
    text(statement).bindparams(bindparam("accounts", type_=ARRAY(Uuid)))
    for statement in (
        "delete from account_mark where brand_id = :brand and account_id = any(:accounts) "
        "and at < :kept_from",
        "delete from waiting_lead where brand_id = :brand and account_id = any(:accounts) "
        "and came_at < :kept_from",
        "delete from post_follow where brand_id = :brand and account_id = any(:accounts) "
        "and measured_at < :follows_from",
        "delete from follow_day where brand_id = :brand and account_id = any(:accounts) "
        "and day < cast(:follows_from as timestamptz)::date",
    )
]
_OF_ACCOUNTS = {
    name: text(statement).bindparams(bindparam("accounts", type_=ARRAY(Uuid)))
    for name, statement in {
        "tokens": """select platform, account_id, ended_reason, ends_at from authorization_state
            where brand_id = :brand and (account_id = any(:accounts) or account_id is null)""",
        "signals": """select account_id, last_post_at, last_reply_at from account_signal
            where brand_id = :brand and account_id = any(:accounts)""",
        "waiting": """select account_id, came_at as at from waiting_lead
            where brand_id = :brand and account_id = any(:accounts)""",
        "words": """select account_id, platform_status, is_held, valid_from, valid_to
            from platform_status_note where brand_id = :brand and account_id = any(:accounts)
            order by account_id, platform_status, id desc""",
        "marks": """select account_id, kind, at from account_mark
            where brand_id = :brand and account_id = any(:accounts)""",
        "steps": """select account_id, to_status, at from account_change
            where brand_id = :brand and account_id = any(:accounts)
            and to_status in ('active', 'restricted', 'suspended')
            and from_status is distinct from to_status""",
        "pairs": """select p.account_id, p.checked_at from pair_check p join account a
                on a.brand_id = p.brand_id and a.id = p.account_id
                and a.staff_id = p.staff_id and a.persona_id = p.persona_id
            where p.brand_id = :brand and p.account_id = any(:accounts) and p.state = 'failed'""",
        "follows": """select account_id, day, won from follow_day
            where brand_id = :brand and account_id = any(:accounts)""",
    }.items()
}
_TOUCH_PLATFORM = text(
    """
    insert into health_fact (brand_id, account_id, kind, subject_id, amount, at)
    select brand_id, id, 'touched', id, 0, :at from account
    where brand_id = :brand and platform = :platform"""
)
_HEALTH = """select h.account_id, h.score, h.level, h.reasons, h.judged_at, h.changed_at,
        s.last_post_at, s.last_reply_at
    from account_health h left join account_signal s using (brand_id, account_id)
    where h.brand_id = $1 and h.account_id = any($2::uuid[])"""


async def add_facts(session: AsyncSession, facts: Sequence[dict[str, Any]]) -> None:
    if facts:
        await session.execute(insert(HealthFact), facts)


async def touch_platform(
    session: AsyncSession, brand_id: UUID, platform: Platform, at: datetime
) -> None:
    await session.execute(_TOUCH_PLATFORM, {"brand": brand_id, "platform": platform, "at": at})


async def put_authorization(
    session: AsyncSession,
    brand_id: UUID,
    authorization_id: UUID,
    *,
    platform: Platform,
    account_id: UUID | None,
    state: dict[str, Any],
) -> None:
    row = {"platform": platform, "account_id": account_id, **state}
    await session.execute(
        upsert(AuthorizationState)
        .values(brand_id=brand_id, id=authorization_id, **row)
        .on_conflict_do_update(index_elements=["brand_id", "id"], set_=row)
    )


async def brands_to_review(session: AsyncSession, at: datetime) -> Sequence[UUID]:
    return (await session.scalars(_BRANDS, {"at": at})).all()


async def is_alone(session: AsyncSession, brand_id: UUID) -> bool:
    """Whether nobody else reviews the brand until this transaction ends."""
    return bool(await session.scalar(_ALONE, {"brand": str(brand_id)}))


async def fold(session: AsyncSession, brand_id: UUID) -> set[UUID]:
    """Take in the oldest facts; the accounts they are about."""
    taken = (await session.execute(_TAKE, {"brand": brand_id, "size": _FACTS_AT_ONCE})).all()
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for row in taken:
        by_kind[row.kind].append(row)
    for kind, rows in by_kind.items():
        given = {
            "brand": brand_id,
            "accounts": [row.account_id for row in rows],
            "subjects": [row.subject_id for row in rows],
            "ats": [row.at for row in rows],
        }
        if kind in _LAST:
            last = {name: given[name] for name in ("brand", "accounts", "ats")}
            await session.execute(_LAST[FactKind(kind)], last)
        elif kind == FactKind.LEAD_CAME:
            await session.execute(_CAME, given)
        elif kind == FactKind.FOLLOWED:
            await session.execute(_FOLLOWED, {**given, "amounts": [row.amount for row in rows]})
        elif kind in (FactKind.DRAFT_HELD, FactKind.POST_REFUSED):
            await session.execute(_MARKED, {**given, "kind": kind})
    # what is taken or voided was told of before, maybe in this same batch
    over = [row.subject_id for row in by_kind["lead_taken"] + by_kind["lead_voided"]]
    if over:
        await session.execute(_WAITS_NO_MORE, {"brand": brand_id, "subjects": over})
    return {row.account_id for row in taken}


async def due_accounts(session: AsyncSession, brand_id: UUID, at: datetime) -> set[UUID]:
    rows = await session.scalars(_DUE, {"brand": brand_id, "at": at, "size": _DUE_AT_ONCE})
    return set(rows)


async def lock_accounts(
    session: AsyncSession, brand_id: UUID, account_ids: Iterable[UUID]
) -> Sequence[Account]:
    statement = select(Account).where(
        Account.brand_id == brand_id, Account.id.in_(list(account_ids))
    )
    return (await session.scalars(statement.order_by(Account.id).with_for_update())).all()


async def read_snapshots(
    session: AsyncSession, brand_id: UUID, accounts: Sequence[Account], at: datetime
) -> dict[UUID, Snapshot]:
    """What is known of these accounts; what no rule looks at any more is shed."""
    given = {"brand": brand_id, "accounts": [account.id for account in accounts]}
    for statement in _SHED:
        until = {"kept_from": at - _KEPT, "follows_from": at - _FOLLOWS_KEPT}
        named = {name: value for name, value in until.items() if name in str(statement)}
        await session.execute(statement, {**given, **named})
    found = {
        name: (await session.execute(statement, given)).all()
        for name, statement in _OF_ACCOUNTS.items()
    }
    of_app = {row.platform: _token(row) for row in found["tokens"] if row.account_id is None}
    own = {row.account_id: _token(row) for row in found["tokens"] if row.account_id is not None}
    posts = {row.account_id: row.last_post_at for row in found["signals"]}
    replies = {row.account_id: row.last_reply_at for row in found["signals"]}
    off_brand = {row.account_id: row.checked_at for row in found["pairs"]}
    words, marks, steps = (_grouped(found[name]) for name in ("words", "marks", "steps"))
    follows, waiting = _grouped(found["follows"]), _grouped(found["waiting"])
    return {
        account.id: Snapshot(
            platform=account.platform,
            status=account.status,
            active_since=min(
                (row.at for row in steps[account.id] if row.to_status == AccountStatus.ACTIVE),
                default=account.status_changed_at,
            ),
            token=own.get(account.id) or of_app.get(account.platform),
            last_post_at=posts.get(account.id),
            last_reply_at=replies.get(account.id),
            leads_waiting=tuple(row.at for row in waiting[account.id]),
            words=_words(words[account.id], at),
            drafts_held=_instants(marks[account.id], FactKind.DRAFT_HELD),
            posts_refused=_instants(marks[account.id], FactKind.POST_REFUSED),
            set_back=tuple(
                row.at for row in steps[account.id] if row.to_status != AccountStatus.ACTIVE
            ),
            off_brand_since=off_brand.get(account.id),
            follows={row.day: row.won for row in follows[account.id]},
        )
        for account in accounts
    }


def _words(notes: Iterable[Any], at: datetime) -> tuple[PlatformWord, ...]:
    by_status: dict[str, list[Span]] = defaultdict(list)
    for row in notes:
        by_status[row.platform_status].append(Span(row.is_held, row.valid_from, row.valid_to))
    return tuple(
        PlatformWord(
            status,
            ends_at(spans, at),
            min((span.valid_from for span in spans if span.valid_from > at), default=None),
        )
        for status, spans in by_status.items()
    )


def _token(row: Any) -> Token:
    return Token(ended_reason=row.ended_reason, ends_at=row.ends_at)


def _grouped(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _instants(marks: Iterable[Any], kind: FactKind) -> tuple[datetime, ...]:
    return tuple(row.at for row in marks if row.kind == kind)


async def standings(
    session: AsyncSession, brand_id: UUID, account_ids: Iterable[UUID]
) -> dict[UUID, tuple[Standing, datetime]]:
    """The standing of each that has one, and since when it has its level."""
    rows = await session.execute(
        select(
            AccountHealth.account_id,
            AccountHealth.level,
            AccountHealth.changed_at,
            func.coalesce(AccountHealth.score_level, AccountHealth.level),
            func.coalesce(AccountHealth.score_level_since, AccountHealth.changed_at),
        ).where(AccountHealth.brand_id == brand_id, AccountHealth.account_id.in_(list(account_ids)))
    )
    return {
        account_id: (Standing(level, by_score, since), changed_at)
        for account_id, level, changed_at, by_score, since in rows
    }


async def put_health(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    new = upsert(AccountHealth)
    columns = (
        "score",
        "level",
        "score_level",
        "score_level_since",
        "reasons",
        "judged_at",
        "changed_at",
        "due_at",
    )
    await session.execute(
        new.on_conflict_do_update(
            index_elements=["brand_id", "account_id"],
            set_={name: new.excluded[name] for name in columns},
        ),
        rows,
    )


async def forget_health(session: AsyncSession, brand_id: UUID, account_ids: Iterable[UUID]) -> None:
    await session.execute(
        delete(AccountHealth).where(
            AccountHealth.brand_id == brand_id, AccountHealth.account_id.in_(list(account_ids))
        )
    )


async def fetch_health(
    connection: asyncpg.Connection, brand_id: UUID, extent: Extent, account_ids: list[UUID]
) -> dict[UUID, asyncpg.Record]:
    """By account that the caller may see and that has a health."""
    conditions = visible_accounts(brand_id, extent)
    seen = await fetch_by_ids(connection, "select a.id from account a", conditions, account_ids)
    rows = await connection.fetch(_HEALTH, brand_id, [row["id"] for row in seen])
    return {row["account_id"]: row for row in rows}
