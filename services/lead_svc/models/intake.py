"""Where leads come in: connections to platforms and what they delivered."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lead_svc.models.base import Base
from shared.sealing import Vault, seal, unseal

_SECRETS = "secrets"
PAYLOAD = "payload"
"""The field name under which a receipt's payload is sealed."""


class ConnectionStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class Connection(Base):
    """A platform app, or a sender of ours, that delivers to `/hooks/{platform}/{id}`.

    Its secrets carry their own wrapped key: the intake role reads connections and no key table.
    """

    __tablename__ = "connection"
    __table_args__ = (Index(None, "brand_id", "id", unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    platform: Mapped[str]
    name: Mapped[str]
    settings: Mapped[dict[str, Any]]
    secrets: Mapped[bytes]
    wrapped_key: Mapped[bytes]
    kek_version: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[ConnectionStatus]
    created_at: Mapped[datetime]

    def seal_secrets(self, vault: Vault, secrets: dict[str, Any]) -> None:
        data_key, self.wrapped_key, self.kek_version = vault.wrap_new(self.brand_id, self.id)
        self.secrets = seal(data_key, orjson.dumps(secrets), self.brand_id, self.id, _SECRETS)

    def open_secrets(self, vault: Vault) -> dict[str, Any]:
        data_key = vault.unwrap(self.wrapped_key, self.kek_version, self.brand_id, self.id)
        secrets: dict[str, Any] = orjson.loads(
            unseal(data_key, self.secrets, self.brand_id, self.id, _SECRETS)
        )
        return secrets


class ReceiptStatus(StrEnum):
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    REPLAYED = "replayed"


class Receipt(Base):
    """One verified delivery, kept as it came; `payload` is sealed under the receipt's own key."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("brand_id", "connection_id", "dedupe_key"),
        Index(None, "brand_id", "status", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    brand_id: Mapped[UUID]
    connection_id: Mapped[UUID]
    platform: Mapped[str]
    kind: Mapped[str | None]
    dedupe_key: Mapped[str]
    status: Mapped[ReceiptStatus]
    reason: Mapped[str | None]
    payload: Mapped[bytes]
    received_at: Mapped[datetime]
