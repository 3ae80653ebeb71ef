"""Bodies of health."""

from datetime import datetime
from typing import Any

import asyncpg
import orjson
from pydantic import BaseModel

from account_svc.health import Cause
from shared.events.account import HealthLevel
from shared.ids import AccountId, typed


class ReasonOut(BaseModel):
    """What takes points from 100."""

    cause: Cause
    points: int
    message: str
    since: datetime | None


class AccountHealthOut(BaseModel):
    account_id: AccountId
    score: int
    level: HealthLevel
    """Worse as soon as the score is; better once that is sure, so that it may stay behind the score
    for a time."""
    reasons: list[ReasonOut]
    """The heaviest first."""
    judged_at: datetime
    changed_at: datetime
    """Since when the account has this level."""
    last_post_at: datetime | None
    last_reply_at: datetime | None
    """When a seller last took a lead that came by the account."""


def health_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of health in the shape of AccountHealthOut."""
    return {
        **row,
        "account_id": typed("acct", row["account_id"]),
        "reasons": orjson.loads(row["reasons"]),
    }
