"""Transfers: a contact goes from a public account to its seller's private one, and from there to
what is the brand's own, step by step; each that is lost is lost at a step for a reason."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.errors import (
    AccountClosed,
    AccountNotOfOwner,
    ConsentNotPlausible,
    ContactErasedAlready,
    ContactNotOwned,
    DueOutOfRange,
    NotTheOwner,
    PairFailed,
    PairNotChecked,
    TransferOpenAlready,
)
from lead_svc.models import (
    Contact,
    Seller,
    SellerAccount,
    Transfer,
    TransferStage,
    TransferStatus,
    TransferStepTaken,
)
from lead_svc.models.transfer import (
    COMPLETED,
    FIRST_STAGE,
    LONGEST_STAGE,
    SECOND_STAGE,
    TIME_OUT,
)
from lead_svc.repository import contacts, directory
from lead_svc.repository import transfers as repository
from shared import audit, outbox, timers
from shared.access import Principal
from shared.events.account import AccountStatus
from shared.events.lead import (
    ContactTransferred,
    LeadInMeans,
    TransferDropReason,
    TransferStep,
)
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal

NOTE = "transfer_note"
"""The sealed field."""
_CLOSED = (AccountStatus.SUSPENDED, AccountStatus.RETIRED)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_SKEW = timedelta(minutes=1)
_SYSTEM = "system:transfers"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the customer agreed to, by which notice."""

    purpose: str
    notice_version: str
    at: datetime


async def open_transfer(
    session: AsyncSession,
    principal: Principal,
    *,
    contact_id: UUID,
    account_id: UUID,
    means: LeadInMeans,
    consent: Consent,
    channel: str | None,
    due_at: datetime | None,
    at: datetime,
) -> Transfer:
    """Begin stage 1: the contact's owner leads them from the account to their private one.

    Only while both are one persona; see `_require_pair`.
    """
    brand_id = principal.brand_id
    due_at = _due(due_at, at, FIRST_STAGE)
    _require_given(consent, at)
    contact = await contacts.get_for_update(session, brand_id, contact_id)
    _require_living(contact)
    owner = await _owner_for(session, principal, contact)
    account = await _account_of(session, owner, account_id)
    private_account_id = await _require_pair(session, account)
    # The contact is locked, so that nobody opens another meanwhile.
    if await repository.list_open(session, brand_id, [contact.id]):
        raise TransferOpenAlready("the contact has an open transfer", field="/contact_id")
    transfer = Transfer(
        id=uuid7(),
        brand_id=brand_id,
        contact_id=contact.id,
        staff_id=owner.id,
        unit_id=owner.unit_id,
        account_id=account.id,
        private_account_id=private_account_id,
        attempt=await repository.count(session, brand_id, contact.id) + 1,
        means=means,
        status=TransferStatus.OPEN,
        step=TransferStep.STAGE_1_OPEN,
        due_at=due_at,
        opened_at=at,
    )
    session.add(transfer)
    await session.flush()  # its steps refer to it
    await _note(session, contact, transfer, principal.actor, at, consent=consent, channel=channel)
    return transfer


async def complete_stage(
    session: AsyncSession,
    principal: Principal,
    transfer_id: UUID,
    stage: TransferStage,
    *,
    at: datetime,
) -> Transfer:
    """The stage is through; once more changes nothing.

    From the end of stage 1 the time of stage 2 runs, whether or not it is opened.
    """
    contact, transfer = await repository.get_for_update(
        session, principal.brand_id, transfer_id, principal.extent
    )
    step = COMPLETED[stage]
    if transfer.has_reached(step):
        return transfer
    _require_living(contact)
    due_at = at + SECOND_STAGE if stage is TransferStage.STAGE_1 else None
    transfer.move_to(step, due_at=due_at, at=at)
    await _note(session, contact, transfer, principal.actor, at)
    return transfer


