"""Stops in slices: each in exactly one, whatever order they were found in."""

from tests.chaos.crashpoints.control import Point
from tests.chaos.crashpoints.driver import is_in_slice, list_stops

STOPS = list_stops([(Point("lead", "statement", "place", f"select {n}"), 2) for n in range(50)])


def test_every_stop_is_in_one_slice() -> None:
    parts = [[stop for stop in STOPS if is_in_slice(stop, (number, 4))] for number in (1, 2, 3, 4)]

    found = [stop for part in parts for stop in part]
    assert sorted(map(str, found)) == sorted(map(str, STOPS))
    assert all(parts)


def test_one_slice_holds_all() -> None:
    assert [stop for stop in STOPS if is_in_slice(stop, (1, 1))] == STOPS
