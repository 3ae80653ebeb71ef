"""Nothing remembers which events have been taken in; a repeat is applied again."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="repeats are not recognised",
    edits=(
        Edit(
            "shared.inbox",
            "                if envelope.event_id not in fresh:\n",
            "                if envelope.problem is None and False:\n",
        ),
        Edit(
            "shared.inbox",
            "        if envelope.version <= head:\n            return",
            "        if envelope.version <= 0:\n            return",
        ),
    ),
    breaks=frozenset({"I4", "I5", "I14"}),
    shows="in the order|more than once|without an inbox row",
    trouble="slow workers killed",
)
