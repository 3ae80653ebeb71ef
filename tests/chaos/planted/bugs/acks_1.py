"""The relay takes an event for published when one broker has it."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="the relay is content with acks=1",
    edits=(
        Edit(
            "shared.relay",
            '        enable_idempotence=True,\n        acks="all",\n',
            "        enable_idempotence=False,\n        acks=1,\n",
        ),
    ),
    breaks=frozenset({"I2"}),
    shows="never reached Kafka",
    trouble="a broker lost",
)
