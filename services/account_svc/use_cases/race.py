"""The rules of the race, and its standings brought up to the ledger."""

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import RaceIsOver
from account_svc.models import RacePolicy, RaceRules, period_of
from account_svc.repository import race as repository
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.ids import typed


async def set_policy(
    session: AsyncSession, principal: Principal, rules: RaceRules, *, from_period: str | None
) -> RacePolicy:
    """Race by these rules from a month on, this one if left out; no month that is over."""
    at = now()
    from_period = from_period or period_of(at)
    if from_period < period_of(at):
        raise RaceIsOver(f"the race of {from_period} is over", field="/from_period")
    policy = RacePolicy(
        brand_id=principal.brand_id,
        version=await repository.next_version(session, principal.brand_id),
        from_period=from_period,
        rules=rules.model_dump(mode="json"),
        created_by=principal.actor,
        created_at=at,
    )
    session.add(policy)
    audit.record(
        session,
        actor=principal.actor,
        action="race_policy.set",
        subject=typed("brand", principal.brand_id),
        version=policy.version,
    )
    return policy


async def fold_standings(sessions: Sessions) -> bool:
    """Bring every brand's race up to its ledger; whether there was anything to do."""
    async with sessions.begin() as session:
        brands = await repository.brands_to_fold(session)
    for brand_id in brands:
        async with brand_session(sessions, brand_id) as session:
            await repository.fold(session, brand_id)
    return bool(brands)
