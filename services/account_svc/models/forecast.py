"""What a series of days will come to: a stated method, its evidence, or why there is no answer.

Pure: the same series gives the same forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from math import expm1, log1p

LEAST_DAYS = 14
WINDOW_DAYS = 56
_LEVEL, _TREND, _DAMPING = 0.25, 0.08, 0.85
_RATE_DAYS = 28
_TESTED_DAYS = 7
_LARGEST_LOG = 45.0
"""Keeps `expm1` far from overflow; no sum of a brand's days comes near."""


class Method(StrEnum):
    DAMPED_HOLT = "damped_holt"
    """Level and damped trend of the logarithms, adjusted for weekdays."""
    MEAN_RATE = "mean_rate"
    """The mean of the last four weeks, where more than half of the days have nothing: of such a
    series no trend can be told."""
    FINAL = "final"
    """The period is over: what was reached is the answer."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`value` is None, and `refusal` says why, where the days are too few."""

    value: int | None
    method: Method | None
    days: int
    """Days that the method saw, from the first with anything to yesterday."""
    backtest_percent: float | None
    """By how much the method, told all but the last seven days, would have missed their sum."""
    refusal: str | None = None


def foresee(
    reached: int, series: Sequence[int], first_weekday: int, *, today: int, skip: int, ahead: int
) -> Forecast:
    """What the period will end at.

    `series` is day by day from the first day that has anything to yesterday, beginning at a
    `first_weekday` (0: Monday). Of the days to come, today among them, `skip` lie before the period
    and the `ahead` after these in it; `today` is part of `reached` if `skip` is 0.
    """
    days = len(series)
    if days < LEAST_DAYS:
        refusal = f"not enough data: {days} days of the {LEAST_DAYS} that it takes"
        return Forecast(None, None, days, None, refusal)
    method, coming = _continue(series, first_weekday, skip + ahead)
    in_period = coming[skip:]
    if skip == 0 and in_period:
        in_period[0] = max(in_period[0] - today, 0.0)
    return Forecast(reached + round(sum(in_period)), method, days, _backtest(series, first_weekday))


def _continue(series: Sequence[int], first_weekday: int, ahead: int) -> tuple[Method, list[float]]:
    if 2 * sum(1 for value in series if value) < len(series):
        last = series[-_RATE_DAYS:]
        return Method.MEAN_RATE, [sum(last) / len(last)] * ahead
    logs = [log1p(value) for value in series]
    effects = _weekday_effects(logs, first_weekday)
    adjusted = [value - effects[(first_weekday + day) % 7] for day, value in enumerate(logs)]
    level, trend = sum(adjusted[:7]) / 7, 0.0
    fitted = []
    for value in adjusted:
        expected = level + _DAMPING * trend
        fitted.append(expected)
        previous, level = level, _LEVEL * value + (1 - _LEVEL) * expected
        trend = _TREND * (level - previous) + (1 - _TREND) * _DAMPING * trend
    # the mean of logarithms is less than the logarithm of the mean: put back what that loses
    said = sum(
        _back(value + effects[(first_weekday + day) % 7]) for day, value in enumerate(fitted)
    )
    lost = sum(series) / said if said else 1.0
    first = first_weekday + len(series)
    damped = accumulate(_DAMPING**step for step in range(1, ahead + 1))
    return Method.DAMPED_HOLT, [
        _back(level + factor * trend + effects[(first + day) % 7]) * lost
        for day, factor in enumerate(damped)
    ]


def _weekday_effects(logs: Sequence[float], first_weekday: int) -> list[float]:
    mean = sum(logs) / len(logs)
    by_weekday: list[list[float]] = [[] for _ in range(7)]
    for day, value in enumerate(logs):
        by_weekday[(first_weekday + day) % 7].append(value - mean)
    return [sum(each) / len(each) for each in by_weekday]


def _back(logarithm: float) -> float:
    return max(expm1(min(logarithm, _LARGEST_LOG)), 0.0)


def _backtest(series: Sequence[int], first_weekday: int) -> float | None:
    known, then = series[:-_TESTED_DAYS], sum(series[-_TESTED_DAYS:])
    if len(known) < LEAST_DAYS or not then:
        return None
    _, said = _continue(known, first_weekday, _TESTED_DAYS)
    return round(100 * abs(sum(said) - then) / then, 1)
