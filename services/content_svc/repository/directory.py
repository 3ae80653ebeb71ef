"""The projections of org tree, staff and accounts."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Update, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from content_svc.errors import AccountNotFound
from content_svc.models import OPEN, AccountEntry, Post, StaffEntry, StaffRight, UnitEntry
from shared.access import Extent
from shared.events.account import AccountStatus, CertificateEarned

_PLACE = """
with recursive tree as (
    select u.unit_id,
           coalesce(
               (select p.ancestor_ids from unit_directory p
                where p.brand_id = :brand_id and p.unit_id = u.parent_id),
               cast(:above as uuid[])
           ) || u.unit_id as path
    from unit_directory u
    where u.brand_id = :brand_id and u.unit_id = :unit_id
    union all
    select c.unit_id, tree.path || c.unit_id
    from unit_directory c join tree on c.parent_id = tree.unit_id
    where c.brand_id = :brand_id and c.unit_id <> all(tree.path)
)
update unit_directory u set ancestor_ids = tree.path
from tree
where u.brand_id = :brand_id and u.unit_id = tree.unit_id and u.ancestor_ids <> tree.path
"""


async def put_unit(session: AsyncSession, entry: UnitEntry) -> None:
    """Write the unit and the paths of all below it."""
    values = {column.name: getattr(entry, column.name) for column in UnitEntry.__table__.columns}
    statement = insert(UnitEntry).values(values)
    await _lock_tree(session, entry.brand_id)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["brand_id", "unit_id"],
            set_={name: statement.excluded[name] for name in values if name != "ancestor_ids"},
        )
    )
    await _place(session, entry.brand_id, entry.unit_id, entry.ancestor_ids[:-1])


async def move_unit(
    session: AsyncSession, brand_id: UUID, unit_id: UUID, ancestor_ids: Sequence[UUID]
) -> None:
    """Hang the unit, with all below it, where `ancestor_ids` (which end with itself) say."""
    await _lock_tree(session, brand_id)
    await session.execute(
        update(UnitEntry)
        .where(UnitEntry.brand_id == brand_id, UnitEntry.unit_id == unit_id)
        .values(parent_id=ancestor_ids[-2] if len(ancestor_ids) > 1 else None)
    )
    await _place(session, brand_id, unit_id, ancestor_ids[:-1])


async def _lock_tree(session: AsyncSession, brand_id: UUID) -> None:
    # Parent and child may change at once in two transactions; each must see the other's path.
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended('units|' || :brand, 0))"),
        {"brand": str(brand_id)},
    )


async def _place(
    session: AsyncSession, brand_id: UUID, unit_id: UUID, above: Sequence[UUID]
) -> None:
    await session.execute(
        text(_PLACE), {"brand_id": brand_id, "unit_id": unit_id, "above": list(above)}
    )


async def put_staff(
    session: AsyncSession,
    brand_id: UUID,
    staff_id: UUID,
    *,
    unit_id: UUID | None,
    is_departed: bool,
) -> None:
    """Write the person; a departure keeps the unit they were last in."""
    statement = insert(StaffEntry).values(
        brand_id=brand_id, staff_id=staff_id, unit_id=unit_id, is_departed=is_departed
    )
    changed: dict[str, object] = {"is_departed": is_departed}
    if unit_id is not None:
        changed["unit_id"] = unit_id
    await session.execute(
        statement.on_conflict_do_update(index_elements=["brand_id", "staff_id"], set_=changed)
    )


async def put_right(session: AsyncSession, brand_id: UUID, earned: CertificateEarned) -> None:
    values = {
        "brand_id": brand_id,
        "staff_id": earned.staff_id,
        "right": earned.right,
        "expires_at": earned.expires_at,
    }
    await session.execute(
        insert(StaffRight)
        .values(values)
        .on_conflict_do_update(index_elements=["brand_id", "staff_id", "right"], set_=values)
    )


async def remove_right(session: AsyncSession, brand_id: UUID, staff_id: UUID, right: str) -> None:
    await session.execute(
        delete(StaffRight).where(
            StaffRight.brand_id == brand_id,
            StaffRight.staff_id == staff_id,
            StaffRight.right == right,
        )
    )


async def put_account(session: AsyncSession, entry: AccountEntry) -> None:
    values = {column.name: getattr(entry, column.name) for column in AccountEntry.__table__.columns}
    await session.execute(
        insert(AccountEntry)
        .values(values)
        .on_conflict_do_update(index_elements=["brand_id", "account_id"], set_=values)
    )


async def set_account_status(
    session: AsyncSession, brand_id: UUID, account_id: UUID, status: AccountStatus
) -> None:
    await session.execute(_account(brand_id, account_id).values(status=status))


async def hand_account_over(
    session: AsyncSession, brand_id: UUID, account_id: UUID, *, staff_id: UUID, unit_id: UUID
) -> None:
    """The account and its open posts are the business of `staff_id`, once it is activated."""
    await session.execute(
        _account(brand_id, account_id).values(
            staff_id=staff_id, unit_id=unit_id, status=AccountStatus.HANDED_OVER
        )
    )
    await give_posts(session, brand_id, account_id, staff_id=staff_id, unit_id=unit_id)


async def give_posts(
    session: AsyncSession, brand_id: UUID, account_id: UUID, *, staff_id: UUID, unit_id: UUID
) -> None:
    """The account's open posts are the business of `staff_id`."""
    await session.execute(
        update(Post)
        .where(Post.brand_id == brand_id, Post.account_id == account_id, Post.status.in_(OPEN))
        .values(staff_id=staff_id, unit_id=unit_id)
    )


async def runs(session: AsyncSession, brand_id: UUID, account_id: UUID, staff_id: UUID) -> bool:
    """Whether the person runs the account, as far as is known."""
    found = await session.scalar(
        select(AccountEntry.staff_id).where(
            AccountEntry.brand_id == brand_id, AccountEntry.account_id == account_id
        )
    )
    return found == staff_id


async def pair_account(
    session: AsyncSession, brand_id: UUID, account_id: UUID, *, persona_id: UUID, kind: str
) -> None:
    await session.execute(
        _account(brand_id, account_id).values(persona_id=persona_id, persona_kind=kind)
    )


def _account(brand_id: UUID, account_id: UUID) -> Update:
    return update(AccountEntry).where(
        AccountEntry.brand_id == brand_id, AccountEntry.account_id == account_id
    )


async def get_account(
    session: AsyncSession, brand_id: UUID, account_id: UUID, extent: Extent
) -> AccountEntry:
    """The account, if it lies inside `extent`; AccountNotFound otherwise."""
    statement = select(AccountEntry).where(
        AccountEntry.brand_id == brand_id, AccountEntry.account_id == account_id
    )
    account = await session.scalar(statement)
    if account is None or not await covers(
        session, brand_id, extent, unit_id=account.unit_id, staff_id=account.staff_id
    ):
        raise AccountNotFound("no such account")
    return account


async def covers(
    session: AsyncSession,
    brand_id: UUID,
    extent: Extent,
    *,
    unit_id: UUID,
    staff_id: UUID | None,
) -> bool:
    """Whether a row of this unit and seller lies inside `extent`."""
    if extent.staff_id is not None:
        return staff_id == extent.staff_id
    if extent.unit_ids is None:
        return True
    path = await session.scalar(
        select(UnitEntry.ancestor_ids).where(
            UnitEntry.brand_id == brand_id, UnitEntry.unit_id == unit_id
        )
    )
    return bool(set(path or [unit_id]) & set(extent.unit_ids))
