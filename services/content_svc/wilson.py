"""How sure a rate is: the 95 % Wilson score interval.

Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
JASA 22 (1927). It stays inside 0..1 and is honest for small samples, where rate ± error is not.
"""

from math import sqrt

_Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


def interval(successes: int, trials: int) -> dict[str, float | None]:
    """`lead_rate` with its bounds; all null without trials.

    Sources disagree on what counts as a view, so a post can have more leads than views: then
    every lead counts as a trial too.
    """
    if trials == 0:
        return {"lead_rate": None, "lead_rate_low": None, "lead_rate_high": None}
    trials = max(trials, successes)
    rate = successes / trials
    shrink = 1 + _Z**2 / trials
    centre = (rate + _Z**2 / (2 * trials)) / shrink
    spread = _Z / shrink * sqrt(rate * (1 - rate) / trials + _Z**2 / (4 * trials**2))
    return {
        "lead_rate": rate,
        "lead_rate_low": max(0.0, centre - spread),
        "lead_rate_high": min(1.0, centre + spread),
    }
