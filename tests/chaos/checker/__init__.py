"""Decides from evidence alone whether a run kept the platform's promises.

Nothing of the product is imported here: what it promises is written down a second time, so that a
mistake in the product's code cannot excuse itself.
"""

from tests.chaos.checker.anomaly import Anomaly
from tests.chaos.checker.checking import INVARIANTS, check
from tests.chaos.checker.collecting import Sources, collect
from tests.chaos.checker.evidence import Evidence

__all__ = ["INVARIANTS", "Anomaly", "Evidence", "Sources", "check", "collect"]
