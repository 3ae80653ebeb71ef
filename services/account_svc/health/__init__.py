"""Health of accounts: a score with its reasons, judged by dated rules over what is known."""

from account_svc.health.judging import (
    Health,
    PlatformWord,
    Reason,
    Snapshot,
    Token,
    judge,
    worse_than,
)
from account_svc.health.rules import Cause, HealthRules, Rule, health_rules
from account_svc.health.turning import Standing, turn

__all__ = [
    "Cause",
    "Health",
    "HealthRules",
    "PlatformWord",
    "Reason",
    "Rule",
    "Snapshot",
    "Standing",
    "Token",
    "health_rules",
    "judge",
    "turn",
    "worse_than",
]
