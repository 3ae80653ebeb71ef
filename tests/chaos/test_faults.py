"""The plan of faults follows from the seed."""

from itertools import pairwise

from tests.chaos.faults import EDGES, KINDS, PARTS, SERVICES, plan

TARGETS = {*EDGES, *PARTS, *SERVICES, "postgres", "kafka", "sink"}


def test_same_seed_gives_the_same_plan() -> None:
    assert plan(7, 600) == plan(7, 600)
    assert plan(7, 600) != plan(8, 600)


def test_every_class_comes_before_one_comes_again() -> None:
    for seed in range(20):
        kinds = [fault.kind for fault in plan(seed, 600)]
        assert len(kinds) > 200
        assert set(kinds[: len(KINDS)]) == set(KINDS)


def test_faults_lie_inside_the_load_and_overlap() -> None:
    for seed in range(20):
        faults = plan(seed, 60)
        assert all(fault.at > 0 and fault.end <= 60 for fault in faults)
        assert {fault.target for fault in faults} <= TARGETS
        assert any(later.at < earlier.end for earlier, later in pairwise(faults))
