"""The interval of a rate, against published values.

Source: R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
Medicine 17 (1998), table I, method 3.
"""

import pytest

from content_svc.wilson import interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_c13_the_interval_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    found = interval(successes, trials)

    assert found["lead_rate"] == successes / trials
    assert found["lead_rate_low"] == pytest.approx(low, abs=5e-5)
    assert found["lead_rate_high"] == pytest.approx(high, abs=5e-5)


def test_c13_no_views_give_no_rate() -> None:
    assert set(interval(0, 0).values()) == {None}


def test_c13_more_leads_than_views_stay_a_rate_of_one_at_most() -> None:
    assert interval(3, 2)["lead_rate"] == 1.0
