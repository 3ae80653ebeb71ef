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
            "        elif envelope.version > head + 1:\n            await self._park(",
            "        elif head and envelope.version > head + 1:\n            await self._park(",
        ),
        Edit(
            "shared.inbox",
            "        if envelope.version <= head:\n            EVENTS",
            "        if envelope.version <= 0:\n            EVENTS",
        ),
        Edit(
            "shared.inbox",
            "                heads[envelope.key] = envelope.version\n",
            "                heads[envelope.key] = max(head, envelope.version)\n",
        ),
    ),
    breaks=frozenset({"I4", "I14"}),
    trouble="slow workers killed",
)
