"""SQL of profiles as they were seen, and of pairs."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from account_svc.drift import DriftState
from account_svc.models import Account, Domain, PairCheck, ProfileObservation, Unit, split_path
from account_svc.repository.reading import SUBTREES, Conditions
from shared.access import Extent
from shared.events.account import AccountStatus, UnitKind

# A check holds while both accounts have the seller and the persona that they had then.
SELECT_PAIR = f"""
    select s.* from (
        select a.brand_id, a.id, a.id as account_id, a.unit_id, a.staff_id, a.persona_id,
            p.id as private_account_id, c.checked_at, c.score,
            coalesce(c.fields, '[]') as fields,
            coalesce(c.state, '{DriftState.UNCHECKED}') as state
        from account a
        left join lateral (
            select other.id from account other
            where other.brand_id = a.brand_id and other.staff_id = a.staff_id
                and other.persona_id = a.persona_id and other.domain = 'private'
                and other.status <> 'retired'
            order by other.id desc limit 1) p on true
        left join pair_check c on c.brand_id = a.brand_id and c.account_id = a.id
            and c.private_account_id = p.id and c.staff_id = a.staff_id
            and c.persona_id = a.persona_id
        where a.domain = 'public' and a.status <> 'retired'
            and a.staff_id is not null and a.persona_id is not null) s"""


def visible_pairs(brand_id: UUID, extent: Extent) -> Conditions:
    conditions = Conditions("s", brand_id)
    conditions.limit_to(extent)
    return conditions


def filtered_pairs(
    brand_id: UUID, extent: Extent, *, unit_id: UUID | None, state: DriftState | None
) -> Conditions:
    conditions = visible_pairs(brand_id, extent)
    if unit_id is not None:
        conditions.add(f"s.unit_id = any({SUBTREES})", [unit_id])
    conditions.add_given("s.state = ?", state)
    return conditions


async def list_accounts_of_persona(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, persona_id: UUID
) -> Sequence[Account]:
    """All of the seller's accounts that play the persona, locked, the newest first."""
    statement = (
        select(Account)
        .where(
            Account.brand_id == brand_id,
            Account.staff_id == staff_id,
            Account.persona_id == persona_id,
            Account.status != AccountStatus.RETIRED,
        )
        .order_by(Account.id.desc())
        .with_for_update()
    )
    return (await session.scalars(statement)).all()


async def list_stale_checks(
    session: AsyncSession, account: Account
) -> Sequence[tuple[PairCheck, Account]]:
    """Checks of pairs with the account that are pairs no more, each with its public account."""
    public, private = aliased(Account), aliased(Account)

    def plays(side: type[Account]) -> ColumnElement[bool]:
        return and_(
            side.brand_id == PairCheck.brand_id,
            side.staff_id == PairCheck.staff_id,
            side.persona_id == PairCheck.persona_id,
            side.status != AccountStatus.RETIRED,
        )

    of_pair = (PairCheck.account_id == account.id) | (PairCheck.private_account_id == account.id)
    rows = await session.execute(
        select(PairCheck, Account)
        .join(
            Account,
            and_(Account.brand_id == PairCheck.brand_id, Account.id == PairCheck.account_id),
        )
        .where(
            PairCheck.brand_id == account.brand_id,
            of_pair,
            PairCheck.state != DriftState.UNCHECKED,
            ~(
                select(public.id).where(plays(public), public.id == PairCheck.account_id).exists()
                & select(private.id)
                .where(plays(private), private.id == PairCheck.private_account_id)
                .exists()
            ),
        )
        .order_by(PairCheck.account_id)
        .with_for_update(of=(PairCheck, Account))
    )
    return [(check, found) for check, found in rows]


async def find_newest_observation(
    session: AsyncSession, brand_id: UUID, account_id: UUID
) -> ProfileObservation | None:
    found: ProfileObservation | None = await session.scalar(
        select(ProfileObservation)
        .where(ProfileObservation.brand_id == brand_id, ProfileObservation.account_id == account_id)
        .order_by(ProfileObservation.id.desc())
        .limit(1)
    )
    return found


async def find_store(session: AsyncSession, brand_id: UUID, unit_id: UUID) -> Unit | None:
    """The store that the unit is or belongs to."""
    home = await session.get_one(Unit, (brand_id, unit_id))
    found: Unit | None = await session.scalar(
        select(Unit).where(
            Unit.brand_id == brand_id,
            Unit.id.in_(split_path(home.path)),
            Unit.kind == UnitKind.STORE,
        )
    )
    return found


async def find_check(session: AsyncSession, brand_id: UUID, account_id: UUID) -> PairCheck | None:
    return await session.get(PairCheck, (brand_id, account_id))


def split_domains(accounts: Sequence[Account]) -> tuple[list[Account], Account | None]:
    """The public accounts, and the private one that each of them makes a pair with."""
    private = next((one for one in accounts if one.domain is Domain.PRIVATE), None)
    return [one for one in accounts if one.domain is Domain.PUBLIC], private
