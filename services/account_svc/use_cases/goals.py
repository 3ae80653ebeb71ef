"""Counting what people achieve, and setting the goals it is measured against."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import GoalFromAbove, PeriodOver, UnknownStaff, UnknownUnit
from account_svc.models import Trigger
from account_svc.models.goal import Metric, goal_bounds
from account_svc.repository import goals as repository
from account_svc.repository.goals import Owner
from account_svc.repository.talent import driver_of
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7


async def count(
    session: AsyncSession,
    brand_id: UUID,
    trigger: Trigger,
    cause: str,
    *,
    staff_id: UUID | None,
    unit_id: UUID,
    achieved_at: datetime,
    amount_minor: int = 0,
) -> None:
    """Note a fact that counts for the person and the unit, once. It is paid for or not elsewhere;
    a void takes it out of every figure."""
    await repository.note_result(
        session,
        {
            "brand_id": brand_id,
            "trigger": trigger,
            "cause": cause,
            "staff_id": staff_id,
            "unit_id": unit_id,
            "achieved_at": achieved_at,
            "amount_minor": amount_minor,
        },
    )


async def set_goals(
    session: AsyncSession,
    principal: Principal,
    owner: Owner,
    targets: Mapping[UUID, int],
    *,
    period: str,
    metric: Metric,
) -> list[UUID]:
    """A new version of each one's goal, and its id. A manager's own unit gets its goal from above;
    a period that is over keeps its goals."""
    at, brand_id = now(), principal.brand_id
    if goal_bounds(period)[1] <= at:
        raise PeriodOver(f"{period} is over", field="/period")
    visible = await repository.visible_owners(
        await driver_of(session), brand_id, principal.extent, owner, list(targets)
    )
    for place, owner_id in enumerate(targets):
        field = f"/goals/{place}/{owner}_id"
        if owner_id not in visible:
            refusal = UnknownUnit if owner == "unit" else UnknownStaff
            raise refusal(f"no such {'unit' if owner == 'unit' else 'person'}", field=field)
        if owner_id in (principal.extent.unit_ids or ()):
            raise GoalFromAbove("the goal of your own unit is set above it")
    await repository.lock_goals(session, brand_id)
    versions = await repository.last_versions(
        session, brand_id, owner, list(targets), period, metric
    )
    rows: list[dict[str, Any]] = [
        {
            "id": uuid7(),
            "brand_id": brand_id,
            "unit_id": owner_id if owner == "unit" else None,
            "staff_id": owner_id if owner == "staff" else None,
            "period": period,
            "metric": metric,
            "version": versions.get(owner_id, 0) + 1,
            "target": target,
            "set_by": principal.actor,
            "set_at": at,
        }
        for owner_id, target in targets.items()
    ]
    await repository.save_goals(session, rows)
    for row, owner_id in zip(rows, targets, strict=True):
        audit.record(
            session,
            actor=principal.actor,
            action="goal.set",
            subject=typed("goal", row["id"]),
            of=typed(owner, owner_id),
            period=period,
            metric=metric,
            target=row["target"],
        )
    return [row["id"] for row in rows]
