"""What happens to accounts: each step with who, when and why."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    HandleTaken,
    StaffDeparted,
    StatusOfAnotherPlatform,
    TransitionNotAllowed,
    UnknownPersona,
    UnknownStaff,
    UnknownUnit,
)
from account_svc.models import (
    Account,
    AccountChange,
    AccountFacts,
    Persona,
    PersonaFacts,
    PlatformStatusFacts,
    PlatformStatusNote,
    Staff,
)
from account_svc.models.platform_status import GIVEN_BY
from account_svc.repository import accounts as repository
from account_svc.repository import org, staff
from account_svc.repository.constraints import refusing
from account_svc.use_cases import health, pairs
from account_svc.use_cases.rights import require_right
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.events.account import (
    AccountActivated,
    AccountChanged,
    AccountEvent,
    AccountHandedOver,
    AccountPaired,
    AccountRegistered,
    AccountRestricted,
    AccountRetired,
    AccountStatus,
    AccountSuspended,
    PlatformStatusNoted,
    Right,
)
from shared.ids import typed, uuid7

STEPS: dict[AccountStatus, Callable[[UUID, str], AccountEvent]] = {
    AccountStatus.ACTIVE: lambda id, _: AccountActivated(account_id=id),
    AccountStatus.RESTRICTED: lambda id, why: AccountRestricted(account_id=id, reason=why),
    AccountStatus.SUSPENDED: lambda id, why: AccountSuspended(account_id=id, reason=why),
    AccountStatus.RETIRED: lambda id, why: AccountRetired(account_id=id, reason=why),
}
"""The facts of those steps that an account id and a reason tell in full."""
NOT_YET = frozenset({AccountStatus.PLANNED, AccountStatus.PENDING})
"""Nobody runs it so far, so nobody hands it over."""


async def register_account(
    session: AsyncSession,
    principal: Principal,
    facts: AccountFacts,
    *,
    unit_id: UUID,
    staff_id: UUID | None,
    persona_id: UUID | None,
    status: AccountStatus,
) -> Account:
    brand_id = principal.brand_id
    if await org.find_unit(session, brand_id, principal.extent, unit_id) is None:
        raise UnknownUnit("no such unit", field="/unit_id")
    if staff_id is not None:
        await _taker(session, principal, staff_id)
        if status is AccountStatus.ACTIVE:
            await _require_certified(session, brand_id, staff_id, field="/staff_id")
    persona = None if persona_id is None else await _persona(session, principal, persona_id)
    account = Account(
        id=uuid7(),
        brand_id=brand_id,
        unit_id=unit_id,
        staff_id=staff_id,
        persona_id=persona_id,
        status=status,
        status_changed_at=now(),
        **facts.model_dump(),
    )
    taken = HandleTaken(
        "an account is registered with it, upper and lower case being the same", field="/handle"
    )
    async with refusing(
        session, ("uq_account_brand_id_platform_handle", "uq_account_folded_handle"), taken
    ):
        session.add(account)
        persona_kind = None if persona is None else persona.kind
        outbox.add(session, account, AccountRegistered(**account.facts(persona_kind)))
    session.add(change_of(account, None, principal.actor))
    await health.touch(session, brand_id, [account.id])
    _note(session, principal, "account.register", account)
    return account


async def submit(
    session: AsyncSession, principal: Principal, account_id: UUID, *, reason: str | None
) -> Account:
    """The account is opened and waits for the platform to let it in."""
    account = await _step(session, principal, account_id, AccountStatus.PENDING, reason)
    persona = None
    if account.persona_id is not None:
        persona = await _persona(session, principal, account.persona_id)
    facts = account.facts(None if persona is None else persona.kind)
    outbox.add(session, account, AccountChanged(**facts))
    return account


async def activate(
    session: AsyncSession, principal: Principal, account_id: UUID, *, reason: str | None
) -> Account:
    account = await _step(session, principal, account_id, AccountStatus.ACTIVE, reason)
    if account.staff_id is not None:
        if await staff.departed_among(session, account.brand_id, [account.staff_id]):
            raise StaffDeparted("who runs the account has departed: hand it over first")
        await _require_certified(session, account.brand_id, account.staff_id, field=None)
    outbox.add(session, account, STEPS[account.status](account.id, reason or ""))
    return account


async def restrict(
    session: AsyncSession, principal: Principal, account_id: UUID, *, reason: str
) -> Account:
    account = await _step(session, principal, account_id, AccountStatus.RESTRICTED, reason)
    outbox.add(session, account, STEPS[account.status](account.id, reason))
    return account


async def suspend(
    session: AsyncSession, principal: Principal, account_id: UUID, *, reason: str
) -> Account:
    account = await _step(session, principal, account_id, AccountStatus.SUSPENDED, reason)
    outbox.add(session, account, STEPS[account.status](account.id, reason))
    return account


async def retire(
    session: AsyncSession, principal: Principal, account_id: UUID, *, reason: str
) -> Account:
    account = await _step(session, principal, account_id, AccountStatus.RETIRED, reason)
    outbox.add(session, account, STEPS[account.status](account.id, reason))
    await pairs.check(session, account)
    return account


async def hand_over(
    session: AsyncSession, principal: Principal, account_id: UUID, *, staff_id: UUID, reason: str
) -> Account:
    """Another person runs the account, in their own unit; it is active again when activated."""
    taker = await _taker(session, principal, staff_id)
    await _require_certified(session, taker.brand_id, taker.id, field="/staff_id")
    account = await _step(
        session, principal, account_id, AccountStatus.HANDED_OVER, reason, taker=taker
    )
    outbox.add(
        session,
        account,
        AccountHandedOver(account_id=account.id, staff_id=taker.id, unit_id=taker.unit_id),
    )
    await pairs.check(session, account)
    return account


async def reassign(
    session: AsyncSession, principal: Principal, account_id: UUID, *, staff_id: UUID, reason: str
) -> Account:
    """Another person opens, in their own unit, what is not open yet: it stays where it stands in
    its life, and waits for no taker's word."""
    taker = await _taker(session, principal, staff_id)
    account = await _get(session, principal, account_id)
    if account.status not in NOT_YET:
        raise TransitionNotAllowed(f"an account that is {account.status} is handed over")
    account.staff_id, account.unit_id = taker.id, taker.unit_id
    account.status_reason, account.status_changed_at = reason, now()
    session.add(change_of(account, account.status, principal.actor))
    persona = None
    if account.persona_id is not None:
        persona = await _persona(session, principal, account.persona_id)
    facts = account.facts(None if persona is None else persona.kind)
    outbox.add(session, account, AccountChanged(**facts))
    await health.touch(session, account.brand_id, [account.id])
    await pairs.check(session, account)
    _note(session, principal, "account.reassign", account)
    return account


