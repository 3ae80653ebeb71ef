"""Assessing skills, their history, and what personas want (account_svc)."""

from typing import Annotated, TypeAlias

import strawberry

from gateway.context import Info, prefetch
from gateway.relations import to_one
from gateway.rows import Kind, read_items, resource
from gateway.schema.accounts import Staff
from gateway.schema.commands import Command, send
from gateway.schema.fields import described, verb
from gateway.schema.pages import Connection, Node, connection
from gateway.schema.personas import Persona
from gateway.schema.problems import Refusal
from gateway.schema.scalars import Instant
from gateway.schema.skills import SkillProfile
from gateway.schema.values import PersonaKind, Skill, WantedOrigin
from gateway.upstream import Service


@resource
class SkillAssessment(Node):
    skill: Skill
    score: int
    assessed_by: str
    assessed_at: Instant
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")


@strawberry.type(description="All six skills, 0 to 100.")
class SkillScores:
    tools: int
    content: int
    product_knowledge: int
    selling_sense: int
    social_media: int
    whole_journey_service: int


@resource
class WantedProfile:
    persona_kind: PersonaKind | None
    origin: WantedOrigin
    scores: SkillScores
    set_by: str | None
    set_at: Instant | None
    persona_id: strawberry.Private[str | None]
    persona: Persona | None = to_one("persona_id", "persona")


@resource
class AssessedSkills:
    assessed_at: Instant
    skills: list[SkillProfile]
    staff_id: strawberry.Private[str | None]
    staff: Staff | None = to_one("staff_id", "staff")


ASSESSMENTS = Kind("assess", SkillAssessment, Service.ACCOUNT, "/skill-assessments")

AssessedSkillsResult: TypeAlias = Annotated[
    AssessedSkills | Refusal, strawberry.union("AssessedSkillsResult")
]
WantedProfileResult: TypeAlias = Annotated[
    WantedProfile | Refusal, strawberry.union("WantedProfileResult")
]


@strawberry.input(description="The skills that were looked at; the others keep their scores.")
class GivenScoresInput:
    tools: int | None = None
    content: int | None = None
    product_knowledge: int | None = None
    selling_sense: int | None = None
    social_media: int | None = None
    whole_journey_service: int | None = None


@strawberry.input
class SkillScoresInput:
    tools: int
    content: int
    product_knowledge: int
    selling_sense: int
    social_media: int
    whole_journey_service: int


@strawberry.input
class AssessSkillsInput(Command):
    staff_id: strawberry.ID
    scores: GivenScoresInput


@strawberry.input(description="Of a kind of persona, or of one persona.")
class SetWantedProfileInput(Command):
    persona_kind: PersonaKind | None = None
    persona_id: strawberry.ID | None = None
    scores: SkillScoresInput


@strawberry.type
class TalentQuery:
    @described("Who saw which skill how, newest first.")
    async def skill_assessments(
        self,
        info: Info,
        first: int = 50,
        after: str | None = None,
        staff_id: strawberry.ID | None = None,
        skill: Skill | None = None,
    ) -> Connection[SkillAssessment] | None:
        filters = {"staff_id": staff_id, "skill": skill}
        return await connection(info, ASSESSMENTS, first, after, filters)

    @described("What personas want of who plays them.")
    async def wanted_profiles(self, info: Info) -> list[WantedProfile] | None:
        rows = read_items(
            WantedProfile, await info.context.get(Service.ACCOUNT, "/wanted-profiles")
        )
        await prefetch(info, rows)
        return rows


@strawberry.type
class TalentMutation:
    @verb("Add to the history of a person's skills.")
    async def assess_skills(self, info: Info, input: AssessSkillsInput) -> AssessedSkillsResult:
        return await send(info, Service.ACCOUNT, "/skill-assessments", AssessedSkills, input)

    @verb("The brand's word on a kind of persona, or on one persona.")
    async def set_wanted_profile(
        self, info: Info, input: SetWantedProfileInput
    ) -> WantedProfileResult:
        return await send(info, Service.ACCOUNT, "/wanted-profiles", WantedProfile, input)
