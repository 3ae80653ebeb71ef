"""SQL of advocates, their history and accounts, and of who made posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import AdvocateNotFound, RelationNotFound
from account_svc.models.account import Account, Seat
from account_svc.models.advocate import (
    Advocate,
    AdvocateAccount,
    AdvocateRelation,
    PostAuthor,
    Relation,
)
from account_svc.repository.org import subtree_ids
from account_svc.repository.reading import Conditions
from shared.access import Extent

SELECT_ADVOCATE = """select a.id, a.unit_id, a.name_sealed, a.phone_sealed, a.added_at,
    k.wrapped, k.kek_version
    from advocate a left join data_key k on k.brand_id = a.brand_id and k.subject_id = a.id"""
SELECT_AUTHOR = """select p.id, p.account_id, p.staff_id, p.author_class, p.published_at,
    own.advocate_id
    from post_author p
    left join advocate_account own on own.brand_id = p.brand_id and own.account_id = p.account_id"""
_RELATIONS = """select r.id, r.advocate_id, r.kind, r.happened_on, r.proof_sealed, r.recorded_by,
    r.recorded_at, r.withdrawn_by, r.withdrawn_at, r.withdrawn_because
    from advocate_relation r where r.brand_id = $1 and r.advocate_id = any($2::uuid[])
    order by r.happened_on, r.id"""
_ACCOUNTS = """select c.advocate_id, c.account_id from advocate_account c
    where c.brand_id = $1 and c.advocate_id = any($2::uuid[]) order by c.account_id"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account it is: its place in the matrix, and the advocate it belongs to."""

    seat: Seat
    advocate_id: UUID | None


async def find_owner(session: AsyncSession, brand_id: UUID, account_id: UUID) -> Owner | None:
    row = (
        await session.execute(
            select(Account.seat, AdvocateAccount.advocate_id)
            .outerjoin(
                AdvocateAccount,
                (AdvocateAccount.brand_id == Account.brand_id)
                & (AdvocateAccount.account_id == Account.id),
            )
            .where(Account.brand_id == brand_id, Account.id == account_id)
        )
    ).one_or_none()
    return None if row is None else Owner(row.seat, row.advocate_id)


async def list_history(session: AsyncSession, brand_id: UUID, advocate_id: UUID) -> list[Relation]:
    """What is recorded of the relation and was not withdrawn."""
    rows = await session.execute(
        select(AdvocateRelation.kind, AdvocateRelation.happened_on).where(
            AdvocateRelation.brand_id == brand_id,
            AdvocateRelation.advocate_id == advocate_id,
            AdvocateRelation.withdrawn_at.is_(None),
        )
    )
    return [Relation(kind, happened_on) for kind, happened_on in rows]


async def note_author(session: AsyncSession, values: dict[str, Any]) -> None:
    """A post is classed once, at its publication."""
    await session.execute(insert(PostAuthor).values(**values).on_conflict_do_nothing())


async def find_author(session: AsyncSession, brand_id: UUID, post_id: UUID) -> PostAuthor | None:
    """Who published the post, as it was then."""
    return await session.get(PostAuthor, (brand_id, post_id))


async def list_posts(
    session: AsyncSession, brand_id: UUID, advocate_id: UUID
) -> Sequence[PostAuthor]:
    """Everything the advocate published on their accounts, oldest first."""
    return (
        await session.scalars(
            select(PostAuthor)
            .join(
                AdvocateAccount,
                (AdvocateAccount.brand_id == PostAuthor.brand_id)
                & (AdvocateAccount.account_id == PostAuthor.account_id),
            )
            .where(
                PostAuthor.brand_id == brand_id,
                PostAuthor.staff_id.is_(None),
                AdvocateAccount.advocate_id == advocate_id,
            )
            .order_by(PostAuthor.published_at, PostAuthor.id)
        )
    ).all()


async def get_advocate_for_update(
    session: AsyncSession, brand_id: UUID, extent: Extent, advocate_id: UUID
) -> Advocate:
    statement = select(Advocate).where(Advocate.brand_id == brand_id, Advocate.id == advocate_id)
    if extent.unit_ids is not None:
        statement = statement.where(Advocate.unit_id.in_(subtree_ids(brand_id, extent.unit_ids)))
    advocate: Advocate | None = await session.scalar(statement.with_for_update())
    if advocate is None:
        raise AdvocateNotFound("no such advocate")
    return advocate


async def get_relation(
    session: AsyncSession, brand_id: UUID, advocate_id: UUID, relation_id: UUID
) -> AdvocateRelation:
    """The caller holds the advocate's lock."""
    relation = await session.get(AdvocateRelation, (brand_id, relation_id))
    if relation is None or relation.advocate_id != advocate_id:
        raise RelationNotFound("no such fact of this advocate", field="/relation_id")
    return relation


def visible_advocates(brand_id: UUID, extent: Extent) -> Conditions:
    """By the unit that keeps in touch. Sellers see none."""
    conditions = Conditions("a", brand_id)
    conditions.limit_to(Extent(unit_ids=extent.unit_ids, staff_id=None))
    if extent.staff_id is not None:
        conditions.add("false")
    return conditions


def visible_authors(brand_id: UUID, extent: Extent) -> Conditions:
    """By where a post was published; sellers see their own."""
    conditions = Conditions("p", brand_id)
    conditions.limit_to(extent)
    return conditions


async def fetch_relations(
    connection: asyncpg.Connection, brand_id: UUID, advocate_ids: Sequence[UUID]
) -> list[asyncpg.Record]:
    """All that was ever recorded of these advocates, by day."""
    rows: list[asyncpg.Record] = await connection.fetch(_RELATIONS, brand_id, list(advocate_ids))
    return rows


async def fetch_accounts(
    connection: asyncpg.Connection, brand_id: UUID, advocate_ids: Sequence[UUID]
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(_ACCOUNTS, brand_id, list(advocate_ids))
    return rows
