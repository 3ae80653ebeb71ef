"""Leads that come in through our own API instead of a platform's hook."""

import base64
import secrets
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc import hooks
from lead_svc.errors import LeadUnreadable
from lead_svc.intake.use_cases import take_in
from lead_svc.models import Connection, ConnectionStatus, Lead, Receipt, ReceiptStatus
from lead_svc.models.intake import PAYLOAD
from lead_svc.repository import leads
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7
from shared.sealing import Vault, seal
from shared.tables import DataKeyRow

PLATFORM = "generic"
_KIND = "lead.created"


async def capture_lead(
    session: AsyncSession, vault: Vault, principal: Principal, data: dict[str, Any]
) -> Lead:
    """Take in a lead with the fields of the generic hook.

    The same `lead_id` once more tells more of the same lead; the same fields change nothing.
    """
    brand_id, received_at = principal.brand_id, now()
    data = {**data, "lead_id": data.get("lead_id") or str(uuid7())}
    content = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    payload = orjson.dumps({"type": _KIND, "timestamp": received_at.isoformat(), "data": data})
    try:
        form = hooks.parse(PLATFORM, {}, payload)[0]
    except hooks.Unreadable as error:
        raise LeadUnreadable(str(error)) from error
    connection = await _own_connection(session, vault, brand_id)
    receipt = Receipt(
        id=uuid7(),
        brand_id=brand_id,
        connection_id=connection.id,
        platform=PLATFORM,
        kind=_KIND,
        dedupe_key=f"api:{sha256(content).hexdigest()}",
        status=ReceiptStatus.ACCEPTED,
        received_at=received_at,
    )
    data_key, wrapped, kek_version = vault.wrap_new(brand_id, receipt.id)
    receipt.payload = seal(data_key, payload, brand_id, receipt.id, PAYLOAD)
    if await leads.add_receipt(session, receipt):
        session.add(
            DataKeyRow(
                brand_id=brand_id,
                subject_id=receipt.id,
                kek_version=kek_version,
                wrapped=wrapped,
                created_at=received_at,
            )
        )
        await take_in(session, receipt, form)
        await session.flush()  # the lead is read back
    lead = await leads.get_by_source(session, brand_id, connection.id, form.external_lead_id)
    if lead.receipt_id == receipt.id:
        lead.entered_by_staff_id = principal.staff_id
    audit.record(
        session,
        actor=principal.actor,
        action="lead.capture",
        subject=typed("lead", lead.id),
        receipt_id=typed("rcpt", receipt.id),
    )
    return lead


async def _own_connection(session: AsyncSession, vault: Vault, brand_id: UUID) -> Connection:
    """The brand's connection for leads of this API. Nobody is given its secret."""
    connection_id = uuid5(brand_id, "api")
    connection = await session.get(Connection, connection_id)
    if connection is None:
        connection = Connection(
            id=connection_id,
            brand_id=brand_id,
            platform=PLATFORM,
            name="API",
            settings={},
            status=ConnectionStatus.ACTIVE,
            created_at=now(),
        )
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        connection.seal_secrets(vault, {"keys": [secret]})
        await leads.add_connection(session, connection)
    return connection
