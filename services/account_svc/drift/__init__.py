"""Drift: how far a pair's public and private account are from their persona's card."""

from account_svc.drift.comparing import (
    Card,
    Comparison,
    Drift,
    DriftState,
    Profile,
    compare,
    failing_fields,
)
from account_svc.drift.rules import DriftField, DriftRules, drift_rules

__all__ = [
    "Card",
    "Comparison",
    "Drift",
    "DriftField",
    "DriftRules",
    "DriftState",
    "Profile",
    "compare",
    "drift_rules",
    "failing_fields",
]
