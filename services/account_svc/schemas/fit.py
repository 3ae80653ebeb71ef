"""The fit adviser's answer."""

from typing import Any

from pydantic import BaseModel

from account_svc.fit import Advice, Condition, Level, Verdict
from shared.events.account import Platform


class FitFindingOut(BaseModel):
    condition: Condition
    level: Level | None
    weight: int
    is_decisive: bool
    reason: str


class PlatformFitOut(BaseModel):
    platform: Platform
    fits: bool
    reason: str


class FitAdviceOut(BaseModel):
    industry: str
    verdict: Verdict
    reason: str
    score: float
    findings: list[FitFindingOut]
    platforms: list[PlatformFitOut]


def advice_json(industry: str, advice: Advice) -> dict[str, Any]:
    return {
        "industry": industry,
        "verdict": advice.verdict,
        "reason": advice.reason,
        "score": round(advice.score, 4),
        "findings": [
            {
                "condition": finding.condition,
                "level": finding.level,
                "weight": finding.weight,
                "is_decisive": finding.is_decisive,
                "reason": finding.reason,
            }
            for finding in advice.findings
        ],
        "platforms": [
            {"platform": one.platform, "fits": one.fits, "reason": one.reason}
            for one in advice.platforms
        ],
    }
