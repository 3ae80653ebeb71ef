"""Bodies of the connection and receipt endpoints."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lead_svc.models import Connection, ConnectionStatus, ReceiptStatus
from shared.ids import ConnectionId, ReceiptId, typed


class AddConnectionIn(BaseModel):
    """What `secrets` and `settings` hold depends on the platform; docs/api describes them."""

    platform: str
    name: Annotated[str, Field(min_length=1, max_length=200)]
    secrets: dict[str, Any]
    settings: dict[str, Any] = {}


class RotateSecretsIn(BaseModel):
    secrets: dict[str, Any]


class ChangeSettingsIn(BaseModel):
    settings: dict[str, Any]


class ConnectionOut(BaseModel):
    """A platform delivers to `hook_path`. Secrets are never read back."""

    id: ConnectionId
    platform: str
    name: str
    settings: dict[str, Any]
    status: ConnectionStatus
    hook_path: str
    created_at: datetime

    @classmethod
    def of(cls, row: Connection) -> "ConnectionOut":
        return cls(
            id=row.id,
            platform=row.platform,
            name=row.name,
            settings=row.settings,
            status=row.status,
            hook_path=f"/hooks/{row.platform}/{typed('conn', row.id)}",
            created_at=row.created_at,
        )


class Connections(BaseModel):
    """The connections that were asked for by id, and the ids that are none."""

    items: list[ConnectionOut]
    missing: list[ConnectionId]


class ReceiptOut(BaseModel):
    """A delivery that was verified; `reason` says why it is in quarantine."""

    model_config = ConfigDict(from_attributes=True)

    id: ReceiptId
    connection_id: ConnectionId
    platform: str
    kind: str | None
    status: ReceiptStatus
    reason: str | None
    received_at: datetime
