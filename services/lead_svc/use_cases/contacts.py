"""The person behind leads: found or made, merged, moved along the journey, erased."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.hooks import LeadForm
from lead_svc.identity import identities, normal_phone
from lead_svc.models import Contact, ContactMerge, StageChange
from lead_svc.personal import SEALED_FIELDS
from lead_svc.repository import contacts
from lead_svc.repository.transfers import clear_notes
from lead_svc.use_cases import transfers
from shared import audit, outbox
from shared.clock import now
from shared.events.lead import ContactErased, ContactMerged, ContactStageChanged, Stage
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal, unseal

_ROUNDS = 5


class Crowded(Exception):
    """Others kept claiming the same identities; the event is tried again later."""


async def match_contact(
    session: AsyncSession,
    vault: Vault,
    brand_id: UUID,
    form: LeadForm,
    source: str,
    *,
    known_id: UUID | None = None,
) -> tuple[Contact, bool]:
    """The one contact that the form names, locked, and whether it is new.

    `known_id` is the contact that the lead has already.

    A form that names two contacts proves that they are one person: they are merged. The unique
    key on identities makes this hold for leads that arrive at the same moment: who comes second
    waits, finds the first one's contact and takes it.
    """
    indexes = [
        (kind, vault.index(brand_id, kind, value)) for kind, value in identities(form, source)
    ]
    if not indexes and known_id is None:
        return await _add_contact(session, brand_id), True
    for _ in range(_ROUNDS):
        known = await contacts.find_by_identities(session, brand_id, indexes)
        named = {*known.values(), *([known_id] if known_id else [])}
        is_new = not named
        if named:
            joined = await _join(session, vault, brand_id, list(named))
            if joined is None:
                continue
            contact = joined
        else:
            savepoint = await session.begin_nested()
            contact = await _add_contact(session, brand_id)
        missing = [index for index in indexes if index not in known]
        if not missing:
            return contact, is_new
        if await contacts.add_identities(session, brand_id, contact.id, missing) == len(missing):
            if is_new:
                await savepoint.commit()
            return contact, is_new
        if is_new:
            await savepoint.rollback()
    raise Crowded


async def _add_contact(session: AsyncSession, brand_id: UUID) -> Contact:
    contact = Contact(
        id=uuid7(),
        brand_id=brand_id,
        version=0,
        stage=Stage.INTENT,
        lead_count=0,
        created_at=now(),
    )
    session.add(contact)
    await session.flush()  # identities refer to it
    return contact


async def _join(
    session: AsyncSession, vault: Vault, brand_id: UUID, contact_ids: Sequence[UUID]
) -> Contact | None:
    """The one contact that all of these are; None when, since the look-up, they were merged into
    another or erased: then look again."""
    found = await contacts.lock_many(session, brand_id, contact_ids)
    present = [one for one in found if one.merged_into_id is None and one.erased_at is None]
    if not present:
        return None
    kept = _survivor(present)
    for other in present:
        if other is not kept:
            await merge(session, vault, kept, other)
    return kept


def _survivor(found: Sequence[Contact]) -> Contact:
    """The oldest contact that has an owner, else the oldest: a merge never takes an owner's."""
    owned = [contact for contact in found if contact.owner_staff_id is not None]
    return min(owned or found, key=lambda contact: (contact.created_at, contact.id))


async def merge(session: AsyncSession, vault: Vault, kept: Contact, other: Contact) -> None:
    """Make `other` part of `kept`; both are locked. The history row allows taking it apart."""
    brand_id = kept.brand_id
    await _adopt_fields(session, vault, kept, other)
    identity_ids = await contacts.move_identities(session, brand_id, other.id, kept.id)
    lead_ids = await contacts.move_leads(session, brand_id, other.id, kept.id)
    outbox.add(session, kept, ContactMerged(contact_id=kept.id, merged_contact_id=other.id))
    transfer_ids = await transfers.follow_merge(session, kept, other, at=now())
    session.add(
        ContactMerge(
            brand_id=brand_id,
            contact_id=kept.id,
            merged_contact_id=other.id,
            owner_staff_id=kept.owner_staff_id,
            merged_owner_staff_id=other.owner_staff_id,
            identity_ids=identity_ids,
            lead_ids=lead_ids,
            transfer_ids=transfer_ids,
            merged_at=now(),
        )
    )
    other.merged_into_id = kept.id
    kept.lead_count += other.lead_count
    kept.city = kept.city or other.city
    audit.record(
        session,
        actor="system:identity",
        action="contact.merge",
        subject=typed("contact", kept.id),
        merged_contact_id=typed("contact", other.id),
    )