async def open_second_stage(
    session: AsyncSession,
    principal: Principal,
    transfer_id: UUID,
    *,
    consent: Consent,
    channel: str | None,
    due_at: datetime | None,
    at: datetime,
) -> Transfer:
    """Begin stage 2, to what is the brand's own; once more changes nothing."""
    contact, transfer = await repository.get_for_update(
        session, principal.brand_id, transfer_id, principal.extent
    )
    if transfer.has_reached(TransferStep.STAGE_2_OPEN):
        return transfer
    _require_living(contact)
    _require_given(consent, at)
    transfer.move_to(TransferStep.STAGE_2_OPEN, due_at=_due(due_at, at, SECOND_STAGE), at=at)
    await _note(session, contact, transfer, principal.actor, at, consent=consent, channel=channel)
    return transfer


async def drop(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    transfer_id: UUID,
    *,
    reason: TransferDropReason,
    note: str | None,
    at: datetime,
) -> Transfer:
    """The contact is lost to the transfer at the step it stands at."""
    contact, transfer = await repository.get_for_update(
        session, principal.brand_id, transfer_id, principal.extent
    )
    _require_living(contact)
    await _drop(session, contact, transfer, reason, principal.actor, at)
    if note is not None:
        data_key = await vault.create_key(session, contact.brand_id, contact.id)
        transfer.note = seal(data_key, note.encode(), contact.brand_id, contact.id, NOTE)
        transfer.note_subject_id = contact.id
    return transfer


async def time_out(
    session: AsyncSession, brand_id: UUID, transfer_id: UUID, *, at: datetime
) -> datetime | None:
    """Drop the transfer if its deadline has passed; else when it will. Harmless to repeat."""
    found = await repository.find_for_update(session, brand_id, transfer_id)
    if found is None:
        return None
    contact, transfer = found
    if transfer.due_at is None or transfer.due_at > at:
        return transfer.due_at
    await _drop(session, contact, transfer, TransferDropReason.TIMED_OUT, "system:timer", at)
    return None


async def follow_merge(
    session: AsyncSession, kept: Contact, other: Contact, *, at: datetime
) -> list[UUID]:
    """The transfers of `other` become those of `kept`; their ids. Both contacts are locked.

    One that is open goes on, unless `kept` has one already or another owner.
    """
    found = await repository.list_open(session, kept.brand_id, [kept.id, other.id])
    theirs = found.get(other.id)
    if theirs is not None and (kept.id in found or theirs.staff_id != kept.owner_staff_id):
        await _drop(session, kept, theirs, TransferDropReason.MERGED, _SYSTEM, at)
        await session.flush()  # one open transfer a contact
    return await repository.move(session, kept.brand_id, other.id, kept.id)


async def follow_owner(
    session: AsyncSession, contact: Contact, transfer: Transfer, taker: Seller, *, at: datetime
) -> None:
    """The contact is another seller's, and so is whom stage 1 has brought to the private account;
    a stage 1 that is under way was to lead to the leaver's."""
    if transfer.step is TransferStep.STAGE_1_OPEN:
        reason = TransferDropReason.OWNER_CHANGED
        await _drop(session, contact, transfer, reason, _SYSTEM, at)
        return
    transfer.staff_id, transfer.unit_id = taker.id, taker.unit_id


def _require_living(contact: Contact) -> None:
    if contact.erased_at is not None:
        raise ContactErasedAlready("the contact was erased")


async def _owner_for(session: AsyncSession, principal: Principal, contact: Contact) -> Seller:
    """The contact's owner, for whom the caller may act."""
    if contact.owner_staff_id is None:
        raise ContactNotOwned("no seller owns the contact", field="/contact_id")
    owner = await directory.find_seller(
        session, principal.brand_id, contact.owner_staff_id, principal.extent
    )
    if owner is None:
        raise NotTheOwner("the contact is another seller's", field="/contact_id")
    return owner


async def _account_of(session: AsyncSession, owner: Seller, account_id: UUID) -> SellerAccount:
    account = await directory.find_account_by_id(session, owner.brand_id, account_id)
    if account is None or account.staff_id != owner.id:
        raise AccountNotOfOwner("not an account of the contact's owner", field="/account_id")
    if account.status in _CLOSED:
        raise AccountClosed(f"the account is {account.status.value}", field="/account_id")
    return account


