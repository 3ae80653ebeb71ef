"""That an event was taken in is noted in a transaction of its own, before its effects."""

from tests.chaos.inject.edits import Edit
from tests.chaos.planted import Planted

BUG = Planted(
    says="the inbox row is not in the transaction of the effects",
    edits=(
        Edit(
            "shared.inbox",
            "        async with self.sessions.begin() as session:\n"
            "            await lock_keys(session, self.consumer, keys)\n"
            "            fresh, heads, parked = await self._look(session, envelopes, keys)\n",
            "        async with self.sessions.begin() as session:\n"
            "            fresh, heads, parked = await self._look(session, envelopes, keys)\n"
            "        async with self.sessions.begin() as session:\n"
            "            await lock_keys(session, self.consumer, keys)\n",
        ),
    ),
    breaks=frozenset({"I4", "I7", "I12"}),
    shows="apart from its effect",
    trouble="slow workers killed",
)