async def _adopt_fields(session: AsyncSession, vault: Vault, kept: Contact, other: Contact) -> None:
    """Seal what only `other` knows under the key of `kept`."""
    keys = await vault.keys(session, kept.brand_id, [other.id])
    if other.id not in keys:
        return
    for field in SEALED_FIELDS:
        blob: bytes | None = getattr(other, field)
        if blob is not None and getattr(kept, field) is None:
            value = unseal(keys[other.id], blob, other.brand_id, other.id, field)
            own = await vault.create_key(session, kept.brand_id, kept.id)
            setattr(kept, field, seal(own, value, kept.brand_id, kept.id, field))


async def learn(session: AsyncSession, vault: Vault, contact: Contact, form: LeadForm) -> None:
    """Seal what the form tells of the person; what is known already stays."""
    told = {
        "name": form.name,
        "phone": normal_phone(form.phone) if form.phone else None,
        "wechat": form.wechat,
        "email": form.email,
    }
    new = {name: value for name, value in told.items() if value and getattr(contact, name) is None}
    if new:
        data_key = await vault.create_key(session, contact.brand_id, contact.id)
        for name, value in new.items():
            blob = seal(data_key, value.encode(), contact.brand_id, contact.id, name)
            setattr(contact, name, blob)
    contact.city = contact.city or form.city


async def move_stage(
    session: AsyncSession, brand_id: UUID, contact_id: UUID, stage: Stage, *, actor: str
) -> Contact:
    """Move the contact to `stage`; saying again where it stands changes nothing."""
    contact = await contacts.get_for_update(session, brand_id, contact_id)
    if contact.stage is stage and contact.erased_at is None:
        return contact
    from_stage = contact.stage
    contact.move_to(stage)
    note_stage(session, contact, from_stage, actor=actor)
    return contact


def note_stage(session: AsyncSession, contact: Contact, from_stage: Stage, *, actor: str) -> None:
    """History, announcement and audit of a stage that the contact has just reached."""
    session.add(
        StageChange(
            brand_id=contact.brand_id,
            contact_id=contact.id,
            from_stage=from_stage,
            stage=contact.stage,
            changed_by=actor,
            changed_at=now(),
        )
    )
    outbox.add(
        session,
        contact,
        ContactStageChanged(
            contact_id=contact.id, from_stage=from_stage, stage=contact.stage, changed_by=actor
        ),
    )
    audit.record(
        session,
        actor=actor,
        action="contact.move_stage",
        subject=typed("contact", contact.id),
        from_stage=from_stage.value,
        stage=contact.stage.value,
    )


async def erase(session: AsyncSession, brand_id: UUID, contact_id: UUID, *, actor: str) -> Contact:
    """Destroy the keys of the person and of every delivery about them; forget what finds them.

    Sealed copies in the event log and in backups become unreadable with the keys. Repeating it
    changes nothing.
    """
    contact = await contacts.get_for_update(session, brand_id, contact_id)
    if contact.erased_at is not None:
        return contact
    everyone = await contacts.list_merged_ids(session, brand_id, contact.id)
    receipt_ids = await contacts.list_receipt_ids(session, brand_id, everyone)
    await contacts.destroy_keys(session, brand_id, [*everyone, *receipt_ids])
    await contacts.clear_identities(session, brand_id, everyone)
    await clear_notes(session, brand_id, everyone)
    await session.execute(
        update(Contact)
        .where(Contact.brand_id == brand_id, Contact.id.in_(everyone))
        .values(name=None, phone=None, wechat=None, email=None, city=None, erased_at=now())
    )
    await session.refresh(contact)
    outbox.add(session, contact, ContactErased(contact_id=contact.id))
    audit.record(session, actor=actor, action="contact.erase", subject=typed("contact", contact.id))
    return contact
