"""Placing people in tiers, and lifting the middle and the tail: gap, lesson, task, retest."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import (
    DueInThePast,
    LiftOpen,
    LiftTaskNotFound,
    NoCourseForSkill,
    NoGap,
    NotToLift,
    PeriodNotBegun,
    UnknownCourse,
)
from account_svc.models import ExamAttempt, period_of
from account_svc.models.lift import LiftStatus, LiftTask, Tier, Tiering, TierRules
from account_svc.models.talent import Skill
from account_svc.models.tiers import place
from account_svc.repository import lift as repository
from account_svc.repository import race, talent, training
from account_svc.repository import staff as people
from account_svc.repository.constraints import refusing
from account_svc.repository.talent import driver_of
from shared import audit, timers
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.ids import typed, uuid7
from shared.timers import Due, TimerHandler

PLACE = "tier.place"
"""Of a brand: it has months that wait to be placed."""
_RETRY = timedelta(seconds=1)


async def place_people(
    session: AsyncSession, principal: Principal, period: str | None, rules: TierRules
) -> Tiering:
    """Ask that everybody who sells is placed for the month. The worker does it: of a large brand
    it takes longer than an answer may."""
    brand_id, at = principal.brand_id, now()
    period = period or period_of(at)
    if period > period_of(at):
        raise PeriodNotBegun(f"{period} has not begun", field="/period")
    values = {
        "brand_id": brand_id,
        "period": period,
        "rules": rules.model_dump(mode="json"),
        "placed_by": principal.actor,
        "asked_at": at,
        "placed_at": None,
    }
    await repository.ask_for_tiers(session, values)
    await timers.schedule(session, brand_id, PLACE, brand_id, at)
    audit.record(
        session,
        actor=principal.actor,
        action="tier.place",
        subject=typed("brand", brand_id),
        period=period,
    )
    return Tiering(**values, people=None)


def tier_timers(sessions: Sessions) -> dict[str, TimerHandler]:
    return {PLACE: partial(_place, sessions)}


async def _place(sessions: Sessions, due: Due) -> datetime | None:
    """Place the people of one month that waits, among those of their store's league, by the facts
    known now. Done again it gives the same of the same facts."""
    async with brand_session(sessions, due.brand_id) as session:
        if not await repository.is_mine(session, due.brand_id):
            return now() + _RETRY
        tiering = await repository.find_unplaced(session, due.brand_id)
        if tiering is None:
            return None
        rules = TierRules.model_validate(tiering.rules)
        connection = await driver_of(session)
        _, race_rules = await race.fetch_policy(connection, due.brand_id, tiering.period)
        sellers = await repository.fetch_sellers(
            connection, due.brand_id, tiering.period, rules.metric, race_rules
        )
        placed = await asyncio.to_thread(place, sellers, rules)
        await repository.save_placements(session, tiering, placed, now())
    return now()  # another month may wait


async def set_skill_course(
    session: AsyncSession, principal: Principal, skill: Skill, course_id: UUID
) -> datetime:
    """From now on this course trains the skill; tasks that are there keep theirs."""
    brand_id, at = principal.brand_id, now()
    if not await training.courses_among(session, brand_id, [course_id]):
        raise UnknownCourse("no such course", field="/course_id")
    values = {
        "brand_id": brand_id,
        "skill": skill,
        "course_id": course_id,
        "set_by": principal.actor,
        "set_at": at,
    }
    await repository.save_skill_course(session, values)
    audit.record(
        session,
        actor=principal.actor,
        action="skill_course.set",
        subject=typed("course", course_id),
        skill=skill,
    )
    return at


async def assign(
    session: AsyncSession,
    principal: Principal,
    staff_id: UUID,
    *,
    skill: Skill | None,
    due_at: datetime,
) -> LiftTask:
    """Give a person of the middle or the tail the course that trains the skill, the one with the
    largest gap if left out."""
    brand_id, at = principal.brand_id, now()
    staff = await people.get_staff_for_update(session, brand_id, principal.extent, staff_id)
    staff.require_present()
    if due_at <= at:
        raise DueInThePast("the task would be overdue at once", field="/due_at")
    placement = await repository.find_placement(session, brand_id, staff_id)
    if placement is None or placement.tier in (None, Tier.TOP):
        where = "nowhere" if placement is None or placement.tier is None else "at the top"
        raise NotToLift(f"the person is placed {where}; the middle and the tail are lifted")
    assert placement.tier is not None
    rows = await talent.fetch_profiles(
        await driver_of(session), brand_id, principal.extent, [staff_id]
    )
    gaps = {Skill(row["skill"]): row["gap"] for row in rows if row["gap"]}
    if skill is None and gaps:
        skill = max(gaps, key=lambda each: gaps[each])
    if skill is None or skill not in gaps:
        raise NoGap("no gap is known" if skill is None else f"no gap in {skill} is known")
    course_id = await repository.find_skill_course(session, brand_id, skill)
    if course_id is None:
        raise NoCourseForSkill(f"no course trains {skill}")
    task = LiftTask(
        id=uuid7(),
        brand_id=brand_id,
        staff_id=staff_id,
        period=placement.period,
        tier=placement.tier,
        skill=skill,
        gap=gaps[skill],
        course_id=course_id,
        status=LiftStatus.ASSIGNED,
        due_at=due_at,
        assigned_by=principal.actor,
        assigned_at=at,
        retests=0,
    )
    is_open = LiftOpen(f"a task for {skill} is open")
    async with refusing(session, "uq_lift_task_open", is_open):
        session.add(task)
    _note(session, principal.actor, "lift.assign", task)
    return task


async def complete(session: AsyncSession, principal: Principal, task_id: UUID) -> LiftTask:
    """The lesson is worked through; what comes is the retest."""
    task = await repository.get_task(session, principal.brand_id, task_id)
    seen = await people.find_staff(session, principal.brand_id, principal.extent, task.staff_id)
    if seen is None:
        raise LiftTaskNotFound("no such task")
    task.complete(now())
    _note(session, principal.actor, "lift.complete", task)
    return task


async def retest(session: AsyncSession, attempt: ExamAttempt) -> None:
    """What a graded attempt says about the person's tasks. The person is locked."""
    assert attempt.graded_at is not None
    for task in await repository.list_retested(session, attempt):
        task.take_retest(attempt.id, attempt.graded_at, is_passed=bool(attempt.is_passed))
        _note(session, attempt.actor, "lift.retest", task)


def _note(session: AsyncSession, actor: str, action: str, task: LiftTask) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        subject=typed("lift", task.id),
        staff=typed("staff", task.staff_id),
        skill=task.skill,
        status=task.status,
    )
