"""Rows that one delivery becomes: a receipt with its key, new leads, their announcements."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from lead_svc.hooks import Broken, Content, Delivery, LeadForm
from lead_svc.models import ReceiptStatus
from lead_svc.models.intake import PAYLOAD
from shared import outbox
from shared.events.lead import LeadCaptured
from shared.ids import uuid7
from shared.sealing import Vault, seal

UNKNOWN_KIND = "unknown kind"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a delivery came in."""

    brand_id: UUID
    connection_id: UUID
    platform: str


@dataclass(frozen=True, slots=True)
class NewLead:
    """A lead to insert unless its sender told of it before; `announcement` is its outbox row."""

    id: UUID
    source_lead_id: str
    submitted_at: datetime
    announcement: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """A verified delivery, sealed and ready to be written."""

    id: UUID
    brand_id: UUID
    connection_id: UUID
    platform: str
    kind: str | None
    dedupe_key: str
    status: ReceiptStatus
    reason: str | None
    payload: bytes
    wrapped_key: bytes
    kek_version: int
    received_at: datetime
    leads: tuple[NewLead, ...]

    def quarantined(self, reason: str) -> "NewReceipt":
        return replace(self, status=ReceiptStatus.QUARANTINED, reason=reason, leads=())


def new_receipt(
    vault: Vault,
    source: Source,
    delivery: Delivery,
    received_at: datetime,
) -> NewReceipt:
    receipt_id = uuid7()
    data_key, wrapped, kek_version = vault.wrap_new(source.brand_id, receipt_id)
    kind, reason = judge(delivery.content)
    forms = () if isinstance(delivery.content, Broken) else delivery.content.leads
    return NewReceipt(
        id=receipt_id,
        brand_id=source.brand_id,
        connection_id=source.connection_id,
        platform=source.platform,
        kind=kind,
        dedupe_key=delivery.dedupe_key,
        status=ReceiptStatus.ACCEPTED if reason is None else ReceiptStatus.QUARANTINED,
        reason=reason,
        payload=seal(data_key, delivery.payload, source.brand_id, receipt_id, PAYLOAD),
        wrapped_key=wrapped,
        kek_version=kek_version,
        received_at=received_at,
        leads=tuple(new_lead(source, receipt_id, form, received_at) for form in forms),
    )


def judge(content: Content | Broken) -> tuple[str | None, str | None]:
    """The kind of a delivery, and why it is set aside; None if it is not."""
    if isinstance(content, Broken):
        return None, content.reason
    return content.kind, None if content.is_known else UNKNOWN_KIND


def new_lead(source: Source, receipt_id: UUID, form: LeadForm, received_at: datetime) -> NewLead:
    lead_id = uuid7()
    submitted_at = form.submitted_at or received_at
    captured = LeadCaptured(
        lead_id=lead_id,
        connection_id=source.connection_id,
        receipt_id=receipt_id,
        source=source.platform,
        source_lead_id=form.external_lead_id,
        submitted_at=submitted_at,
    )
    return NewLead(
        id=lead_id,
        source_lead_id=form.external_lead_id,
        submitted_at=submitted_at,
        announcement=outbox.row(source.brand_id, captured, 1),
    )
