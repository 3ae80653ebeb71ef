"""The estate of somebody who leaves: pure rules of who takes what, when, and within which limit."""

from account_svc.estate.accounts import Fate, fate_of
from account_svc.estate.customers import (
    Customer,
    Limits,
    Outcome,
    Step,
    Taker,
    calls_of,
    earliest_move,
    learn,
    plan_customers,
)
from account_svc.estate.limits import limits_at

__all__ = [
    "Customer",
    "Fate",
    "Limits",
    "Outcome",
    "Step",
    "Taker",
    "calls_of",
    "earliest_move",
    "fate_of",
    "learn",
    "limits_at",
    "plan_customers",
]
