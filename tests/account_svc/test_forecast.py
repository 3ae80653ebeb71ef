"""Pace, forecast and what goals below come to: pure functions over a snapshot."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_svc.models.forecast import LEAST_DAYS, Method, foresee
from account_svc.models.goal import goal_bounds
from account_svc.models.progress import Hours, Plan, Planned, elapsed_share, measure

NOVEMBER = goal_bounds("2026-11")
DAY = timedelta(days=1)


def test_a12_a_quarter_is_its_three_months() -> None:
    assert goal_bounds("2026-Q4") == (goal_bounds("2026-10")[0], goal_bounds("2026-12")[1])


@pytest.mark.parametrize(
    ("hours", "at", "share"),
    [
        # 10:00 in Shanghai on the 16th: 15 days and so much of the day
        (Hours(), datetime(2026, 11, 16, 2, tzinfo=UTC), (15 + 10 / 24) / 30),
        (Hours("10:00", "22:00"), datetime(2026, 11, 16, 2, tzinfo=UTC), 0.5),
        (Hours("10:00", "22:00"), datetime(2026, 11, 16, 8, tzinfo=UTC), 15.5 / 30),
        (Hours("18:00", "02:00"), datetime(2026, 11, 15, 18, tzinfo=UTC), 15.25 / 30),
        (Hours(), NOVEMBER[0] - DAY, 0.0),
        (Hours(), NOVEMBER[1], 1.0),
    ],
)
def test_a12_pace_counts_business_hours(hours: Hours, at: datetime, share: float) -> None:
    assert elapsed_share(*NOVEMBER, at, hours) == pytest.approx(share)


@given(
    st.sampled_from([None, "00:00", "08:30", "12:00", "23:59"]),
    st.sampled_from([None, "02:00", "12:00", "21:30"]),
    st.lists(st.integers(-1500, 60 * 24 * 32), min_size=2, max_size=6),
)
def test_a12_working_time_never_runs_back(
    opens: str | None, closes: str | None, minutes: list[int]
) -> None:
    instants = [NOVEMBER[0] + timedelta(minutes=each) for each in sorted(minutes)]

    shares = [elapsed_share(*NOVEMBER, at, Hours(opens, closes)) for at in instants]

    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_a12_a_steady_series_goes_on_as_it_was() -> None:
    found = foresee(100, [10] * 28, 0, today=4, skip=0, ahead=5)

    assert (found.value, found.method, found.days) == (146, Method.DAMPED_HOLT, 28)
    assert found.backtest_percent == pytest.approx(0, abs=0.5)


def test_a12_weekends_are_told_from_weekdays() -> None:
    week = [4, 4, 4, 4, 4, 20, 20]

    found = foresee(0, week * 4, 0, today=0, skip=5, ahead=2)

    assert found.value == pytest.approx(40, abs=2)


def test_a12_of_a_sparse_series_only_its_mean_is_said() -> None:
    found = foresee(3, [1, 0, 0, 0, 0, 0, 0] * 4, 0, today=0, skip=0, ahead=7)

    assert (found.value, found.method) == (4, Method.MEAN_RATE)


def test_a12_too_few_days_are_no_forecast() -> None:
    found = foresee(3, [1] * (LEAST_DAYS - 1), 0, today=0, skip=0, ahead=7)

    assert (found.value, found.method) == (None, None)
    assert found.refusal == "not enough data: 13 days of the 14 that it takes"


@given(
    st.lists(st.integers(0, 10**12), min_size=LEAST_DAYS, max_size=56),
    st.integers(0, 6),
    st.integers(0, 90),
)
def test_a12_a_forecast_is_never_below_what_was_reached(
    series: list[int], first_weekday: int, ahead: int
) -> None:
    found = foresee(7, series, first_weekday, today=7, skip=0, ahead=ahead)

    assert found.value is not None
    assert found.value >= 7


def test_a12_a_period_that_is_over_is_forecast_by_itself() -> None:
    found = measure({date(2026, 11, 30): 5}, 10, NOVEMBER, NOVEMBER[1] + DAY, Hours())

    assert (found.forecast.value, found.forecast.method) == (5, Method.FINAL)
    assert (found.actual, found.elapsed, found.reached, found.expected) == (5, 1.0, 0.5, 10)


PATHS = st.lists(st.integers(0, 2), max_size=4).map(lambda steps: bytes([9, *steps]))


@given(st.lists(st.tuples(PATHS, st.integers(1, 9), st.booleans()), max_size=25), PATHS)
def test_a12_a_unit_s_goal_is_made_of_the_nearest_goals_below_it(
    drawn: list[tuple[bytes, int, bool]], path: bytes
) -> None:
    """Against the plain definition: those below that no unit with a goal stands above."""
    units = {each[0]: each for each in drawn if not each[2]}
    goals = [*units.values(), *(each for each in drawn if each[2])]

    def counts(at: bytes, *, is_of_person: bool) -> bool:
        if not at.startswith(path) or (at == path and not is_of_person):
            return False
        ends = len(at) + is_of_person
        return not any(at[:end] in units for end in range(len(path) + 1, ends))

    wanted = [each for each in goals if counts(each[0], is_of_person=each[2])]

    found = Plan(Planned(at, target, is_of_person=own) for at, target, own in goals).below(path)

    assert found == (len(wanted), sum(each[1] for each in wanted))