async def _require_pair(session: AsyncSession, account: SellerAccount) -> UUID:
    """The private account that the public one was compared with, and passed.

    A comparison holds while both accounts have the seller that they had then.
    """
    pair = await directory.find_pair(session, account.brand_id, account.id)
    if pair is None or pair.state == "unchecked":
        raise PairNotChecked(
            "the account was not checked against the seller's private one", field="/account_id"
        )
    private = await directory.find_account_by_id(session, account.brand_id, pair.private_account_id)
    is_theirs = private is not None and private.staff_id == account.staff_id
    if not is_theirs or pair.staff_id not in (None, account.staff_id):
        raise PairNotChecked(
            "the pair was not checked since one of its accounts changed hands", field="/account_id"
        )
    if pair.state != "passed":
        differing = ", ".join(pair.failed_fields) or "see its fields"
        raise PairFailed(
            f"the pair failed its check: the accounts differ in {differing}", field="/account_id"
        )
    assert private is not None
    if private.status in _CLOSED:
        raise AccountClosed(f"the private account is {private.status.value}", field="/account_id")
    return private.id


def _due(due_at: datetime | None, at: datetime, usual: timedelta) -> datetime:
    if due_at is None:
        return at + usual
    if not at < due_at <= at + LONGEST_STAGE:
        raise DueOutOfRange(
            f"lies in the past, or more than {LONGEST_STAGE.days} days ahead", field="/due_at"
        )
    return due_at


def _require_given(consent: Consent, at: datetime) -> None:
    if not _EARLIEST <= consent.at <= at + _SKEW:
        raise ConsentNotPlausible("before 2000 or in the future", field="/consent/at")


async def _drop(
    session: AsyncSession,
    contact: Contact,
    transfer: Transfer,
    reason: TransferDropReason,
    actor: str,
    at: datetime,
) -> None:
    transfer.drop(reason, at=at)
    await _note(session, contact, transfer, actor, at)


async def _note(
    session: AsyncSession,
    contact: Contact,
    transfer: Transfer,
    actor: str,
    at: datetime,
    *,
    consent: Consent | None = None,
    channel: str | None = None,
) -> None:
    """History, timer, announcement and audit of what the transfer has just come to."""
    taken = await repository.list_steps(session, transfer.brand_id, transfer.id)
    session.add(
        TransferStepTaken(
            brand_id=transfer.brand_id,
            transfer_id=transfer.id,
            number=len(taken) + 1,
            step=transfer.step,
            dropped_reason=transfer.dropped_reason,
            staff_id=transfer.staff_id,
            taken_by=actor,
            taken_at=at,
            due_at=transfer.due_at,
            channel=channel,
            consent_purpose=consent and consent.purpose,
            consent_notice_version=consent and consent.notice_version,
            consent_at=consent and consent.at,
        )
    )
    # Taken back first: a timer that is set keeps its earlier time.
    await timers.cancel(session, transfer.brand_id, TIME_OUT, transfer.id)
    if transfer.due_at is not None:
        await timers.schedule(session, transfer.brand_id, TIME_OUT, transfer.id, transfer.due_at)
    outbox.add(
        session,
        contact,
        ContactTransferred(
            contact_id=contact.id,
            transfer_id=transfer.id,
            attempt=transfer.attempt,
            staff_id=transfer.staff_id,
            unit_id=transfer.unit_id,
            account_id=transfer.account_id,
            means=transfer.means,
            step=transfer.step,
            dropped_reason=transfer.dropped_reason,
            at=at,
        ),
    )
    reason = transfer.dropped_reason
    audit.record(
        session,
        actor=actor,
        action="transfer.step" if reason is None else "transfer.drop",
        subject=typed("transfer", transfer.id),
        contact=typed("contact", contact.id),
        staff=typed("staff", transfer.staff_id),
        step=transfer.step.value,
        **({} if reason is None else {"reason": reason.value}),
    )
