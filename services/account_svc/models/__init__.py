"""Tables of account_svc, and the rules that need only one row."""

from account_svc.models.account import (
    STARTS,
    TRANSITIONS,
    Account,
    AccountChange,
    Domain,
    Persona,
    PersonaKind,
    Seat,
)
from account_svc.models.api_key import ApiKey
from account_svc.models.base import Base
from account_svc.models.facts import (
    AccountFacts,
    PersonaFacts,
    RuleFacts,
    StaffFacts,
    UnitFacts,
)
from account_svc.models.formula import BadFormula, work_out
from account_svc.models.imports import (
    ImportKind,
    ImportProblem,
    ImportRun,
    ImportStatus,
    run_status,
)
from account_svc.models.incentive import (
    LARGEST_REWARD,
    POINTS,
    Currency,
    IncentiveRule,
    LedgerEntry,
    Standing,
    StandingChange,
    Trigger,
    VoidedCause,
    entry_id,
    period_before,
    period_bounds,
    period_of,
)
from account_svc.models.org import LARGEST_DEPTH, Brand, Unit, split_path
from account_svc.models.policy import (
    PlatformPolicy,
    PolicyFact,
    PolicyFacts,
    PolicyRow,
    find_policy,
)
from account_svc.models.staff import Staff, StaffStatus, status_at

__all__ = [
    "LARGEST_DEPTH",
    "LARGEST_REWARD",
    "POINTS",
    "STARTS",
    "TRANSITIONS",
    "Account",
    "AccountChange",
    "AccountFacts",
    "ApiKey",
    "BadFormula",
    "Base",
    "Brand",
    "Currency",
    "Domain",
    "ImportKind",
    "ImportProblem",
    "ImportRun",
    "ImportStatus",
    "IncentiveRule",
    "LedgerEntry",
    "Persona",
    "PersonaFacts",
    "PersonaKind",
    "PlatformPolicy",
    "PolicyFact",
    "PolicyFacts",
    "PolicyRow",
    "RuleFacts",
    "Seat",
    "Staff",
    "StaffFacts",
    "StaffStatus",
    "Standing",
    "StandingChange",
    "Trigger",
    "Unit",
    "UnitFacts",
    "VoidedCause",
    "entry_id",
    "find_policy",
    "period_before",
    "period_bounds",
    "period_of",
    "run_status",
    "split_path",
    "status_at",
    "work_out",
]
