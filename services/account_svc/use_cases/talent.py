"""Assessing skills, and saying what personas want."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from account_svc.errors import StaffErased, UnknownPersona
from account_svc.models.talent import Skill, WantedFacts
from account_svc.repository import accounts, training
from account_svc.repository import staff as people
from account_svc.repository import talent as repository
from shared import audit
from shared.access import Principal
from shared.clock import now
from shared.ids import typed, uuid7


async def assess(
    session: AsyncSession, principal: Principal, staff_id: UUID, scores: dict[Skill, int]
) -> datetime:
    """Add an assessment of each of these skills, and say at which instant; what was there before
    stays in the history."""
    staff = await people.get_staff_for_update(
        session, principal.brand_id, principal.extent, staff_id
    )
    staff.require_present()
    if await training.is_erased(session, principal.brand_id, staff_id):
        raise StaffErased("the data of this person was erased")
    at = now()
    rows = [
        {
            "id": uuid7(),
            "brand_id": staff.brand_id,
            "staff_id": staff_id,
            "skill": skill,
            "score": score,
            "assessed_by": principal.actor,
            "assessed_at": at,
        }
        for skill, score in scores.items()
    ]
    await repository.save_assessments(session, staff.brand_id, staff_id, rows)
    audit.record(
        session,
        actor=principal.actor,
        action="skill.assess",
        subject=typed("staff", staff_id),
        skills=sorted(scores),
    )
    return at


async def set_wanted(session: AsyncSession, principal: Principal, facts: WantedFacts) -> datetime:
    """The brand's word on a kind of persona, or on one persona, from the instant that it says."""
    brand_id, at = principal.brand_id, now()
    if facts.persona_id is not None and (
        await accounts.find_persona(session, brand_id, facts.persona_id) is None
    ):
        raise UnknownPersona("no such persona", field="/persona_id")
    values = {
        "id": uuid7(),
        "brand_id": brand_id,
        "persona_kind": facts.persona_kind,
        "persona_id": facts.persona_id,
        "scores": facts.scores.model_dump(),
        "set_by": principal.actor,
        "set_at": at,
    }
    await repository.save_wanted(session, values)
    subject = (
        typed("brand", brand_id) if facts.persona_id is None else typed("persona", facts.persona_id)
    )
    audit.record(
        session,
        actor=principal.actor,
        action="skill.want",
        subject=subject,
        persona_kind=facts.persona_kind,
        **facts.scores.model_dump(),
    )
    return at
