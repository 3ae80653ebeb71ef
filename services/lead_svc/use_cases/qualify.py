"""A captured lead becomes a qualified one: who it is, where it came from, what it is worth."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc import hooks
from lead_svc.hooks import LeadForm
from lead_svc.models import Lead, LeadStatus, Touchpoint
from lead_svc.models.intake import PAYLOAD
from lead_svc.repository import contacts, leads
from lead_svc.score import Signals, score
from lead_svc.use_cases.attribution import Origin, resolve, thank_last_touch
from lead_svc.use_cases.contacts import learn, match_contact
from lead_svc.use_cases.leads import close_voided
from lead_svc.use_cases.offers import route
from shared import audit, outbox
from shared.clock import now
from shared.events.lead import LeadQualified
from shared.ids import typed
from shared.sealing import Vault, unseal

QUALIFY = "lead.qualify"
"""Timer kind: look again whether the directories know what the lead names."""

_LOOK_AGAIN = timedelta(seconds=1)
_ACTOR = "system:pipeline"


class NoSuchForm(Exception):
    """The receipt does not hold the lead that refers to it."""


async def qualify(
    session: AsyncSession, vault: Vault, brand_id: UUID, lead_id: UUID, *, grace: timedelta
) -> datetime | None:
    """Qualify and route a captured lead; repeating it changes nothing.

    News of the post, account or store that the lead names may still be on its way: until `grace`
    after the capture the answer is when to look again, and nothing has changed.
    """
    lead = await leads.get_for_update(session, brand_id, lead_id)
    if lead.status is not LeadStatus.CAPTURED:
        return None
    form = await open_form(session, vault, lead, lead.receipt_id)
    if form is None:
        await close_voided(session, lead, reason="erased", actor=_ACTOR)
        return None
    origin = await resolve(session, brand_id, form, lead.source)
    if not origin.is_complete and now() < lead.captured_at + grace:
        return now() + _LOOK_AGAIN
    # Nothing that is looked up below depends on what has been changed: the lead is written once.
    with session.no_autoflush:
        contact, is_new = await match_contact(session, vault, brand_id, form, lead.source)
        await learn(session, vault, contact, form)
        earlier = contact.lead_count
        contact.lead_count += 1
        await _touch(session, lead, contact.id, form, origin, lead.receipt_id)
        lead.contact_id = contact.id
        _take_over(lead, form)
        await thank_last_touch(session, lead)
        lead.unit_id = lead.origin_unit_id
        _rate(lead, form, earlier)
        lead.status = LeadStatus.QUALIFIED
        assert lead.score is not None
        assert lead.grade is not None
        outbox.add(
            session,
            lead,
            LeadQualified(
                lead_id=lead.id,
                contact_id=contact.id,
                is_new_contact=is_new,
                source=lead.source,
                submitted_at=lead.submitted_at,
                post_id=lead.post_id,
                account_id=lead.account_id,
                campaign_id=lead.campaign_id,
                unit_id=lead.origin_unit_id,
                score=lead.score,
                grade=lead.grade,
            ),
        )
        _audit(session, lead, "lead.qualify", lead.receipt_id)
        await route(session, lead, at=now())
    return None


async def learn_more(
    session: AsyncSession, vault: Vault, brand_id: UUID, lead_id: UUID, receipt_id: UUID
) -> None:
    """The sender told more: the contact and the score follow; who has the lead stays."""
    await qualify(session, vault, brand_id, lead_id, grace=timedelta(0))
    lead = await leads.get_for_update(session, brand_id, lead_id)
    form = await open_form(session, vault, lead, receipt_id)
    if form is None or lead.status is LeadStatus.VOIDED:
        return
    assert lead.contact_id is not None
    if await contacts.is_erased(session, brand_id, lead.contact_id):
        # The person asked to be forgotten: what is still told of the old lead goes with it.
        await contacts.destroy_keys(session, brand_id, [receipt_id])
        return
    origin = await resolve(session, brand_id, form, lead.source)
    contact, _ = await match_contact(
        session, vault, brand_id, form, lead.source, known_id=lead.contact_id
    )
    await learn(session, vault, contact, form)
    await session.refresh(lead)  # a merge moves leads in the database
    _take_over(lead, form)
    await _touch(session, lead, contact.id, form, origin, receipt_id)
    _rate(lead, form, contact.lead_count - 1)
    _audit(session, lead, "lead.learn_more", receipt_id)


async def open_form(
    session: AsyncSession, vault: Vault, lead: Lead, receipt_id: UUID
) -> LeadForm | None:
    """What a delivery says of this lead; None when it was erased."""
    receipt, connection = await leads.get_receipt(session, lead.brand_id, receipt_id)
    keys = await vault.keys(session, lead.brand_id, [receipt_id])
    if receipt_id not in keys:
        return None
    payload = unseal(keys[receipt_id], receipt.payload, lead.brand_id, receipt_id, PAYLOAD)
    for form in hooks.parse(receipt.platform, connection.settings, payload):
        if form.external_lead_id == lead.source_lead_id:
            return form
    raise NoSuchForm(f"receipt {receipt_id} does not hold the lead")


def _take_over(lead: Lead, form: LeadForm) -> None:
    lead.city = form.city or lead.city
    lead.product = form.product or lead.product
    lead.keyword = form.keyword or lead.keyword
    lead.channel_code = form.channel_code or lead.channel_code


async def _touch(
    session: AsyncSession,
    lead: Lead,
    contact_id: UUID,
    form: LeadForm,
    origin: Origin,
    receipt_id: UUID,
) -> None:
    await contacts.add_touchpoint(
        session,
        Touchpoint(
            brand_id=lead.brand_id,
            contact_id=contact_id,
            lead_id=lead.id,
            receipt_id=receipt_id,
            source=lead.source,
            post_id=origin.post_id,
            account_id=origin.account_id,
            campaign_id=origin.campaign_id,
            unit_id=origin.unit_id,
            keyword=form.keyword,
            channel_code=form.channel_code,
            at=form.submitted_at or lead.submitted_at,
        ),
    )


def _rate(lead: Lead, form: LeadForm, earlier_leads: int) -> None:
    signals = Signals(
        has_phone=bool(form.phone),
        has_private_contact=bool(form.wechat or form.external_userid),
        has_post=lead.post_id is not None,
        has_account=lead.account_id is not None,
        has_unit=lead.origin_unit_id is not None,
        product=lead.product,
        city=lead.city,
        words=f"{form.note or ''} {lead.keyword or ''}",
        earlier_leads=earlier_leads,
        has_consent=form.consent is not None,
    )
    rated = score(signals)
    lead.score, lead.grade, lead.score_reasons = rated.points, rated.grade, rated.reasons


def _audit(session: AsyncSession, lead: Lead, action: str, receipt_id: UUID) -> None:
    audit.record(
        session,
        actor=_ACTOR,
        action=action,
        subject=typed("lead", lead.id),
        receipt_id=typed("rcpt", receipt_id),
    )
