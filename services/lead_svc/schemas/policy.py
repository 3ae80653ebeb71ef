"""Bodies about routing policies and the funnel."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lead_svc.routing import Step
from lead_svc.score import GRADES
from shared.events.account import Right

Minutes = Annotated[float, Field(ge=0.1, le=7 * 24 * 60, allow_inf_nan=False)]


class PolicyIn(BaseModel):
    """Rules for leads that are routed from now on; a right needs its certificate."""

    steps: Annotated[list[Step], Field(min_length=1, max_length=len(Step))]
    offer_minutes_by_grade: dict[str, Minutes]
    max_offers: Annotated[int, Field(ge=1, le=50)]
    required_right: Right | None = None

    @model_validator(mode="after")
    def _covers_every_grade(self) -> "PolicyIn":
        if len(set(self.steps)) != len(self.steps):
            raise ValueError("steps: each at most once")
        if set(self.offer_minutes_by_grade) != {grade for _, grade in GRADES}:
            raise ValueError("offer_minutes_by_grade: one entry for each grade A to D")
        return self


class PolicyOut(BaseModel):
    """Version 0 stands for the rules of a brand that has set none."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    steps: list[Step]
    offer_minutes_by_grade: dict[str, float]
    max_offers: int
    required_right: str | None


class FunnelOut(BaseModel):
    """How many leads came how far; `amount_minor` adds up the deals that stand."""

    captured: int
    qualified: int
    offered: int
    accepted: int
    declined: int
    expired: int
    pooled: int
    voided: int
    deals: int
    amount_minor: int
