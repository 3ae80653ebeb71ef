"""Bodies of skills: assessments, profiles with gaps, and what personas want."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Annotated, Any, Literal

import asyncpg
import orjson
from pydantic import BaseModel, Field

from account_svc.models.account import PersonaKind
from account_svc.models.facts import Facts
from account_svc.models.talent import DEFAULT_PROFILES, Score, Skill, SkillScores
from shared.ids import AssessmentId, PersonaId, StaffId, UnitId, typed


class AssessIn(Facts):
    """The skills that were looked at; the others keep their scores."""

    staff_id: StaffId
    scores: Annotated[dict[Skill, Score], Field(min_length=1)]


class AssessmentOut(BaseModel):
    id: AssessmentId
    staff_id: StaffId
    skill: Skill
    score: int
    assessed_by: str
    assessed_at: datetime


class SkillOut(BaseModel):
    """`score` is None before the first assessment, `wanted` for who plays no persona, and `gap`
    where either is missing; a gap is never below 0."""

    skill: Skill
    score: int | None
    assessed_at: datetime | None
    wanted: int | None
    gap: int | None


class StaffTalentOut(BaseModel):
    staff_id: StaffId
    skills: list[SkillOut]


class AssessedOut(StaffTalentOut):
    """The profile as it is after the assessment."""

    assessed_at: datetime


class UnitSkillOut(BaseModel):
    """Over everybody who plays a persona in the unit or below; the rest is over whoever of them
    was assessed, and None where nobody was."""

    skill: Skill
    people: int
    assessed: int
    people_below: int
    """Whose score is below what is wanted of them."""
    median_score: float | None
    lower_quartile_score: float | None
    median_wanted: float | None
    median_gap: float | None


class UnitTalentOut(BaseModel):
    unit_id: UnitId
    skills: list[UnitSkillOut]


class WantedOut(BaseModel):
    persona_kind: PersonaKind | None
    persona_id: PersonaId | None
    origin: Literal["default", "brand"]
    scores: SkillScores
    set_by: str | None
    set_at: datetime | None


class WantedProfilesOut(BaseModel):
    items: list[WantedOut]


def assessment_json(row: asyncpg.Record) -> dict[str, Any]:
    """A row of SELECT_ASSESSMENT in the shape of AssessmentOut."""
    return {**row, "id": typed("assess", row["id"]), "staff_id": typed("staff", row["staff_id"])}


def talent_json(
    rows: Iterable[asyncpg.Record], owner: Literal["staff", "unit"]
) -> dict[str, dict[str, Any]]:
    """Rows of profiles by the typed id of the person or unit they are of."""
    key = f"{owner}_id"
    found = {}
    for owner_id, of_owner in groupby(rows, key=lambda row: row[key]):
        skills = [{name: value for name, value in row.items() if name != key} for row in of_owner]
        found[typed(owner, owner_id)] = {key: typed(owner, owner_id), "skills": skills}
    return found


def wanted_json(rows: list[asyncpg.Record]) -> list[dict[str, Any]]:
    """The brand's own words, and the defaults of the kinds that it has said nothing about."""
    own = [
        {
            "persona_kind": row["persona_kind"],
            "persona_id": row["persona_id"] and typed("persona", row["persona_id"]),
            "origin": "brand",
            "scores": orjson.loads(row["scores"]),
            "set_by": row["set_by"],
            "set_at": row["set_at"],
        }
        for row in rows
    ]
    said = {each["persona_kind"] for each in own}
    defaults = [
        {
            "persona_kind": kind,
            "persona_id": None,
            "origin": "default",
            "scores": scores,
            "set_by": None,
            "set_at": None,
        }
        for kind, scores in DEFAULT_PROFILES.items()
        if kind not in said
    ]
    return [*own, *defaults]
