"""Who stands where among comparable people. Pure: the same snapshot gives the same tiers."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from account_svc.models.lift import Tier, TierRules
from account_svc.models.race import League


@dataclass(frozen=True, slots=True)
class Seller:
    staff_id: UUID
    unit_id: UUID
    league: str | None
    result: int
    skill: float | None


@dataclass(frozen=True, slots=True)
class Placed:
    seller: Seller
    score: float
    """From 0 to 1: which part of the league stands below."""
    tier: Tier | None


def league_of(leagues: Sequence[League], sellers: int, leads: int) -> str:
    """The last whose two minimums the store reaches: those of the store race."""
    fitting = [one for one in leagues if sellers >= one.min_sellers and leads >= one.min_leads]
    return fitting[-1].code


def place(sellers: Iterable[Seller], rules: TierRules) -> list[Placed]:
    """Each person's tier among those of their league. Equal people are in the same tier."""
    groups: dict[str | None, list[Seller]] = defaultdict(list)
    for seller in sellers:
        groups[seller.league].append(seller)
    return [placed for group in groups.values() for placed in _place_group(group, rules)]


def _place_group(group: list[Seller], rules: TierRules) -> list[Placed]:
    results = sorted(seller.result for seller in group)
    skills = sorted(seller.skill for seller in group if seller.skill is not None)
    weight = rules.skill_percent / 100

    def score(seller: Seller) -> float:
        by_result = _standing(results, seller.result)
        if seller.skill is None:  # who was never assessed stands by the result alone
            return by_result
        return (1 - weight) * by_result + weight * _standing(skills, seller.skill)

    scored = [(seller, round(score(seller), 9)) for seller in group]
    if len(group) < rules.least_group:
        return [Placed(seller, value, None) for seller, value in scored]
    scores = sorted(value for _, value in scored)
    return [
        Placed(seller, value, _tier(_standing(scores, value), rules)) for seller, value in scored
    ]


def _standing(ordered: Sequence[float], value: float) -> float:
    """Which part of all is less; of what is equal half counts."""
    return (bisect_left(ordered, value) + bisect_right(ordered, value)) / (2 * len(ordered))


def _tier(standing: float, rules: TierRules) -> Tier:
    if standing > 1 - rules.top_percent / 100:
        return Tier.TOP
    return Tier.TAIL if standing < rules.tail_percent / 100 else Tier.MIDDLE
