"""Routing policies: versions that follow each other."""

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lead_svc.models import RoutingPolicy
from lead_svc.repository import offers
from lead_svc.routing import Policy
from shared import audit
from shared.clock import now
from shared.ids import typed


async def set_policy(
    session: AsyncSession, brand_id: UUID, rules: dict[str, Any], *, actor: str
) -> Policy:
    """Route by these rules from now on; decisions made before keep the version they name."""
    version = await offers.next_policy_version(session, brand_id)
    session.add(
        RoutingPolicy(
            brand_id=brand_id, version=version, rules=rules, created_by=actor, created_at=now()
        )
    )
    audit.record(
        session,
        actor=actor,
        action="routing_policy.set",
        subject=typed("brand", brand_id),
        version=version,
    )
    return msgspec.convert({**rules, "version": version}, Policy)
