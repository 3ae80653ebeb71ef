"""From a brand's answers to go or no-go and an order of platforms, each with its reasons: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from account_svc.fit.rules import Condition, FitRules, Level
from shared.events.account import Platform

_PARTS = {Level.MET: 1.0, Level.PARTLY: 0.5, Level.UNMET: 0.0}


class Verdict(StrEnum):
    GO = "go"
    NO_GO = "no_go"


@dataclass(frozen=True, slots=True)
class Finding:
    condition: Condition
    level: Level | None
    """None: nobody has answered."""
    weight: int
    is_decisive: bool
    """It alone makes the advice no-go."""
    reason: str


@dataclass(frozen=True, slots=True)
class PlatformAdvice:
    platform: Platform
    fits: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Advice:
    verdict: Verdict
    reason: str
    score: float
    """Share of the answered weight that is met; 0 when nothing is answered."""
    findings: tuple[Finding, ...]
    platforms: tuple[PlatformAdvice, ...]
    """The most fitting first."""


def advise(
    rules: FitRules, industry: str, answers: Mapping[Condition, Level], *, stores: int
) -> Advice:
    """`stores` answers for the outlets where the brand does not."""
    told = {Condition.MANY_OUTLETS: rules.outlets.level(stores), **answers}
    is_counted = Condition.MANY_OUTLETS not in answers
    findings = []
    for rule in rules.condition:
        level = told.get(rule.name)
        reason = {
            Level.MET: rule.met,
            Level.PARTLY: f"only in part: {rule.met}",
            Level.UNMET: rule.unmet,
            None: "not answered",
        }[level]
        if is_counted and rule.name is Condition.MANY_OUTLETS:
            reason = f"{stores} stores in the tree; {reason}"
        is_decisive = rule.needed and level is Level.UNMET
        findings.append(Finding(rule.name, level, rule.weight, is_decisive, reason))
    answered = sum(finding.weight for finding in findings if finding.level is not None)
    met = sum(one.weight * _PARTS[one.level] for one in findings if one.level is not None)
    score = met / answered if answered else 0.0
    verdict, reason = _decide(rules, findings, answered, score)
    return Advice(verdict, reason, score, tuple(findings), _order(rules, industry))


def _decide(
    rules: FitRules, findings: list[Finding], answered: int, score: float
) -> tuple[Verdict, str]:
    decisive = [finding.condition for finding in findings if finding.is_decisive]
    if decisive:
        return Verdict.NO_GO, f"needed and unmet: {', '.join(decisive)}"
    total = sum(finding.weight for finding in findings)
    if answered < rules.answered_at * total:
        unknown = [finding.condition for finding in findings if finding.level is None]
        return Verdict.NO_GO, f"too little is known: answer {', '.join(unknown)} first"
    figures = f"{score:.0%} of the answered weight is met, {rules.go_at:.0%} is asked for"
    return (Verdict.GO if score >= rules.go_at else Verdict.NO_GO), figures


def _order(rules: FitRules, industry: str) -> tuple[PlatformAdvice, ...]:
    found = [
        PlatformAdvice(rule.name, fits=True, reason=f"{industry}: {rule.fits}")
        if industry in rule.industries
        else PlatformAdvice(rule.name, fits=False, reason=f"{industry}: nothing is known for it")
        for rule in rules.platform
    ]
    return tuple(sorted(found, key=lambda one: not one.fits))
