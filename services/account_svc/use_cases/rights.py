"""What rights need, and telling the other services who holds them.

A right is judged anew by whoever asks. What is announced follows from the same judgement: each
time something may have changed for a person - a certificate, a requirement, the clock - it is
judged and compared with what was announced last, so a change is told once, however often and late
a timer rings.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import CertificateMissing, UnknownCourse
from account_svc.models import HeldRight, RightRequirement, Staff
from account_svc.repository import rights as repository
from account_svc.repository import training
from account_svc.rights import denial_of, judge, judge_all
from shared import audit, outbox, timers
from shared.access import Principal
from shared.clock import now
from shared.database import Sessions, brand_session
from shared.events.account import CertificateEarned, CertificateExpired, Right
from shared.ids import typed, uuid7
from shared.timers import Due, TimerHandler

EXPIRY = "right_expiry"
"""Timer of a person: the next of their rights expires."""
SPREAD = "requirement_spread"
"""Timer of a requirement: those whom it concerns are told."""

_BATCH = 200
_BATCHES_AT_ONCE = 10


async def require_courses(
    session: AsyncSession, principal: Principal, right: Right, course_ids: Sequence[UUID]
) -> RightRequirement:
    """From now on the right needs a certificate of each of these courses; of none, it is open.

    Whom it concerns is told soon after, by the timer: they can be the whole brand.
    """
    brand_id = principal.brand_id
    await repository.lock_requirements(session, brand_id)
    known = await training.courses_among(session, brand_id, course_ids)
    for place, course_id in enumerate(course_ids):
        if course_id not in known:
            raise UnknownCourse("no such course", field=f"/course_ids/{place}")
    requirement = RightRequirement(
        id=uuid7(),
        brand_id=brand_id,
        right=right,
        version=await repository.last_version(session, brand_id, right) + 1,
        course_ids=list(course_ids),
        valid_from=now(),
    )
    session.add(requirement)
    await timers.schedule(session, brand_id, SPREAD, requirement.id, requirement.valid_from)
    audit.record(
        session,
        actor=principal.actor,
        action="right.require",
        subject=typed("brand", brand_id),
        right=right,
        version=requirement.version,
        courses=[typed("course", course_id) for course_id in course_ids],
    )
    return requirement


async def require_right(
    session: AsyncSession, brand_id: UUID, staff_id: UUID, right: Right, *, field: str | None
) -> None:
    """Refuse what the person may not do now."""
    denied = await denials(session, brand_id, [staff_id], right)
    if staff_id in denied:
        raise CertificateMissing(denied[staff_id], field=field)


async def denials(
    session: AsyncSession, brand_id: UUID, staff_ids: Collection[UUID], right: Right
) -> dict[UUID, str]:
    """Why those of these people who do not hold the right now do not; none of them departed."""
    at = now()
    course_ids = (await repository.courses_by_right(session, brand_id, at)).get(right)
    if not course_ids:
        return {}
    certificates = await repository.certificates_by_staff(session, brand_id, staff_ids)
    courses = await training.courses_by_id(session, brand_id, course_ids)
    verdicts = {
        staff_id: judge(right, course_ids, certificates.get(staff_id, ()), departed_at=None, at=at)
        for staff_id in staff_ids
    }
    return {
        staff_id: denial_of(verdict, courses)
        for staff_id, verdict in verdicts.items()
        if not verdict.is_held
    }


async def announce(
    session: AsyncSession, brand_id: UUID, people: Sequence[Staff], at: datetime
) -> dict[UUID, datetime]:
    """Tell what has changed in the rights of these people, who are locked.

    The answer is when the next right of each expires; the caller sees to the timer.
    """
    await repository.hold_requirements(session, brand_id)
    staff_ids = [staff.id for staff in people]
    courses_of = await repository.courses_by_right(session, brand_id, at)
    certificates = await repository.certificates_by_staff(session, brand_id, staff_ids)
    announced = await repository.announced(session, brand_id, staff_ids)
    next_at: dict[UUID, datetime] = {}
    for staff in people:
        for verdict in judge_all(
            courses_of, certificates.get(staff.id, []), departed_at=staff.departed_at, at=at
        ):
            held = announced.get((staff.id, verdict.right))
            await _tell(session, staff, verdict.right, verdict.expires_at, held)
            if verdict.expires_at is not None:
                next_at[staff.id] = min(
                    next_at.get(staff.id, verdict.expires_at), verdict.expires_at
                )
    return next_at


async def announce_and_watch(
    session: AsyncSession, brand_id: UUID, people: Sequence[Staff], at: datetime
) -> None:
    """As `announce`, with the timers of the people set. One that is set for earlier stays and finds
    nothing to tell then."""
    next_at = await announce(session, brand_id, people, at)
    await timers.schedule_many(session, brand_id, EXPIRY, next_at)


async def _tell(
    session: AsyncSession,
    staff: Staff,
    right: Right,
    expires_at: datetime | None,
    held: HeldRight | None,
) -> None:
    """`held` is what was announced last. A right that needs no course has no certificate."""
    if expires_at is None:
        if held is not None:
            await session.delete(held)
            outbox.add(session, staff, CertificateExpired(staff_id=staff.id, right=right))
        return
    if held is not None and held.expires_at == expires_at:
        return
    if held is None:
        session.add(
            HeldRight(
                brand_id=staff.brand_id, staff_id=staff.id, right=right, expires_at=expires_at
            )
        )
    else:
        held.expires_at = expires_at
    outbox.add(
        session, staff, CertificateEarned(staff_id=staff.id, right=right, expires_at=expires_at)
    )


def right_timers(sessions: Sessions) -> dict[str, TimerHandler]:
    return {EXPIRY: partial(_expire, sessions), SPREAD: partial(_spread, sessions)}


async def _expire(sessions: Sessions, due: Due) -> datetime | None:
    async with brand_session(sessions, due.brand_id) as session:
        people = await repository.lock_staff(session, due.brand_id, [due.subject_id])
        next_at = await announce(session, due.brand_id, people, now())
        return next_at.get(due.subject_id)


async def _spread(sessions: Sessions, due: Due) -> datetime | None:
    """Tell everybody whom a requirement concerns, by batches; a restart goes on where it was."""
    for _ in range(_BATCHES_AT_ONCE):
        async with brand_session(sessions, due.brand_id) as session:
            requirement = await repository.get_requirement_for_update(
                session, due.brand_id, due.subject_id
            )
            people = await repository.lock_concerned(session, requirement, _BATCH)
            if not people:
                return None
            await announce_and_watch(session, due.brand_id, people, now())
            requirement.told_to = people[-1].id
    return now()