async def pair(
    session: AsyncSession, principal: Principal, account_id: UUID, persona_id: UUID
) -> Account:
    account = await _get(session, principal, account_id)
    persona = await _persona(session, principal, persona_id)
    if account.persona_id == persona.id:
        return account
    account.persona_id = persona.id
    outbox.add(
        session,
        account,
        AccountPaired(account_id=account.id, persona_id=persona.id, persona_kind=persona.kind),
    )
    await pairs.check(session, account)
    _note(session, principal, "account.pair", account, persona=typed("persona", persona.id))
    return account


async def note_platform_status(
    session: AsyncSession, principal: Principal, account_id: UUID, facts: PlatformStatusFacts
) -> Account:
    """Add what was seen on the platform; of the notes that have begun the latest holds."""
    account = await _get(session, principal, account_id)
    if GIVEN_BY[facts.platform_status] is not account.platform:
        raise StatusOfAnotherPlatform(
            f"{facts.platform_status} is not given on {account.platform}", field="/platform_status"
        )
    at = now()
    note = PlatformStatusNote(
        id=uuid7(),
        brand_id=account.brand_id,
        account_id=account.id,
        noted_by=principal.actor,
        noted_at=at,
        **facts.model_dump() | {"valid_from": facts.valid_from or at},
    )
    session.add(note)
    await health.touch(session, account.brand_id, [account.id])
    outbox.add(
        session,
        account,
        PlatformStatusNoted(
            account_id=account.id,
            platform_status=note.platform_status,
            is_held=note.is_held,
            valid_from=note.valid_from,
            valid_to=note.valid_to,
        ),
    )
    _note(
        session,
        principal,
        "account.note_platform_status",
        account,
        platform_status=note.platform_status,
    )
    return account


async def add_persona(session: AsyncSession, principal: Principal, facts: PersonaFacts) -> Persona:
    persona = Persona(
        id=uuid7(), brand_id=principal.brand_id, created_at=now(), **facts.model_dump()
    )
    session.add(persona)
    audit.record(
        session,
        actor=principal.actor,
        action="persona.add",
        subject=typed("persona", persona.id),
    )
    return persona


def change_of(account: Account, before: AccountStatus | None, actor: str) -> AccountChange:
    """The history row of the step that the account has just taken."""
    return AccountChange(
        id=uuid7(),
        brand_id=account.brand_id,
        account_id=account.id,
        from_status=before,
        to_status=account.status,
        staff_id=account.staff_id,
        reason=account.status_reason,
        actor=actor,
        at=account.status_changed_at,
    )


async def _step(
    session: AsyncSession,
    principal: Principal,
    account_id: UUID,
    status: AccountStatus,
    reason: str | None,
    *,
    taker: Staff | None = None,
) -> Account:
    account = await _get(session, principal, account_id)
    before = account.status
    account.become(status, reason=reason, at=now())
    if taker is not None:
        account.staff_id, account.unit_id = taker.id, taker.unit_id
    session.add(change_of(account, before, principal.actor))
    await health.touch(session, account.brand_id, [account.id])
    _note(session, principal, f"account.{status}", account, before=before)
    return account


async def _get(session: AsyncSession, principal: Principal, account_id: UUID) -> Account:
    return await repository.get_account_for_update(
        session, principal.brand_id, principal.extent, account_id
    )


async def _taker(session: AsyncSession, principal: Principal, staff_id: UUID) -> Staff:
    taker = await staff.find_staff(session, principal.brand_id, principal.extent, staff_id)
    if taker is None or taker.departed_at is not None:
        raise UnknownStaff("no such person sells for the brand", field="/staff_id")
    return taker


async def _require_certified(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, *, field: str | None
) -> None:
    await require_right(session, brand_id, staff_id, Right.RUN_ACCOUNT, field=field)


async def _persona(session: AsyncSession, principal: Principal, persona_id: UUID) -> Persona:
    persona = await repository.find_persona(session, principal.brand_id, persona_id)
    if persona is None:
        raise UnknownPersona("no such persona", field="/persona_id")
    return persona


def _note(
    session: AsyncSession, principal: Principal, action: str, account: Account, **details: str
) -> None:
    audit.record(
        session,
        actor=principal.actor,
        action=action,
        subject=typed("acct", account.id),
        unit=typed("unit", account.unit_id),
        **details,
    )
