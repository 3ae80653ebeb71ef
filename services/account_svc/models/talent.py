"""Six skills of people: what they were assessed at, and what the personas they play want."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from account_svc.models.account import PersonaKind
from account_svc.models.base import Base, OfBrand
from account_svc.models.facts import Facts
from shared.ids import PersonaId


class Skill(StrEnum):
    TOOLS = "tools"
    CONTENT = "content"
    PRODUCT_KNOWLEDGE = "product_knowledge"
    SELLING_SENSE = "selling_sense"
    SOCIAL_MEDIA = "social_media"
    WHOLE_JOURNEY_SERVICE = "whole_journey_service"


Score = Annotated[int, Field(ge=0, le=100)]


class SkillScores(Facts):
    """All six, 0 to 100."""

    tools: Score
    content: Score
    product_knowledge: Score
    selling_sense: Score
    social_media: Score
    whole_journey_service: Score


class WantedFacts(Facts):
    """What a kind of persona wants of who plays it, or one persona other than its kind."""

    persona_kind: PersonaKind | None = None
    persona_id: PersonaId | None = None
    scores: SkillScores

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.persona_kind is None) == (self.persona_id is None):
            raise ValueError("either persona_kind or persona_id")
        return self


DEFAULT_PROFILES: dict[PersonaKind, dict[Skill, int]] = {
    # recommends and sells in the shop: the product and the sale come first
    PersonaKind.SHOPPING_ASSISTANT: {
        Skill.TOOLS: 60,
        Skill.CONTENT: 60,
        Skill.PRODUCT_KNOWLEDGE: 80,
        Skill.SELLING_SENSE: 80,
        Skill.SOCIAL_MEDIA: 60,
        Skill.WHOLE_JOURNEY_SERVICE: 70,
    },
    # is read for what they know
    PersonaKind.TOPIC_EXPERT: {
        Skill.TOOLS: 70,
        Skill.CONTENT: 85,
        Skill.PRODUCT_KNOWLEDGE: 85,
        Skill.SELLING_SENSE: 50,
        Skill.SOCIAL_MEDIA: 80,
        Skill.WHOLE_JOURNEY_SERVICE: 50,
    },
    # keeps the customer over years
    PersonaKind.PRIVATE_PARTNER: {
        Skill.TOOLS: 70,
        Skill.CONTENT: 50,
        Skill.PRODUCT_KNOWLEDGE: 70,
        Skill.SELLING_SENSE: 75,
        Skill.SOCIAL_MEDIA: 50,
        Skill.WHOLE_JOURNEY_SERVICE: 90,
    },
}
"""What is wanted where the brand has said nothing else."""


class SkillAssessment(OfBrand, Base):
    """One skill as somebody saw it at a time. Append-only."""

    __tablename__ = "skill_assessment"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
        Index("ix_skill_assessment_staff_id", "staff_id", "id"),
    )

    staff_id: Mapped[UUID]
    skill: Mapped[Skill]
    score: Mapped[int]
    assessed_by: Mapped[str]
    assessed_at: Mapped[datetime]


class SkillScore(Base):
    """The newest assessment of a skill: what profiles and roll-ups read."""

    __tablename__ = "skill_score"
    __table_args__ = (
        ForeignKeyConstraint(["brand_id", "staff_id"], ["staff.brand_id", "staff.id"]),
    )

    brand_id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    skill: Mapped[Skill] = mapped_column(primary_key=True)
    score: Mapped[int]
    assessed_at: Mapped[datetime]


class WantedProfile(OfBrand, Base):
    """The brand's own word on a kind of persona, or on one persona; the newest replaces it."""

    __tablename__ = "wanted_profile"
    __table_args__ = (
        UniqueConstraint(
            "brand_id", "persona_kind", "persona_id", postgresql_nulls_not_distinct=True
        ),
        ForeignKeyConstraint(["brand_id", "persona_id"], ["persona.brand_id", "persona.id"]),
    )

    persona_kind: Mapped[PersonaKind | None]
    persona_id: Mapped[UUID | None]
    scores: Mapped[dict[str, Any]]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
