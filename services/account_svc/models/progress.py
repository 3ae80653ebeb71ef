"""How far a goal is reached, by the time that is over, and what the goals below it come to.

Pure: the same snapshot gives the same figures.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from account_svc.models.forecast import WINDOW_DAYS, Forecast, Method, foresee

ZONE = ZoneInfo("Asia/Shanghai")
_DAY = timedelta(days=1)
_BELOW = b"\xff"
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Business hours of every day as `HH:MM` by the clocks of the stores; None: always open."""

    opens_at: str | None = None
    closes_at: str | None = None

    def minutes_until(self, minute: int) -> int:
        """How many minutes of a day it is open until this one."""
        opens, closes = _minute(self.opens_at, 0), _minute(self.closes_at, _MINUTES)
        if opens < closes:
            return min(max(minute - opens, 0), closes - opens)
        if opens == closes:
            return minute
        return min(minute, closes) + max(minute - opens, 0)  # over midnight


def _minute(text: str | None, otherwise: int) -> int:
    return otherwise if text is None else int(text[:2]) * 60 + int(text[3:])


def elapsed_share(start: datetime, end: datetime, at: datetime, hours: Hours) -> float:
    """Which part of the working time from `start` to `end`, two midnights of the stores, is over.

    It is the business hours of every day: what is known of holidays and of past absences is
    nothing.
    """
    if at <= start:
        return 0.0
    if at >= end:
        return 1.0
    local = at.astimezone(ZONE)
    whole = (local.date() - start.astimezone(ZONE).date()).days
    days = (end.astimezone(ZONE).date() - start.astimezone(ZONE).date()).days
    a_day = hours.minutes_until(_MINUTES)
    done = whole * a_day + hours.minutes_until(local.hour * 60 + local.minute)
    return done / (days * a_day)


@dataclass(frozen=True, slots=True)
class Planned:
    """A goal below some unit: the path of the unit that it is of, or where its person works."""

    path: bytes
    target: int
    is_of_person: bool = False


class Plan:
    """The goals of one period and metric, by their places in the tree."""

    def __init__(self, goals: Iterable[Planned]) -> None:
        self._goals = sorted(goals, key=_place)
        self._places = [_place(goal) for goal in self._goals]

    def below(self, path: bytes) -> tuple[int, int]:
        """How many goals the unit's own is made of, and their sum.

        A unit's goal stands for all below it; below a unit without one, its children's do.
        """
        count = total = 0
        at = bisect_left(self._places, (path, 1))  # behind the unit's own goal
        while at < len(self._goals) and self._goals[at].path.startswith(path):
            goal = self._goals[at]
            count, total = count + 1, total + goal.target
            at = at + 1 if goal.is_of_person else bisect_left(self._places, (goal.path + _BELOW, 0))
        return count, total


def _place(goal: Planned) -> tuple[bytes, int]:
    return goal.path, int(goal.is_of_person)


@dataclass(frozen=True, slots=True)
class Progress:
    actual: int
    elapsed: float
    reached: float | None
    """Of the target; None without one."""
    expected: int | None
    """What the target would have by now at an even pace."""
    forecast: Forecast


def measure(
    days: Mapping[date, int],
    target: int | None,
    bounds: tuple[datetime, datetime],
    at: datetime,
    hours: Hours,
) -> Progress:
    """Where a goal stands. `days` are its results, those of WINDOW_DAYS before today and those of
    the period among them."""
    start, end = (bound.astimezone(ZONE).date() for bound in bounds)
    actual = sum(value for day, value in days.items() if start <= day < end)
    elapsed = elapsed_share(*bounds, at, hours)
    return Progress(
        actual=actual,
        elapsed=elapsed,
        reached=actual / target if target else None,
        expected=round(target * elapsed) if target else None,
        forecast=_forecast(days, actual, start, end, at.astimezone(ZONE).date()),
    )


def _forecast(
    days: Mapping[date, int], actual: int, start: date, end: date, today: date
) -> Forecast:
    if end <= today:
        return Forecast(actual, Method.FINAL, (end - start).days, None)
    window = today - WINDOW_DAYS * _DAY
    first = min(
        (day for day, value in days.items() if value and window <= day < today), default=today
    )
    series: Sequence[int] = [
        days.get(first + step * _DAY, 0) for step in range((today - first).days)
    ]
    return foresee(
        actual,
        series,
        first.weekday(),
        today=days.get(today, 0),
        skip=max((start - today).days, 0),
        ahead=(end - max(start, today)).days,
    )
