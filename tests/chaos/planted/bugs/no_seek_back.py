"""After a failure the consumer goes on behind the records that it could not process."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="a failed batch is stepped over",
    edits=(
        Edit(
            "shared.consumer",
            "                    consumer.seek(partition, end)\n",
            "",
        ),
    ),
    breaks=frozenset({"I4", "I7", "I12"}),
    shows="waits for version",
    trouble="connections of workers reset",
)
