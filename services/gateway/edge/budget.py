"""What one caller may spend in a minute, counted in the cost of its operations."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from gateway.edge.refusals import RequestRefused
from shared.access import Principal
from shared.ids import typed


class Budget:
    """Counts in this process: with N gateway processes a caller has up to N budgets."""

    def __init__(self, cost_per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(cost_per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._policy = f'"cost";q={cost_per_minute};w=60'

    def spend(self, principal: Principal, cost: int) -> dict[str, str]:
        """The rate headers of the answer; raises RequestRefused (429) when the budget is spent."""
        key = (typed("brand", principal.brand_id), principal.actor)
        is_within = self._limiter.hit(self._limit, *key, cost=cost)
        stats = self._limiter.get_window_stats(self._limit, *key)
        seconds = max(0, round(stats.reset_time - time.time()))
        headers = {
            "ratelimit-policy": self._policy,
            "ratelimit": f'"cost";r={max(0, stats.remaining)};t={seconds}',
        }
        if not is_within:
            headers["retry-after"] = str(max(1, seconds))
            raise RequestRefused(
                429, "rate_limited", "the budget of this minute is spent", headers=headers
            )
        return headers
