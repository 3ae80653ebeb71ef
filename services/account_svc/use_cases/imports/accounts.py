"""Accounts of a file, a chunk at a time."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.models import STARTS, TRANSITIONS, Account, AccountChange, AccountFacts, Persona
from account_svc.repository import handovers
from account_svc.repository import imports as repository
from account_svc.use_cases import health, pairs
from account_svc.use_cases.accounts import STEPS, change_of
from account_svc.use_cases.handover_steps import wake
from account_svc.use_cases.imports.rows import AccountRow
from account_svc.use_cases.imports.tally import TakenMeanwhile, Tally
from account_svc.use_cases.rights import denials
from shared import outbox
from shared.clock import now
from shared.events.account import AccountChanged, AccountRegistered, AccountStatus, Right
from shared.ids import uuid7

REASON = "import"
_Added = tuple[int, dict[str, Any], dict[str, Any], Persona | None]
"""The line, facts that are announced, facts that are not, and whom the account plays."""
_FACTS = tuple(AccountFacts.model_fields)


async def take_accounts(
    session: AsyncSession,
    brand_id: UUID,
    actor: str,
    rows: Sequence[tuple[int, AccountRow]],
    tally: Tally,
) -> None:
    """Register the new accounts and change the known ones, by a few statements for the chunk."""
    await repository.lock_kind(session, brand_id, "accounts")
    units = await repository.unit_ids_by_code(session, brand_id, {row.unit_code for _, row in rows})
    sellers = await repository.sellers_by_code(
        session, brand_id, {row.staff_code for _, row in rows if row.staff_code}
    )
    personas = await repository.personas_by_kind(session, brand_id)
    denied = await denials(session, brand_id, sellers.values(), Right.RUN_ACCOUNT)
    known = await repository.accounts_by_handle(
        session, brand_id, {(row.platform, row.handle) for _, row in rows}
    )
    pairs_before = {account: _side_of_pair(account) for account in known.values()}
    added: list[_Added] = []
    touched: list[UUID] = []
    for line, row in rows:
        unit_id = units.get(row.unit_code)
        seller_id = sellers.get(row.staff_code) if row.staff_code else None
        persona = personas.get(row.persona_kind) if row.persona_kind else None
        account = known.get((row.platform, row.handle))
        if unit_id is None:
            tally.refuse(line, "unit_code", "no unit has this code")
        elif row.staff_code and seller_id is None:
            tally.refuse(line, "staff_code", "no person with this code sells for the brand")
        elif row.persona_kind and persona is None:
            tally.refuse(line, "persona_kind", "the brand has no persona of this kind")
        elif not _is_step(account, row.status):
            tally.refuse(line, "status", _why_no_step(account, row.status))
        elif missing := _unsaid_of_ownership(row):
            tally.refuse(line, missing, "an ownership and where it is written go together")
        elif seller_id in denied and _begins_to_run(account, row.status, seller_id):
            tally.refuse(line, "staff_code", denied[seller_id])
        else:
            place = {
                "unit_id": unit_id,
                "staff_id": seller_id,
                "persona_id": persona and persona.id,
            }
            values = {name: getattr(row, name) for name in _FACTS} | place
            if account is None:
                added.append((line, values | {"status": row.status}, _owned(row), persona))
            else:
                is_stated = _state(account, row)
                is_changed = _change(session, actor, account, row.status, values, persona)
                tally.note_change(is_changed=is_changed or is_stated)
                if is_changed:
                    touched.append(account.id)
    if added:
        touched += await _add_all(session, brand_id, actor, added, tally)
    owned = [known.get((row.platform, row.handle)) for _, row in rows if row.ownership is not None]
    await _go_on(session, brand_id, {each.staff_id for each in owned if each and each.staff_id})
    await health.touch(session, brand_id, touched)
    await _check_pairs(session, pairs_before)


async def _go_on(session: AsyncSession, brand_id: UUID, staff_ids: Collection[UUID]) -> None:
    """Open handovers of these people go on with what is stated now."""
    for handover in await handovers.open_of(session, brand_id, staff_ids):
        await wake(session, handover)


async def _check_pairs(session: AsyncSession, before: Mapping[Account, tuple[object, ...]]) -> None:
    for account, side in before.items():
        if _side_of_pair(account) != side:
            await pairs.check(session, account)


def _side_of_pair(account: Account) -> tuple[object, ...]:
    """What makes the account one of a pair, or of another one."""
    is_retired = account.status is AccountStatus.RETIRED
    return account.staff_id, account.persona_id, account.domain, is_retired


def _is_step(account: Account | None, status: AccountStatus) -> bool:
    if account is None:
        return status in STARTS
    return status is account.status or (
        status in TRANSITIONS[account.status] and status is not AccountStatus.HANDED_OVER
    )


def _why_no_step(account: Account | None, status: AccountStatus) -> str:
    if account is not None and account.status is AccountStatus.RETIRED:
        # a file that is older than the retirement must not bring the account back
        return "its account is retired: register it anew by itself"
    return f"the account cannot become {status}"


def _begins_to_run(account: Account | None, status: AccountStatus, seller_id: UUID) -> bool:
    """Whether the row makes somebody run an active account who does not run it already."""
    runs = account and account.status is AccountStatus.ACTIVE and account.staff_id == seller_id
    return status is AccountStatus.ACTIVE and not runs


async def _add_all(
    session: AsyncSession,
    brand_id: UUID,
    actor: str,
    added: Sequence[_Added],
    tally: Tally,
) -> Collection[UUID]:
    """The ids of the new accounts."""
    at = now()
    accounts: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    events: list[tuple[AccountRegistered, int]] = []
    for _, values, owned, persona in added:
        account_id = uuid7()
        accounts.append(
            {
                **values,
                **owned,
                "brand_id": brand_id,
                "id": account_id,
                "status_reason": REASON,
                "status_changed_at": at,
                "version": 1,
            }
        )
        changes.append(
            {
                "brand_id": brand_id,
                "id": uuid7(),
                "account_id": account_id,
                "from_status": None,
                "to_status": values["status"],
                "staff_id": values["staff_id"],
                "reason": REASON,
                "actor": actor,
                "at": at,
            }
        )
        kind = None if persona is None else persona.kind
        events.append((AccountRegistered(account_id=account_id, persona_kind=kind, **values), 1))
    new = await repository.insert_named(session, Account, accounts)
    clashing = {(each["platform"], each["handle"]) for each in accounts if each["id"] not in new}
    meanwhile = await repository.accounts_by_handle(session, brand_id, clashing) if clashing else {}
    if any(each.status is not AccountStatus.RETIRED for each in meanwhile.values()):
        raise TakenMeanwhile
    tally.note_added(
        (line, "handle", account["id"] in new)
        for (line, *_), account in zip(added, accounts, strict=True)
    )
    if new:
        await session.execute(
            insert(AccountChange), [each for each in changes if each["account_id"] in new]
        )
        await outbox.add_many(
            session, brand_id, [each for each in events if each[0].account_id in new]
        )
    return new


def _unsaid_of_ownership(row: AccountRow) -> str | None:
    """The column that a row lacks which has the other one."""
    if (row.ownership is None) == (row.ownership_reference is None):
        return None
    return "ownership" if row.ownership is None else "ownership_reference"


def _owned(row: AccountRow) -> dict[str, Any]:
    return {"ownership": row.ownership, "ownership_reference": row.ownership_reference}


def _state(account: Account, row: AccountRow) -> bool:
    """Note whose the account is, where the row says so; whether that is new."""
    said = (row.ownership, row.ownership_reference)
    if row.ownership is None or said == (account.ownership, account.ownership_reference):
        return False
    account.ownership, account.ownership_reference = said
    return True


def _new_hands(account: Account, actor: str) -> AccountChange:
    """The history row of another person who runs the account, which stays where it stands."""
    change = change_of(account, account.status, actor)
    change.reason, change.at = REASON, now()
    return change


def _change(
    session: AsyncSession,
    actor: str,
    account: Account,
    status: AccountStatus,
    values: dict[str, Any],
    persona: Persona | None,
) -> bool:
    """Make the account as the row says: its facts in one event, a step of its life in another."""
    changed = {name for name, value in values.items() if getattr(account, name) != value}
    for name in changed:
        setattr(account, name, values[name])
    before = account.status
    if status is not before:
        account.become(status, reason=REASON, at=now())
        session.add(change_of(account, before, actor))
    elif "staff_id" in changed:
        session.add(_new_hands(account, actor))
    step = STEPS.get(status) if status is not before else None
    if changed or (status is not before and step is None):
        kind = None if persona is None else persona.kind
        outbox.add(session, account, AccountChanged(**account.facts(kind)))
    if step is not None:
        outbox.add(session, account, step(account.id, REASON))
    return bool(changed) or status is not before
