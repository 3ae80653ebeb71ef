"""The estate of somebody who leaves: pure rules of who takes what, when, and within which limit."""

from account_svc.estate.accounts import Fate, fate_of
from account_svc.estate.limits import community_limits_at, limits_at
from account_svc.estate.moves import (
    Limits,
    Movable,
    Outcome,
    Step,
    Taker,
    calls_of,
    earliest_move,
    learn,
    plan_moves,
    within_a_day,
)

__all__ = [
    "Fate",
    "Limits",
    "Movable",
    "Outcome",
    "Step",
    "Taker",
    "calls_of",
    "community_limits_at",
    "earliest_move",
    "fate_of",
    "learn",
    "limits_at",
    "plan_moves",
    "within_a_day",
]
