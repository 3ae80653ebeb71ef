"""Connections and receipts: one function per action."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc import hooks
from lead_svc.hooks import Broken, LeadForm
from lead_svc.intake import repository
from lead_svc.intake.deliveries import judge
from lead_svc.intake.errors import ReceiptErased, ReceiptNotQuarantined
from lead_svc.intake.statement import TELL_MORE
from lead_svc.models import Connection, ConnectionStatus, Receipt, ReceiptStatus
from lead_svc.models.intake import PAYLOAD
from shared import audit, outbox
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.lead import LeadCaptured, LeadUpdated
from shared.ids import typed, uuid7
from shared.sealing import Vault, unseal
from shared.timers import Due, TimerHandler


async def add_connection(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    *,
    platform: str,
    name: str,
    secrets: dict[str, Any],
    settings: dict[str, Any],
) -> Connection:
    hooks.open_hook(platform, secrets, settings)
    connection = Connection(
        id=uuid7(),
        brand_id=principal.brand_id,
        platform=platform,
        name=name,
        settings=settings,
        status=ConnectionStatus.ACTIVE,
        created_at=now(),
    )
    connection.seal_secrets(vault, secrets)
    session.add(connection)
    record(session, principal, "connection.add", connection)
    return connection


async def rotate_secrets(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    connection_id: UUID,
    secrets: dict[str, Any],
) -> Connection:
    connection = await repository.get_connection_for_update(
        session, principal.brand_id, connection_id
    )
    hooks.open_hook(connection.platform, secrets, connection.settings)
    connection.seal_secrets(vault, secrets)
    record(session, principal, "connection.rotate_secrets", connection)
    return connection


async def change_settings(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    connection_id: UUID,
    settings: dict[str, Any],
) -> Connection:
    """Whatever is read from now on is read with these: new deliveries and replays."""
    connection = await repository.get_connection_for_update(
        session, principal.brand_id, connection_id
    )
    hooks.open_hook(connection.platform, connection.open_secrets(vault), settings)
    connection.settings = settings
    record(session, principal, "connection.change_settings", connection)
    return connection


async def disable_connection(
    session: AsyncSession, principal: Principal, connection_id: UUID
) -> Connection:
    connection = await repository.get_connection_for_update(
        session, principal.brand_id, connection_id
    )
    connection.status = ConnectionStatus.DISABLED
    record(session, principal, "connection.disable", connection)
    return connection


def record(
    session: AsyncSession, principal: Principal, action: str, connection: Connection
) -> None:
    audit.record(
        session, actor=principal.actor, action=action, subject=typed("conn", connection.id)
    )


async def replay_receipt(
    session: AsyncSession, vault: Vault, principal: Principal, receipt_id: UUID
) -> Receipt:
    """Read a quarantined delivery with the settings of today and go on as if it came now.

    What still cannot be read stays in quarantine, with the reason of today.
    """
    receipt = await repository.get_receipt_for_update(session, principal.brand_id, receipt_id)
    if receipt.status is not ReceiptStatus.QUARANTINED:
        raise ReceiptNotQuarantined(f"the receipt is {receipt.status.value}")
    connection = await repository.get_connection(session, principal.brand_id, receipt.connection_id)
    payload = await open_payload(session, vault, receipt)
    content = hooks.read(receipt.platform, connection.settings, payload, now())
    kind, receipt.reason = judge(content)
    receipt.kind = kind or receipt.kind
    if receipt.reason is None and not isinstance(content, Broken):
        receipt.status = ReceiptStatus.REPLAYED
        for form in content.leads:
            await take_in(session, receipt, form)
    audit.record(
        session,
        actor=principal.actor,
        action="receipt.replay",
        subject=typed("rcpt", receipt.id),
        status=receipt.status.value,
    )
    return receipt


async def take_in(session: AsyncSession, receipt: Receipt, form: LeadForm) -> None:
    """Capture the lead, or announce that its sender told more of it."""
    lead = await repository.add_lead(
        session,
        {
            "brand_id": receipt.brand_id,
            "connection_id": receipt.connection_id,
            "source": receipt.platform,
            "source_lead_id": form.external_lead_id,
            "receipt_id": receipt.id,
            "submitted_at": form.submitted_at or receipt.received_at,
            "captured_at": now(),
        },
    )
    if lead is None:
        lead = await repository.get_told_lead_for_update(
            session, receipt.brand_id, receipt.connection_id, form.external_lead_id
        )
        outbox.add(session, lead, LeadUpdated(lead_id=lead.id, receipt_id=receipt.id))
        return
    captured = LeadCaptured(
        lead_id=lead.id,
        connection_id=lead.connection_id,
        receipt_id=receipt.id,
        source=lead.source,
        source_lead_id=lead.source_lead_id,
        submitted_at=lead.submitted_at,
    )
    outbox.add(session, lead, captured)


def telling_more(sessions: Sessions, vault: Vault) -> TimerHandler:
    """Handler of the timer that the batch writer sets for a receipt about a known lead.

    The timer goes in the transaction of the announcement: a repeated run announces nothing.
    """

    async def tell_more(due: Due) -> None:
        async with brand_session(sessions, due.brand_id) as session:
            if not await repository.take_timer(session, due.brand_id, TELL_MORE, due.subject_id):
                return
            receipt = await repository.get_receipt_for_update(session, due.brand_id, due.subject_id)
            connection = await repository.get_connection(
                session, due.brand_id, receipt.connection_id
            )
            try:
                payload = await open_payload(session, vault, receipt)
            except ReceiptErased:
                return
            try:
                forms = hooks.parse(receipt.platform, connection.settings, payload)
            except hooks.Unreadable as error:
                # It could be read when it came: the settings have changed since.
                receipt.status, receipt.reason = ReceiptStatus.QUARANTINED, str(error)
                return
            for form in forms:
                await take_in(session, receipt, form)

    return tell_more


async def open_payload(session: AsyncSession, vault: Vault, receipt: Receipt) -> bytes:
    keys = await vault.keys(session, receipt.brand_id, [receipt.id])
    if receipt.id not in keys:
        raise ReceiptErased("the receipt's content is erased")
    return unseal(keys[receipt.id], receipt.payload, receipt.brand_id, receipt.id, PAYLOAD)
