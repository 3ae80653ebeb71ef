"""What one caller may spend in a minute, counted in the cost of its operations.

A plain count per calendar minute: the memory of the `limits` library starts a thread, or walks
all keys, at every hit, which costs more than the query.
"""

import time
from uuid import UUID

from gateway.edge.refusals import RequestRefused
from shared.access import Principal


class Budget:
    """Counts in this process: with N gateway processes a caller has up to N budgets."""

    def __init__(self, cost_per_minute: int) -> None:
        self._most = cost_per_minute
        self._policy = f'"cost";q={cost_per_minute};w=60'
        self._minute = 0
        self._spent: dict[tuple[UUID, str], int] = {}

    def spend(self, principal: Principal, cost: int) -> dict[str, str]:
        """The rate headers of the answer; raises RequestRefused (429) when the budget is spent."""
        minute, second = divmod(int(time.time()), 60)
        if minute != self._minute:
            self._minute = minute
            self._spent = {}
        caller = (principal.brand_id, principal.actor)
        spent = self._spent.get(caller, 0)
        is_within = spent + cost <= self._most
        if is_within:
            self._spent[caller] = spent = spent + cost
        headers = {
            "ratelimit-policy": self._policy,
            "ratelimit": f'"cost";r={self._most - spent};t={60 - second}',
        }
        if not is_within:
            headers["retry-after"] = str(60 - second)
            raise RequestRefused(
                429, "rate_limited", "the budget of this minute is spent", headers=headers
            )
        return headers
