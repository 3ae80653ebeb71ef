"""Bodies of API keys."""

from datetime import datetime
from typing import Annotated, Any, Literal

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from account_svc.models.facts import Facts, Name
from shared.access import Role
from shared.ids import ApiKeyId, BrandId, StaffId, UnitId, typed
from shared.instants import Instant

Scope = Annotated[str, Field(pattern=r"^[a-z_*]+(\.[a-z_*]+)?$", max_length=100)]


class ApiKeyIn(Facts):
    """A key speaks for the whole brand, so its role is one that sees the whole brand; `scopes`
    are patterns of actions (`lead.*`, `*.read`) that narrow it. Personal data is shown by
    `personal.read` alone, which no pattern stands for."""

    name: Name
    role: Literal[Role.BRAND_ADMIN, Role.ANALYST, Role.COMPLIANCE, Role.SCRM]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)]
    expires_at: Instant | None = None


class ApiKeyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: ApiKeyId
    name: str
    role: Role
    scopes: list[str]
    prefix: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewApiKeyOut(ApiKeyOut):
    secret: str
    """The whole key; shown this once."""


class VerifyIn(Facts):
    key: Annotated[str, Field(max_length=200)]


class ClaimsOut(BaseModel):
    """The claims of the key's principal, as a service token carries them."""

    sub: str
    brand: BrandId
    roles: list[Role]
    units: list[UnitId]
    staff: StaffId | None = None
    scope: str


def key_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_KEY in the shape of ApiKeyOut."""
    return {**row, "id": typed("apikey", row["id"])}
