"""Platform policies that a brand sets for itself."""

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import PolicyExpired
from account_svc.models import PlatformPolicy, PolicyFacts
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7


async def set_policy(
    session: AsyncSession, principal: Principal, facts: PolicyFacts
) -> PlatformPolicy:
    """The brand's row from `valid_from` on, above the platform's and the brand's earlier ones."""
    at = now()
    valid_from = facts.valid_from or at
    if facts.valid_to is not None and facts.valid_to <= max(valid_from, at):
        raise PolicyExpired(
            f"{facts.fact} of {facts.platform} would have expired at {facts.valid_to.isoformat()}",
            field="/valid_to",
        )
    policy = PlatformPolicy(
        id=uuid7(),
        brand_id=principal.brand_id,
        created_at=at,
        **facts.model_dump() | {"valid_from": valid_from},
    )
    session.add(policy)
    audit.record(
        session,
        actor=principal.actor,
        action="policy.set",
        subject=typed("policy", policy.id),
        platform=policy.platform,
        fact=policy.fact,
    )
    return policy
