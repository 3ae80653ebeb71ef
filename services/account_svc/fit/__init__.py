"""The fit adviser: whether a matrix suits a brand, and on which platforms."""

from account_svc.fit.advising import Advice, Finding, PlatformAdvice, Verdict, advise
from account_svc.fit.rules import Condition, FitRules, Level, fit_rules

__all__ = [
    "Advice",
    "Condition",
    "Finding",
    "FitRules",
    "Level",
    "PlatformAdvice",
    "Verdict",
    "advise",
    "fit_rules",
]
