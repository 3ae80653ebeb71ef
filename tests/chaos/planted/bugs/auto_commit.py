"""Kafka's client commits offsets by the clock, whether or not the effects are there."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="offsets are committed by the clock",
    edits=(
        Edit(
            "shared.consumer",
            "            enable_auto_commit=False,\n",
            "            enable_auto_commit=True,\n            auto_commit_interval_ms=100,\n",
        ),
    ),
    breaks=frozenset({"I2", "I4", "I7", "I12"}),
    shows="waits for version",
    trouble="slow workers killed",
)
