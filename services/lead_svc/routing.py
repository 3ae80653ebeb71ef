"""Who gets a lead: a pure function of the policy, the lead, the candidates and the time.

What goes in is stored with every decision, so running `decide` on it again gives the same owner.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec

from lead_svc import routing_words


class Step(StrEnum):
    """Where candidates are looked for; within a step the nearer unit comes first."""

    AUTHOR = "author"
    STORE = "store"
    REGION = "region"
    BRAND = "brand"


class Rejection(StrEnum):
    NOT_A_SELLER = "not_a_seller"
    DEPARTED = "departed"
    ABSENT = "absent"
    LEAVING = "leaving"
    """Hands everything on to others."""
    ACCOUNT_SUSPENDED = "account_suspended"
    UNCERTIFIED = "uncertified"
    FULL = "full"
    TRIED = "tried"
    """Had this lead on offer before."""
    LATER_STEP = "later_step"
    """Able, but somebody able was found nearer."""
    OTHERS_FIRST = "others_first"
    """Able and as near, but it is another's turn."""


class TieBreak(StrEnum):
    ONLY_ONE = "only_one"
    LOAD = "load"
    WAITED_LONGEST = "waited_longest"
    ID = "id"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a brand's rules; version 0 is what a brand without its own rules gets."""

    version: int = 0
    steps: tuple[Step, ...] = tuple(Step)
    offer_minutes_by_grade: dict[str, float] = msgspec.field(
        default_factory=lambda: {"A": 15, "B": 30, "C": 120, "D": 240}
    )
    max_offers: int = 5
    required_right: str | None = None
    """The right without whose certificates nobody receives leads, such as `handling_leads`."""

    def offer_minutes(self, grade: str) -> float:
        return self.offer_minutes_by_grade[grade]


class LeadFacts(msgspec.Struct, frozen=True, kw_only=True):
    lead_id: UUID
    grade: str
    author_staff_id: UUID | None
    unit_id: UUID | None
    tried: tuple[UUID, ...] = ()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A seller as the directory knew them at the decision; `distance` counts levels up the tree."""

    staff_id: UUID
    unit_id: UUID
    step: Step
    distance: int
    is_seller: bool
    is_departed: bool
    absent_from: datetime | None
    absent_until: datetime | None
    is_suspended: bool
    right_until: datetime | None
    capacity: int
    open_load: int
    last_offered_at: datetime | None
    is_leaving: bool = False


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    staff_id: UUID
    unit_id: UUID
    step: Step
    is_chosen: bool
    rejected_because: Rejection | None


class Outcome(StrEnum):
    OFFERED = "offered"
    POOLED = "pooled"


class PoolReason(StrEnum):
    NOBODY_ABLE = "nobody_able"
    MAX_OFFERS = "max_offers"


class Explanation(msgspec.Struct, frozen=True):
    """Why, in Chinese, for the seller, their manager and an auditor."""

    kos: str
    manager: str
    auditor: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Outcome
    pool_reason: PoolReason | None
    chosen: Candidate | None
    considered: tuple[Considered, ...]
    tie_break: TieBreak | None
    explanation: Explanation


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision was made of."""

    policy: Policy
    lead: LeadFacts
    candidates: tuple[Candidate, ...]
    at: datetime

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Inputs":
        return msgspec.convert(plain, cls)


def decide(inputs: Inputs) -> Decision:
    """Choose among `inputs.candidates`; each seller is among them at most once."""
    policy, lead = inputs.policy, inputs.lead
    order = {step: place for place, step in enumerate(policy.steps)}
    known = sorted(
        (c for c in inputs.candidates if c.step in order),
        key=lambda c: (order[c.step], c.distance, c.staff_id),
    )
    causes = {c.staff_id: rejection(policy, lead, c, inputs.at) for c in known}
    able = [c for c in known if causes[c.staff_id] is None]
    reason = None
    if len(lead.tried) >= policy.max_offers:
        reason = PoolReason.MAX_OFFERS
    elif not able:
        reason = PoolReason.NOBODY_ABLE
    if reason is not None:
        return Decision(
            outcome=Outcome.POOLED,
            pool_reason=reason,
            chosen=None,
            considered=tuple(_considered(c, None, causes[c.staff_id], able) for c in known),
            tie_break=None,
            explanation=Explanation(**_words(inputs, None, None, causes, reason)),
        )
    nearest = [c for c in able if (c.step, c.distance) == (able[0].step, able[0].distance)]
    turns = sorted(nearest, key=_turn)
    chosen = turns[0]
    tie_break = _tie_break(turns)
    return Decision(
        outcome=Outcome.OFFERED,
        pool_reason=None,
        chosen=chosen,
        considered=tuple(_considered(c, chosen, causes[c.staff_id], nearest) for c in known),
        tie_break=tie_break,
        explanation=Explanation(**_words(inputs, chosen, tie_break, causes, None)),
    )


