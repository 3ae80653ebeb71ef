"""Bodies of platform policies."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import asyncpg
from pydantic import BaseModel, ConfigDict

from account_svc.models import PolicyFact, PolicyRow
from shared.events.account import Platform
from shared.ids import PolicyId, typed


class PolicyOut(BaseModel):
    """A brand's own row: `number`, or `words` for a fact that is told in words."""

    model_config = ConfigDict(from_attributes=True)

    id: PolicyId
    platform: Platform
    fact: PolicyFact
    number: int | None
    words: list[str] | None
    valid_from: datetime
    valid_to: datetime | None
    source: str


class PolicyOrigin(StrEnum):
    PLATFORM = "platform"
    BRAND = "brand"


class HoldingPolicyOut(BaseModel):
    """A row that holds at the instant asked for. `id` is that of a brand's own row."""

    id: PolicyId | None
    origin: PolicyOrigin
    is_second_hand: bool
    platform: Platform
    fact: PolicyFact
    number: int | None
    words: list[str] | None
    valid_from: datetime
    valid_to: datetime | None
    source: str


class ExpiredPolicyOut(BaseModel):
    """A fact that has rows, none of which holds then."""

    platform: Platform
    fact: PolicyFact
    reason: str


class HoldingPoliciesOut(BaseModel):
    at: datetime
    items: list[HoldingPolicyOut]
    expired: list[ExpiredPolicyOut]


def policy_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_POLICY in the shape of PolicyOut."""
    return {**row, "id": typed("policy", row["id"])}


def holding_json(row: PolicyRow) -> dict[str, Any]:
    return {
        "id": None if row.id is None else typed("policy", row.id),
        "origin": PolicyOrigin.PLATFORM if row.id is None else PolicyOrigin.BRAND,
        "is_second_hand": row.is_second_hand,
        "platform": row.platform,
        "fact": row.fact,
        "number": row.number,
        "words": row.words,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "source": row.source,
    }