def rejection(
    policy: Policy, lead: LeadFacts, candidate: Candidate, at: datetime
) -> Rejection | None:
    """Why this seller cannot have this lead now; None if they can."""
    checks = (
        (not candidate.is_seller, Rejection.NOT_A_SELLER),
        (candidate.is_departed, Rejection.DEPARTED),
        (_is_absent(candidate, at), Rejection.ABSENT),
        (candidate.is_leaving, Rejection.LEAVING),
        (candidate.is_suspended, Rejection.ACCOUNT_SUSPENDED),
        (_lacks_right(policy, candidate, at), Rejection.UNCERTIFIED),
        (candidate.staff_id in lead.tried, Rejection.TRIED),
        (candidate.open_load >= candidate.capacity, Rejection.FULL),
    )
    return next((cause for applies, cause in checks if applies), None)


def _is_absent(candidate: Candidate, at: datetime) -> bool:
    if candidate.absent_from is None or candidate.absent_from > at:
        return False
    return candidate.absent_until is None or candidate.absent_until > at


def _lacks_right(policy: Policy, candidate: Candidate, at: datetime) -> bool:
    if policy.required_right is None:
        return False
    return candidate.right_until is None or candidate.right_until <= at


def _load(candidate: Candidate) -> Fraction:
    return Fraction(candidate.open_load, candidate.capacity)


def _waiting_since(candidate: Candidate) -> float:
    last = candidate.last_offered_at
    return float("-inf") if last is None else last.timestamp()


def _turn(candidate: Candidate) -> tuple[Fraction, float, UUID]:
    """Fewest open relative to capacity, then the longest wait since the last offer, then the id."""
    return _load(candidate), _waiting_since(candidate), candidate.staff_id


def _tie_break(turns: Sequence[Candidate]) -> TieBreak:
    if len(turns) == 1:
        return TieBreak.ONLY_ONE
    first, second = turns[0], turns[1]
    if _load(first) != _load(second):
        return TieBreak.LOAD
    if _waiting_since(first) != _waiting_since(second):
        return TieBreak.WAITED_LONGEST
    return TieBreak.ID


def _considered(
    candidate: Candidate,
    chosen: Candidate | None,
    cause: Rejection | None,
    nearest: Sequence[Candidate],
) -> Considered:
    is_chosen = chosen is not None and candidate.staff_id == chosen.staff_id
    if cause is None and not is_chosen and chosen is not None:
        is_near = any(c.staff_id == candidate.staff_id for c in nearest)
        cause = Rejection.OTHERS_FIRST if is_near else Rejection.LATER_STEP
    return Considered(
        staff_id=candidate.staff_id,
        unit_id=candidate.unit_id,
        step=candidate.step,
        is_chosen=is_chosen,
        rejected_because=cause,
    )


def _words(
    inputs: Inputs,
    chosen: Candidate | None,
    tie_break: TieBreak | None,
    causes: dict[UUID, Rejection | None],
    pool_reason: PoolReason | None,
) -> dict[str, str]:
    considered, policy_version = len(causes), inputs.policy.version
    rejected = Counter(cause.value for cause in causes.values() if cause is not None)
    if chosen is None or tie_break is None:
        assert pool_reason is not None
        return routing_words.pooled(
            reason=pool_reason.value,
            considered=considered,
            rejected=rejected,
            policy_version=policy_version,
        )
    return routing_words.offered(
        step=chosen.step.value,
        distance=chosen.distance,
        tie_break=tie_break.value,
        load=f"{chosen.open_load}/{chosen.capacity}",
        minutes=inputs.policy.offer_minutes(inputs.lead.grade),
        grade=inputs.lead.grade,
        considered=considered,
        rejected=rejected,
        policy_version=policy_version,
    )
